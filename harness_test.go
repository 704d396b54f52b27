package storagesim_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim"
)

const volumes = "/projects/default/volumes"

// reply is a response that was read.
type reply struct {
	*http.Response

	text string
}

// send sends a request to Lightbits with the world's client.
func send(t testing.TB, w *storagesim.World, method, path, body string, header ...string) reply {
	t.Helper()
	r, err := try(w.Client, method, w.Lightbits().URL+path, body, header...)
	require.NoError(t, err)
	return r
}

func try(client *http.Client, method, url, body string, header ...string) (reply, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer x")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp, string(text)}, err
}

func create(t testing.TB, w *storagesim.World, name string) reply {
	t.Helper()
	return send(t, w, http.MethodPost, volumes,
		fmt.Sprintf(`{"name":%q,"size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`, name))
}

// sleep is time.Sleep in a Bubble, where it takes no time.
func sleep(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // on the fake clock

// volume creates a volume that is Available.
func volume(t testing.TB, w *storagesim.World, name string) {
	t.Helper()
	made := create(t, w, name)
	require.Equal(t, http.StatusOK, made.StatusCode, made.text)
	w.Until(w.Volume(name), "Available")
}

func get(t testing.TB, w *storagesim.World, name string) reply {
	t.Helper()
	return send(t, w, http.MethodGet, volumes+"/?name="+name, "")
}

func resize(t testing.TB, w *storagesim.World, header ...string) reply {
	t.Helper()
	return send(t, w, http.MethodPut, volumes+"/?name=vol1", `{"size":"8 GiB"}`, header...)
}

func remove(t testing.TB, w *storagesim.World, name string) reply {
	t.Helper()
	return send(t, w, http.MethodDelete, volumes+"/?name="+name, "")
}

// observed is a test whose outcome another test looks at.
type observed struct {
	mu       sync.Mutex
	failed   bool
	ended    bool // by Fatalf
	errors   []string
	logs     []string
	cleanups []func()
}

func (o *observed) Helper() {}

func (o *observed) Cleanup(f func()) { o.cleanups = append(o.cleanups, f) }

func (o *observed) Failed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}

func (o *observed) Logf(format string, args ...any) {
	o.logs = append(o.logs, fmt.Sprintf(format, args...))
}

func (o *observed) Errorf(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = true
	o.errors = append(o.errors, fmt.Sprintf(format, args...))
}

func (o *observed) Fatalf(format string, args ...any) {
	o.Errorf(format, args...)
	o.ended = true
	runtime.Goexit()
}

// observe runs a test and its cleanups, and returns what became of it.
func observe(test func(tb storagesim.TB)) *observed {
	o := &observed{}
	run := func(f func()) {
		var done sync.WaitGroup
		done.Go(f)
		done.Wait()
	}
	run(func() { test(o) })
	for i := len(o.cleanups) - 1; i >= 0; i-- {
		run(o.cleanups[i])
	}
	return o
}
