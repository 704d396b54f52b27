package control_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// withTLS gives the simulator a TLS listener on a free port.
func withTLS(c *simulator.Config) { c.TLSListen = "127.0.0.1:0" }

// transports are the four ways to reach the simulator.
func transports(s *simtest.Server) map[string]func() (*http.Client, string) {
	client := func(http2 bool, url string) func() (*http.Client, string) {
		return func() (*http.Client, string) {
			p := new(http.Protocols)
			p.SetHTTP1(!http2)
			p.SetHTTP2(http2)
			p.SetUnencryptedHTTP2(http2)
			return &http.Client{Transport: &http.Transport{Protocols: p, DisableKeepAlives: true,
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}, url //nolint:gosec // a test's own server
		}
	}
	return map[string]func() (*http.Client, string){
		"http1": client(false, s.URL), "http2": client(true, s.URL), "http1 tls": client(false,
			s.TLSURL), "http2 tls": client(true, s.TLSURL),
	}
}

// got is what a client receives in one exchange.
type got struct {
	err    error // of the answer's head
	resp   *http.Response
	body   string
	broken error // of the answer's body
	took   time.Duration
}

func ask(t *testing.T, c *http.Client, method, url, body string) got {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	return answerTo(c, req)
}

// answerTo sends a request and returns what the client receives.
func answerTo(c *http.Client, req *http.Request) got {
	began := time.Now()
	resp, err := c.Do(req)
	if err != nil {
		return got{err: err, took: time.Since(began)}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return got{resp: resp, body: string(text), broken: err, took: time.Since(began)}
}

// wireCases are effects, and what a client receives on any transport.
var wireCases = map[string]struct {
	effect string
	phase  string
	made   bool // whether the lamp is there afterwards
	see    func(t *testing.T, http2 bool, g got)
}{
	"status": {`{"status":503,"retryAfter":"2s","message":"not now"}`, "", false, func(t *testing.T, _ bool, g got) {
		require.NoError(t, g.err)
		require.Equal(t, 503, g.resp.StatusCode)
		require.Equal(t, "2", g.resp.Header.Get("Retry-After"))
		require.JSONEq(t, `{"error":"not now"}`, g.body)
	}},
	"status after": {`{"status":503}`, "after", true, func(t *testing.T, _ bool, g got) {
		require.NoError(t, g.err)
		require.Equal(t, 503, g.resp.StatusCode)
		require.JSONEq(t, `{"error":"Service Unavailable (injected by wire)"}`, g.body)
	}},
	"latency before":    {`{"latency":{"fixed":"60ms"}}`, "", true, late},
	"latency after":     {`{"latency":{"uniform":["60ms","70ms"]}}`, "after", true, late},
	"latency normal":    {`{"latency":{"normal":{"mean":"70ms","stddev":"1us"},"cap":"65ms"}}`, "after", true, late},
	"latency lognormal": {`{"latency":{"lognormal":{"median":"70ms","p99":"71ms"}}}`, "", true, late},
	"reset":             {`{"connection":"reset"}`, "", false, cut(syscall.ECONNRESET)},
	"reset after":       {`{"connection":"reset"}`, "after", true, cut(syscall.ECONNRESET)},
	"empty":             {`{"connection":"empty"}`, "", false, cut(io.EOF)},
	"stall":             {`{"connection":"stall","stallFor":"20ms"}`, "", false, cut(io.EOF)},
	"truncate": {`{"connection":"truncate","truncateAt":7}`, "", true, func(t *testing.T, _ bool, g got) {
		require.NoError(t, g.err)
		require.Equal(t, 200, g.resp.StatusCode)
		require.Equal(t, `{"id":"`, g.body)
		require.Error(t, g.broken)
		require.Greater(t, g.resp.ContentLength, int64(7), "the head promises the whole")
	}},
	"truncate a status": {`{"connection":"truncate","truncateAt":0,"status":503}`, "", false,
		func(t *testing.T, _ bool, g got) {
			require.NoError(t, g.err)
			require.Equal(t, 503, g.resp.StatusCode)
			require.Empty(t, g.body)
			require.Error(t, g.broken)
		}},
	"stall in the middle": {`{"connection":"stall","truncateAt":5,"stallFor":"20ms"}`, "", true,
		func(t *testing.T, _ bool, g got) {
			require.NoError(t, g.err)
			require.Equal(t, `{"id"`, g.body)
			require.Error(t, g.broken)
			require.GreaterOrEqual(t, g.took, 20*time.Millisecond)
		}},
	"dribble": {`{"connection":"dribble","dribble":{"bytes":20,"every":"15ms"}}`, "", true,
		func(t *testing.T, _ bool, g got) {
			require.NoError(t, g.err)
			require.NoError(t, g.broken)
			require.True(t, json.Valid([]byte(g.body)))
			require.GreaterOrEqual(t, g.took, time.Duration((len(g.body)-1)/20)*15*time.Millisecond)
		}},
	"malformed": {`{"malformed":true}`, "", true, func(t *testing.T, _ bool, g got) {
		require.NoError(t, g.err)
		require.NoError(t, g.broken)
		require.Equal(t, 200, g.resp.StatusCode)
		require.False(t, json.Valid([]byte(g.body)), g.body)
	}},
}

func late(t *testing.T, _ bool, g got) {
	require.NoError(t, g.err)
	require.Equal(t, 200, g.resp.StatusCode)
	require.GreaterOrEqual(t, g.took, 60*time.Millisecond)
}

// cut expects no response: over HTTP/1.1 for this reason, over HTTP/2 because of RST_STREAM.
func cut(reason error) func(t *testing.T, http2 bool, g got) {
	return func(t *testing.T, http2 bool, g got) {
		require.Error(t, g.err)
		if http2 {
			require.Contains(t, g.err.Error(), "stream error")
			return
		}
		require.ErrorIs(t, g.err, reason)
	}
}

// Every effect works over HTTP/1.1 and HTTP/2, with and without TLS, and the phase decides whether the change is
// committed.
func TestFaults_OnTheWire(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, withTLS)
	for way, dial := range transports(s) {
		client, url := dial()
		for name, c := range wireCases {
			t.Run(way+"/"+name, func(t *testing.T) {
				s.Must(200, http.MethodPost, "/_sim/reset", "")
				s.Must(200, http.MethodDelete, "/_sim/requests", "")
				rule := fmt.Sprintf(`{"match":{"operation":"lamps.CreateLamp"},"phase":%q,"effect":%s}`, c.phase, c.effect)
				s.Must(200, http.MethodPut, "/_sim/faults/wire", rule)
				g := ask(t, client, http.MethodPost, url+"/lamps", `{"name":"a lamp with a name that is long"}`)
				c.see(t, strings.HasPrefix(way, "http2"), g)
				if g.err == nil {
					require.Equal(t, "wire", g.resp.Header.Get("X-Sim-Fault"))
				}
				require.Equal(t, c.made, s.Must(200, http.MethodGet, "/lamps", "").Get("[0]") != nil)
				seen := s.Must(200, http.MethodGet, "/_sim/requests?operation=lamps.CreateLamp", "")
				require.Equal(t, "wire", seen.Text(".requests[0].fault"))
				require.Equal(t, "true", seen.Text(".requests[0].faults[0].fired"))
				if g.err != nil {
					require.Equal(t, "0", seen.Text(".requests[0].status"), "no answer was sent")
				}
				require.Equal(t, "1", s.Must(200, http.MethodGet, "/_sim/faults/wire", "").Text(".hits"))
			})
		}
	}
}

// A stall without a limit ends when the server stops.
func TestFaults_StallEndsWithTheServer(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, withTLS)
	s.Must(201, http.MethodPost, "/_sim/faults", `{"effect":{"connection":"stall","truncateAt":1}}`)
	for way, dial := range transports(s) {
		client, url := dial()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/lamps", nil)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err, way)
		t.Cleanup(func() { resp.Body.Close() })
		one := make([]byte, 1)
		_, err = io.ReadFull(resp.Body, one)
		require.NoError(t, err, way)
		t.Cleanup(func() {
			_, err := resp.Body.Read(one)
			require.Error(t, err, way)
		})
	}
	began := time.Now()
	s.Close()
	require.Less(t, time.Since(began), 4*time.Second, "requests are cut off before the time that they would be given")
}

