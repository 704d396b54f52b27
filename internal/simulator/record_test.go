package simulator_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/record"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// newRecorded starts a simulator that writes a recording to file.
func newRecorded(t *testing.T, opts ...simtest.Option) (s *simtest.Server, file string) {
	file = filepath.Join(t.TempDir(), "session.jsonl")
	record := func(c *simulator.Config) { c.Record, c.Data = file, filepath.Join(t.TempDir(), "data") }
	return simtest.New(t, append(opts, record)...), file
}

func replay(t *testing.T, file string, opts ...simtest.Option) record.Result {
	t.Helper()
	c := simulator.Default()
	for _, opt := range opts {
		opt(&c)
	}
	result, err := simulator.Replay(t.Context(), c, file)
	require.NoError(t, err)
	return result
}

// requireSameReplay ends the test unless a replay gives the recorded responses. The recording must have at least the
// given number of requests.
func requireSameReplay(t *testing.T, file string, requests int) {
	t.Helper()
	result := replay(t, file)
	if d := result.Difference; d != nil {
		require.Fail(t, "a difference", "%d %s %s: %s\nrecorded: %s\nreplayed: %s",
			d.Line, d.Request.Method, d.Request.URL, d.What, d.Recorded, d.Replayed)
	}
	require.GreaterOrEqual(t, result.Requests, requests)
	require.False(t, result.Cut)
}

const volumesURL = "/api/v2/projects/default/volumes"

func volume(name string) string {
	return `{"name":"` + name + `","size":"1GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`
}

// useEveryVendor sends requests to all four vendors in a world, with newly minted tokens.
func useEveryVendor(s *simtest.Server, world, name string) {
	w := s.In(world)
	lb := w.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lightbits"}`).Text(".token")
	made := w.Do(http.MethodPost, volumesURL, volume(name), "Authorization", "Bearer "+lb)
	w.Do(http.MethodDelete, volumesURL+"/"+made.Text(".UUID"), "", "Authorization", "Bearer "+lb)
	w.Do(http.MethodGet, volumesURL, "", "Authorization", "Bearer "+lb)
	w.Do(http.MethodGet, "/api/v2/events", "", "Authorization", "Bearer "+lb)
	dm := w.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"dms"}`).Text(".token")
	w.Do(http.MethodGet, "/api/v1/workflows", "", "Authorization", "Bearer "+dm)
	w.Do(http.MethodPost, "/login", `{"username":"admin","password":"light"}`)
	ll := w.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lucidlink"}`).Text(".token")
	w.Do(http.MethodGet, "/v1/filespaces", "", "Authorization", "Bearer "+ll)
	lc := w.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lucidity"}`).Text(".refreshToken")
	w.Do(http.MethodPost, "/external/client/api/v1/auth/access-token", `{"refreshToken":"`+lc+`"}`)
	w.Do(http.MethodGet, "/api/v1/volumes", "")
	w.Do(http.MethodGet, "/_sim/resources", "")
	w.Do(http.MethodGet, "/_sim/timers", "")
	w.Do(http.MethodGet, "/_sim/health", "")
}

