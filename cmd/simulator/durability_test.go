package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// call sends a request as a cluster administrator.
func call(client *http.Client, method, url, body string, header ...string) (status int, text string, err error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer x")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(all), err
}

const volumes = "/api/v2/projects/default/volumes"

func newVolume(name string) string {
	return `{"name":"` + name + `","size":"1GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`
}

// Two processes with the same seed, a frozen clock and the same requests return the same bytes, headers included.
func TestTwoProcesses_SameBytes(t *testing.T) {
	tell := func(seed string) string {
		p := spawn(t, "--seed", seed)
		client := &http.Client{Timeout: simtest.Patience}
		var told strings.Builder
		for _, step := range []string{
			"PUT /_sim/clock {\"mode\":\"frozen\",\"now\":\"2026-01-02T03:04:05Z\"}",
			"POST " + volumes + " " + newVolume("a"),
			"POST " + volumes + " " + newVolume("a"),
			"POST " + volumes + " " + newVolume("b"),
			"PUT /_sim/delays {\"lightbits.snapshot.create\":{\"lognormal\":{\"median\":\"1s\",\"p99\":\"5s\"}}}",
			"POST /_sim/clock/advance {\"by\":\"1s\"}",
			"POST /api/v2/projects/default/snapshots {\"name\":\"s\",\"sourceVolumeName\":\"a\"}",
			"GET /_sim/timers ",
			"POST /_sim/clock/advance {\"by\":\"1h\"}",
			"POST /_sim/actions/lightbits/fail-node {\"node\":\"server01-0\"}",
			"POST /_sim/tokens {\"vendor\":\"lightbits\",\"role\":\"default:admin\"}",
			"GET " + volumes + " ",
			"GET /api/v2/nodes ",
			"GET /api/v2/cluster ",
			"GET /api/v2/events ",
			"GET /_sim/resources?kind=lightbits.volume ",
		} {
			parts := strings.SplitN(step, " ", 3)
			status, text, err := call(client, parts[0], p.HTTP+parts[1], parts[2])
			require.NoError(t, err)
			fmt.Fprintf(&told, "%s\n%d %s\n", step, status, text)
		}
		require.NoError(t, p.cmd.Process.Kill())
		return told.String()
	}
	first := tell("5")
	require.NotContains(t, first, "\n50", first)
	require.Equal(t, first, tell("5"))
	require.NotEqual(t, first, tell("6"), "the seed must matter")
}

// After kill -9 during eight writers, five times on one data directory, each acknowledged volume exists, each volume
// reaches a final state, and each index is valid.
func TestKill_UnderEightWriters(t *testing.T) {
	const writers, rounds = 8, 5
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range rounds {
		p := spawn(t, "--data", dir)
		requireVolumes(t, p, acknowledged)
		for name := range write(t, p, round, writers, 50+random.IntN(200)) {
			acknowledged[name] = true
		}
		require.NotEmpty(t, acknowledged)
	}
	p := spawn(t, "--data", dir)
	requireVolumes(t, p, acknowledged)
	_, _, err := call(client, http.MethodPost, p.HTTP+"/_sim/clock/advance", `{"by":"1m"}`)
	require.NoError(t, err)
	_, text, err := call(client, http.MethodGet, p.HTTP+"/_sim/resources?kind=lightbits.volume&state=Creating", "")
	require.NoError(t, err)
	require.NotContains(t, text, `"id"`, "a volume never left Creating")
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.wait(t)

	var out, errs strings.Builder
	require.Equal(t, exitGood, run(t.Context(), []string{"verify", "--data", dir}, env(), &out, &errs), errs.String())
	t.Logf("%d acknowledged creates in %d rounds; %s", len(acknowledged), rounds, out.String())
}

// write creates volumes from several clients until enough are acknowledged, and kills the process in the middle.
func write(t *testing.T, p *process, round, writers, enough int) map[string]bool {
	t.Helper()
	var mu sync.Mutex
	done := map[string]bool{}
	var count atomic.Int64
	killed := make(chan struct{})
	var clients sync.WaitGroup
	for w := range writers {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: simtest.Patience}
			defer client.CloseIdleConnections()
			for i := 0; ; i++ {
				name := fmt.Sprintf("r%d-w%d-%d", round, w, i)
				status, text, err := call(client, http.MethodPost, p.HTTP+volumes, newVolume(name))
				if err != nil {
					return // the process is gone
				}
				if status != http.StatusOK {
					t.Errorf("create %s answered %d %s", name, status, text)
					return
				}
				mu.Lock()
				done[name] = true
				mu.Unlock()
				if count.Add(1) == int64(enough) {
					close(killed)
				}
			}
		})
	}
	<-killed
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.wait(t)
	clients.Wait()
	return done
}

// requireVolumes reads all volumes, page by page, and requires those of the list.
func requireVolumes(t *testing.T, p *process, names map[string]bool) {
	t.Helper()
	there := map[string]bool{}
	offset := ""
	for {
		_, text, err := call(client, http.MethodGet, p.HTTP+volumes+"?limit=1000&offsetUUID="+offset, "")
		require.NoError(t, err)
		var page struct{ Volumes []struct{ UUID, Name string } }
		require.NoError(t, json.Unmarshal([]byte(text), &page), text)
		if len(page.Volumes) == 0 {
			break
		}
		for _, v := range page.Volumes {
			there[v.Name] = true
		}
		offset = page.Volumes[len(page.Volumes)-1].UUID
	}
	for name := range names {
		require.True(t, there[name], "acknowledged volume %s is gone", name)
	}
}