// The header X-Sim-Fault takes the same values as a plan.
func TestFaults_RequestHeader(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	a := s.Must(503, http.MethodPost, "/lamps", `{"name":"a"}`, "X-Sim-Fault", "after:503")
	require.Equal(t, "header", a.Header.Get("X-Sim-Fault"))
	require.NotNil(t, s.Must(200, http.MethodGet, "/lamps", "").Get("[0]"), "it happened")
	require.False(t, json.Valid([]byte(s.Must(200, http.MethodGet, "/lamps", "", "X-Sim-Fault", "malformed").Body)))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/lamps", nil)
	require.NoError(t, err)
	req.Header.Set("X-Sim-Fault", "reset")
	_, err = s.Client.Do(req) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, syscall.ECONNRESET)
	s.Must(400, http.MethodGet, "/lamps", "", "X-Sim-Fault", "rest")
	s.Must(400, http.MethodGet, "/lamps", "", "X-Sim-Fault", "after:pass")
}

// A refusal without a body, and a truncated empty body, are not mistaken for a success.
func TestFaults_TruncateShortBodies(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/faults", `{"effect":{"connection":"truncate","truncateAt":1000}}`)
	g := ask(t, s.Client, http.MethodGet, s.URL+"/lamps", "")
	require.NoError(t, g.err)
	require.Equal(t, "[", g.body, "at least one byte is missing")
	require.ErrorIs(t, g.broken, io.ErrUnexpectedEOF)
}