// Concurrent clients use all vendors, in worlds with clocks of every mode and with random faults.
func TestRecord_ConcurrentClients(t *testing.T) {
	s, file := newRecorded(t, func(c *simulator.Config) { c.TLSListen = "127.0.0.1:0" })
	s.Must(200, http.MethodGet, "/_sim/ca.pem", "")
	s.Must(200, http.MethodGet, "/metrics", "")
	worlds := map[string]string{
		"frozen": `{"mode":"frozen"}`, "quick": `{"mode":"real","rate":2000}`, "auto": `{"mode":"auto"}`,
		"real": `{"mode":"real"}`,
	}
	for name, clock := range worlds {
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"`+name+`","seed":7,"listen":"127.0.0.1:0"}`)
		w := s.In(name)
		w.Must(200, http.MethodPut, "/_sim/clock", clock)
		for _, rule := range []string{
			`{"id":"slow","match":{"operation":"lightbits.*"},"when":{"probability":0.3},
				"effect":{"latency":{"uniform":["1ms","9ms"]}}}`,
			`{"id":"busy","match":{"operation":"lightbits.DeleteVolume"},"when":{"probability":0.3},
				"effect":{"status":503,"retryAfter":"2s"}}`,
			`{"id":"drip","match":{"operation":"lightbits.ListEvents"},
				"effect":{"connection":"dribble","dribble":{"bytes":100000,"every":"1ms"}}}`,
		} {
			w.Must(201, http.MethodPost, "/_sim/faults", rule)
		}
	}
	var clients sync.WaitGroup
	for name := range worlds {
		for c := range 2 {
			clients.Go(func() {
				for i := range 4 {
					useEveryVendor(s, name, fmt.Sprintf("v-%d-%d", c, i))
				}
			})
		}
	}
	clients.Wait()
	s.In("frozen").Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1h"}`)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"brief","ttl":"1ns"}`)
	for range 3 {
		s.Do(http.MethodGet, "/_sim/worlds/brief", "")
	}
	s.Must(200, http.MethodDelete, "/_sim/worlds/auto", "")
	s.Must(200, http.MethodGet, "/_sim/requests", "")
	s.Must(200, http.MethodGet, "/_sim/worlds", "")
	s.Close()
	requireSameReplay(t, file, 4*2*4*10)
}

// If a fault breaks a connection, a replay compares what the client received before.
func TestRecord_BrokenConnections(t *testing.T) {
	s, file := newRecorded(t)
	for _, effect := range []string{"reset", "empty", "truncate", "stall;5ms", "503", "malformed", "after:reset"} {
		req, err := http.NewRequest(http.MethodGet, s.URL+volumesURL, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer x")
		req.Header.Set("X-Sim-Fault", effect)
		if resp, err := s.Client.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	s.Must(200, http.MethodGet, "/_sim/requests", "")
	s.Close()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), `"end":"reset"`)
	require.Contains(t, string(text), `"end":"aborted"`)
	requireSameReplay(t, file, 7)
}

func TestReplay_ReportsDifference(t *testing.T) {
	s, file := newRecorded(t)
	s.Must(200, http.MethodPost, volumesURL, volume("a"), "Authorization", "Bearer x")
	s.Must(200, http.MethodGet, volumesURL, "", "Authorization", "Bearer x")
	s.Close()
	requireSameReplay(t, file, 2)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for was, is := range map[string][2]string{
		`\"name\":\"a\"`:             {`\"name\":\"b\"`, "the body, from byte"},
		`"status":200`:               {`"status":201`, "the status"},
		`"X-Sim-World":["default"]`:  {`"X-Sim-World":["other"]`, "a header"},
		`"X-Sim-Request-Id":["req-1`: {`"X-Sim-Request-Id":["req-7`, "a header"},
	} {
		changed := filepath.Join(t.TempDir(), "changed.jsonl")
		lines := bytes.SplitAfter(text, []byte("\n"))
		n := slices.IndexFunc(lines, func(line []byte) bool { return bytes.Contains(line, []byte(`"answer"`)) })
		begin, answer, _ := bytes.Cut(lines[n], []byte(`"answer"`))
		require.Contains(t, string(answer), was)
		lines[n] = slices.Concat(begin, []byte(`"answer"`), bytes.Replace(answer, []byte(was), []byte(is[0]), 1))
		require.NoError(t, os.WriteFile(changed, bytes.Join(lines, nil), 0o600))
		d := replay(t, changed).Difference
		require.NotNil(t, d, was)
		require.Contains(t, d.What, is[1])
		require.Equal(t, n+1, d.Line)
		require.NotEqual(t, d.Recorded, d.Replayed)
	}
}

// A recording whose last line is incomplete, as after a crash, can be replayed up to that line.
func TestReplay_TruncatedRecording(t *testing.T) {
	s, file := newRecorded(t)
	for i := range 3 {
		s.Must(200, http.MethodPost, volumesURL, volume(fmt.Sprint("v", i)), "Authorization", "Bearer x")
	}
	s.Close()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	cut := filepath.Join(t.TempDir(), "cut.jsonl")
	require.NoError(t, os.WriteFile(cut, text[:len(text)-20], 0o600))
	result := replay(t, cut)
	require.True(t, result.Cut)
	require.Nil(t, result.Difference)
	require.NotZero(t, result.Requests)
}

