//go:build linux

package reliability

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

// sample is one measurement of the process.
type sample struct {
	at                                      time.Duration
	resident, file, goroutines, descriptors float64
	requests                                int64
}

// measure reads the number of goroutines from /metrics, and everything else from the operating system.
func measure(t *testing.T, p *program.Program, dir string, began time.Time) sample {
	t.Helper()
	s := sample{at: time.Since(began), resident: float64(p.Resident()) / mib, descriptors: float64(p.Descriptors())}
	info, err := os.Stat(filepath.Join(dir, fileName))
	require.NoError(t, err)
	s.file = float64(info.Size()) / mib
	a, err := program.Call(http.DefaultClient, http.MethodGet, p.HTTP+"/metrics", "", "")
	require.NoError(t, err, p.Stderr())
	lines := bufio.NewScanner(strings.NewReader(a.Text))
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			s.goroutines, _ = strconv.ParseFloat(text, 64)
		}
	}
	return s
}

// slope returns the slope of the least-squares line through the samples, per hour.
func slope(samples []sample, of func(sample) float64) float64 {
	var n, x, y, xx, xy float64
	for _, s := range samples {
		h, v := s.at.Hours(), of(s)
		n, x, y, xx, xy = n+1, x+h, y+v, xx+h*h, xy+h*v
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// pause waits as long as the request since began took, so that the server is idle for half of the time.
func pause(began time.Time) { <-time.After(time.Since(began)) }

// visit creates a world, fills it, restores a checkpoint, resets it and deletes it.
func visit(client *http.Client, p *program.Program, random *rand.Rand, name string, count *atomic.Int64) error {
	ask := func(want int, method, path, world, body string) error {
		began := time.Now()
		a, err := program.Call(client, method, p.HTTP+path, world, body)
		pause(began)
		count.Add(1)
		if err == nil && a.Status != want {
			err = fmt.Errorf("%s %s in %s returned %d %s", method, path, world, a.Status, a.Text)
		}
		return err
	}
	if err := ask(201, http.MethodPost, "/_sim/worlds", "", `{"name":"`+name+`"}`); err != nil {
		return err
	}
	volumes := 5 + random.IntN(40)
	for i := range volumes {
		if err := ask(200, http.MethodPost, volumesPath, name, newVolume(fmt.Sprint("v", i))); err != nil {
			return err
		}
		if i%10 == 5 {
			if err := ask(200, http.MethodPut, fmt.Sprint("/_sim/checkpoints/c", i), name, ""); err != nil {
				return err
			}
		}
		if err := ask(200, http.MethodGet, volumesPath+"?limit=1000", name, ""); err != nil {
			return err
		}
	}
	steps := []struct{ method, path, world, body string }{
		{http.MethodPost, "/_sim/clock/advance", name, `{"by":"1m"}`},
		{http.MethodGet, "/api/v2/events?limit=100", name, ""},
		{http.MethodPost, "/_sim/checkpoints/c5/restore", name, ""},
		{http.MethodPost, "/_sim/reset", name, ""},
		{http.MethodDelete, "/_sim/worlds/" + name, "", ""},
	}
	if volumes <= 6 {
		steps = append(steps[:2], steps[3:]...) // there is no checkpoint
	}
	for _, s := range steps {
		if err := ask(200, s.method, s.path, s.world, s.body); err != nil {
			return err
		}
	}
	return nil
}

// Clients create and delete worlds for the duration SOAK. After a fifth of the time, memory, file, goroutines and
// descriptors no longer grow.
func TestSoak_NothingGrows(t *testing.T) {
	text := os.Getenv("SOAK")
	if text == "" || binary == "" {
		t.Skip("make soak runs it")
	}
	length, err := time.ParseDuration(text)
	require.NoError(t, err, "SOAK")
	random := seeded(t)
	dir := t.TempDir()
	p := start(t, "--data", dir)
	began := time.Now()
	var count atomic.Int64
	var work sync.WaitGroup
	for c := range 4 {
		own := rand.New(rand.NewPCG(random.Uint64(), 1))
		work.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			for i := 0; time.Since(began) < length; i++ {
				if err := visit(&http.Client{Transport: transport}, p, own, fmt.Sprintf("s%d-%d", c, i), &count); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var samples []sample
	each := max(length/120, time.Second)
	for next := each; next < length && !t.Failed(); next += each {
		<-time.After(next - time.Since(began))
		s := measure(t, p, dir, began)
		s.requests = count.Load()
		if samples = append(samples, s); len(samples)%10 == 0 {
			t.Logf("%s: %d requests, %.1f MiB resident, %.1f MiB file, %.0f goroutines, %.0f descriptors",
				s.at.Round(time.Second), s.requests, s.resident, s.file, s.goroutines, s.descriptors)
		}
	}
	work.Wait()
	require.False(t, t.Failed())
	report(t, samples[len(samples)/5:])
	require.NotContains(t, p.Stderr(), "panic")
	require.Zero(t, p.Stop(), p.Stderr())
	require.NoError(t, program.Verify(binary, dir))
}

// report logs the trend of each measured value. It requires that the value rises by less than its slack and a tenth of
// its mean.
func report(t *testing.T, samples []sample) {
	t.Helper()
	hours := samples[len(samples)-1].at.Hours() - samples[0].at.Hours()
	for _, q := range []struct {
		name  string
		of    func(sample) float64
		slack float64
	}{
		{"MiB resident, without pages of files", func(s sample) float64 { return s.resident }, 16},
		{"MiB of the file", func(s sample) float64 { return s.file }, 8},
		{"goroutines", func(s sample) float64 { return s.goroutines }, 10},
		{"descriptors", func(s sample) float64 { return s.descriptors }, 5},
	} {
		mean := 0.0
		for _, s := range samples {
			mean += q.of(s) / float64(len(samples))
		}
		rise := slope(samples, q.of) * hours
		t.Logf("%s: mean %.1f, slope %+.2f per hour, %+.2f over the %.0f minutes measured",
			q.name, mean, slope(samples, q.of), rise, hours*60)
		require.Less(t, rise, q.slack+mean/10, "%s", q.name)
	}
}
