// Package simtest starts simulators for tests and sends requests to them. It can restart a simulator on the same data,
// and run scenario scripts (RunScripts).
package simtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
)

// Option changes the configuration of a simulator.
type Option func(*simulator.Config)

// Server is a running simulator and a client for it. Its methods end the test if they fail.
type Server struct {
	URL    string
	TLSURL string
	Client *http.Client
	Header http.Header // sent with every request

	tb     testing.TB
	config simulator.Config
	sim    *simulator.Simulator
	own    *documents // of the test's own vendors
	seen   *evidence
}

// New starts a simulator on free ports, without TLS, on a temporary data directory. It is closed when the test ends.
func New(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s := &Server{
		tb: tb, config: simulator.Default(), Client: &http.Client{Transport: &http.Transport{}, Timeout: Patience},
		Header: http.Header{}, own: &documents{}, seen: &evidence{lines: map[string]bool{}},
	}
	s.config.Listen, s.config.TLSListen = "127.0.0.1:0", ""
	if os.Getenv(CoverageDir) == "" { // a journal is allocated at the start, and tests start many simulators
		s.config.Limits.JournalCount = journalCount
	}
	for _, opt := range opts {
		opt(&s.config)
	}
	if s.config.Data == "" {
		s.config.Data = tb.TempDir()
	}
	if s.config.Vendors != nil && s.config.Fixture == simulator.Default().Fixture {
		s.config.Fixture = EmptyFixture(tb)
	}
	s.Open()
	tb.Cleanup(s.Close)
	return s
}

// journalCount is how many requests the journal of a test keeps.
const journalCount = 2000

// EmptyFixture returns the path of an empty file named as the default fixture, for vendors that are not the product's.
func EmptyFixture(tb testing.TB) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), simulator.Default().Fixture+".yaml")
	require.NoError(tb, os.WriteFile(file, []byte("{}\n"), 0o600))
	return file
}

// Open starts the simulator on its data directory.
func (s *Server) Open() {
	s.tb.Helper()
	sim, err := simulator.New(s.config)
	require.NoError(s.tb, err)
	require.NoError(s.tb, sim.Open())
	s.sim, s.URL, s.TLSURL = sim, sim.URL(), sim.TLSURL()
}

// closing bounds how long requests may continue when a test closes its simulator.
const closing = 5 * time.Second

// Close stops the simulator. It does nothing if the simulator is already closed.
func (s *Server) Close() {
	s.tb.Helper()
	s.Client.CloseIdleConnections()
	if s.sim == nil {
		return
	}
	s.writeCoverage()
	s.writeEvidence()
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	require.NoError(s.tb, s.sim.Close(ctx))
	s.sim = nil
	s.replay()
}

// Restart closes the simulator and opens it again on the same data.
func (s *Server) Restart(opts ...Option) {
	s.tb.Helper()
	s.Close()
	for _, opt := range opts {
		opt(&s.config)
	}
	s.Open()
}

// In returns a copy of the server whose requests name a world.
func (s *Server) In(world string) *Server {
	other := *s
	other.Header = s.Header.Clone()
	other.Header.Set("X-Sim-World", world)
	return &other
}

// For returns a copy of the server for a part of the test, such as one input of a fuzz test.
func (s *Server) For(tb testing.TB) *Server {
	other := *s
	other.tb = tb
	return &other
}

// Record starts the simulator again, on new data, with a recording. When the simulator is closed or restarted, the
// recording ends, and a replay must give the same responses byte for byte.
func (s *Server) Record() {
	s.tb.Helper()
	s.Close()
	require.NoError(s.tb, os.RemoveAll(filepath.Join(s.config.Data, "simulator.db")))
	s.config.Record = filepath.Join(s.tb.TempDir(), "recording.jsonl")
	s.Open()
}

// replay replays the recording, if there is one.
func (s *Server) replay() {
	s.tb.Helper()
	if s.config.Record == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	result, err := simulator.Replay(ctx, s.config, s.config.Record)
	s.config.Record = ""
	require.NoError(s.tb, err)
	if d := result.Difference; d != nil {
		require.Fail(s.tb, "a replay gives another response", "%s %s: %s differs\nrecorded: %s\nreplayed: %s",
			d.Request.Method, d.Request.URL, d.What, d.Recorded, d.Replayed)
	}
	require.NotZero(s.tb, result.Requests)
}

// Response is the response to a request.
type Response struct {
	Status int
	Header http.Header
	Body   string

	tb testing.TB
}

// Do sends a request and returns the response. Path may be a whole URL. Header alternates names and values; an empty
// value removes a header. A body that is a JSON object has its Content-Type.
func (s *Server) Do(method, path, body string, header ...string) Response {
	s.tb.Helper()
	url := path
	if strings.HasPrefix(path, "/") {
		url = s.URL + path
	}
	ctx, cancel := context.WithTimeout(s.tb.Context(), Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(s.tb, err)
	req.Header = s.Header.Clone()
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := s.Client.Do(req)
	require.NoError(s.tb, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(s.tb, err)
	a := Response{Status: resp.StatusCode, Header: resp.Header, Body: string(text), tb: s.tb}
	s.check(req, a)
	return a
}

// Must is Do for a request that must return the status.
func (s *Server) Must(status int, method, path, body string, header ...string) Response {
	s.tb.Helper()
	a := s.Do(method, path, body, header...)
	require.Equal(s.tb, status, a.Status, "%s %s returned %s", method, path, a.Body)
	s.Saw(method, path, body, status)
	return a
}

// Into decodes the response body as JSON into v.
func (a Response) Into(v any) {
	a.tb.Helper()
	require.NoError(a.tb, json.Unmarshal([]byte(a.Body), v), a.Body)
}

// Get returns the value at a path of the response body, such as .volumes[0].name, or nil if there is none.
func (a Response) Get(path string) any {
	a.tb.Helper()
	v, err := lookup(a.Body, path)
	require.NoError(a.tb, err)
	return v
}

// Text is like Get, but returns a string as it is and any other value as JSON.
func (a Response) Text(path string) string {
	a.tb.Helper()
	return textOf(a.Get(path))
}

func textOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// lookup returns the value at a path such as .a.b[0].c of a JSON document. The path .a.*.b gives the list of the
// members b of the elements of a.
func lookup(text, path string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("%s of %q: %w", path, text, err)
	}
	return follow(v, strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })), nil
}

// follow returns nil if there is no value at the path.
func follow(v any, steps []string) any {
	if len(steps) == 0 {
		return v
	}
	switch in := v.(type) {
	case map[string]any:
		return follow(in[steps[0]], steps[1:])
	case []any:
		if steps[0] == "*" {
			parts := make([]any, len(in))
			for i, element := range in {
				parts[i] = follow(element, steps[1:])
			}
			return parts
		}
		if i, err := strconv.Atoi(steps[0]); err == nil && i >= 0 && i < len(in) {
			return follow(in[i], steps[1:])
		}
	}
	return nil
}