func TestReplay_InvalidRecording(t *testing.T) {
	s, file := newRecorded(t)
	s.Must(200, http.MethodGet, "/_sim/health", "")
	s.Close()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	for recording, message := range map[string]string{
		"":     "the recording has no complete line",
		"{}\n": "not that of a recording",
		strings.Replace(first, `"recording":1`, `"recording":9`, 1) + "\n": "version 9",
		first + "\n{\"turn\":2}\n":              "out of order",
		first + "\n{\"turn\":1}\n":              "neither request, resume, timers nor expire",
		first + "\n{\"turn\":1,\"resume\":5}\n": "is waiting",
		first + "\nrust\n":                      "line 2",
		strings.Replace(first, `"fixture":"small"`, `"fixture":"big"`, 1) + "\n": "fixture",
	} {
		require.NoError(t, os.WriteFile(file, []byte(recording), 0o600))
		_, err := simulator.Replay(t.Context(), simulator.Default(), file)
		require.ErrorContains(t, err, message)
	}
}

// A replay does not wait for a request that has no response in the recording.
func TestReplay_UnansweredRequest(t *testing.T) {
	s, file := newRecorded(t)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"effect":{"latency":{"fixed":"1ms"}},"match":{"operation":"lightbits.ListNodes"}}`)
	s.Must(200, http.MethodGet, "/api/v2/nodes", "", "Authorization", "Bearer x")
	s.Close()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := bytes.SplitAfter(text, []byte("\n"))
	waiting := bytes.LastIndex(text, []byte(`"resume"`))
	require.Positive(t, waiting)
	short := filepath.Join(t.TempDir(), "short.jsonl")
	require.NoError(t, os.WriteFile(short, bytes.Join(lines[:len(lines)-2], nil), 0o600))
	require.Equal(t, 1, replay(t, short).Unanswered)
}

func TestRecord_Refusals(t *testing.T) {
	s, file := newRecorded(t)
	s.Must(200, http.MethodGet, "/_sim/health", "")
	s.Close()
	c := simulator.Default()
	c.Record = file
	_, err := simulator.New(c)
	require.ErrorContains(t, err, "delete it or use another")
	dir := t.TempDir()
	old := simtest.New(t, func(c *simulator.Config) { c.Data = dir })
	old.Close()
	c.Data, c.Record = dir, filepath.Join(t.TempDir(), "new.jsonl")
	_, err = simulator.New(c)
	require.ErrorContains(t, err, "has data already")
	require.NoFileExists(t, c.Record)
	c.Data, c.Record = "", filepath.Join(t.TempDir(), "no", "such.jsonl")
	_, err = simulator.New(c)
	require.ErrorContains(t, err, "such.jsonl")
}

// A replay by another version of the program logs a warning and continues. The recording contains a fixture that is a
// file.
func TestReplay_OtherVersionAndFixtureFile(t *testing.T) {
	s, file := newRecorded(t, simtest.ToyVendor, func(c *simulator.Config) {
		c.Fixture = filepath.Join(t.TempDir(), "hall.yaml")
		require.NoError(t, os.WriteFile(c.Fixture, []byte("lamps:\n  lamps:\n    - name: first\n"), 0o600))
	})
	require.Contains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, "first")
	s.Close()
	var log bytes.Buffer
	result := replay(t, file, simtest.ToyVendor, func(c *simulator.Config) {
		c.Version, c.Log = "9.9", zerolog.New(&log)
	})
	require.Nil(t, result.Difference)
	require.Positive(t, result.Requests)
	require.Contains(t, log.String(), "another version")
}

// A recording can contain a long request body and an event stream.
func TestRecord_LongBodiesAndStreams(t *testing.T) {
	s, file := newRecorded(t)
	s.Must(200, http.MethodPut, "/_sim/clock", frozen)
	state := s.Must(200, http.MethodGet, "/_sim/state", "").Body
	s.Must(200, http.MethodPut, "/_sim/state", state+strings.Repeat("# a long remark\n", 1<<17),
		"Content-Type", "application/yaml")
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/_sim/events", nil)
	require.NoError(t, err)
	stream := simtest.Await(t, "response to GET /_sim/events", func() *http.Response {
		resp, err := s.Client.Do(req)
		if err != nil {
			t.Error(err)
		}
		return resp
	})
	require.NotNil(t, stream)
	s.Must(200, http.MethodPost, volumesURL, volume("a"), "Authorization", "Bearer x")
	require.NotEmpty(t, simtest.ReadLine(t, "event", bufio.NewReader(stream.Body)))
	cancel()
	stream.Body.Close()
	s.Must(200, http.MethodGet, "/_sim/health", "")
	s.Close()
	requireSameReplay(t, file, 6)
}
