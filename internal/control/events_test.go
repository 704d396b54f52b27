package control_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/openapi/openapitest"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// patience is how long a test waits for the next line of a stream, on the wall clock.
const patience = 10 * time.Second

// listener reads a stream of events.
type listener struct {
	t     *testing.T
	resp  *http.Response
	lines *bufio.Reader
	// document says what every event has to look like.
	document *openapitest.Checker
}

// soon waits for a value from a stream.
func soon[T any](read func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	came := make(chan result, 1)
	go func() {
		v, err := read()
		came <- result{v, err}
	}()
	select {
	case r := <-came:
		return r.v, r.err
	case <-time.After(patience):
		var none T
		return none, fmt.Errorf("nothing came for %s", patience)
	}
}

// line returns the next line without its end, or io.EOF at the end of the stream.
func (l *listener) line() (string, error) {
	line, err := soon(func() (string, error) { return l.lines.ReadString('\n') })
	return strings.TrimSuffix(line, "\n"), err
}

type sent struct {
	id, kind, comment string
	data              map[string]any
}

func listen(t *testing.T, s *simtest.Server, client *http.Client, url string, header ...string) *listener {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Header = s.Header.Clone()
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := soon(func() (*http.Response, error) { return client.Do(req) })
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, 200, resp.StatusCode)
	s.For(t).Saw(http.MethodGet, req.URL.Path, "", resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	require.NotEmpty(t, resp.Header.Get("X-Sim-Request-Id"))
	require.NotEmpty(t, resp.Header.Get("X-Sim-World"))
	l := &listener{t: t, resp: resp, lines: bufio.NewReader(resp.Body)}
	document, err := (&http.Client{Timeout: patience}).Get(s.URL + "/_sim/openapi/control.json")
	require.NoError(t, err)
	defer document.Body.Close()
	text, err := io.ReadAll(document.Body)
	require.NoError(t, err)
	l.document, err = openapitest.Read(text)
	require.NoError(t, err)
	return l
}

func events(t *testing.T, s *simtest.Server, query string, header ...string) *listener {
	t.Helper()
	l := listen(t, s, s.Client, s.URL+"/_sim/events"+query, header...)
	if !strings.Contains(strings.Join(header, " "), "Last-Event-ID") {
		require.Contains(t, l.block().comment, "events of the world")
	}
	return l
}

// block returns the next block of lines.
func (l *listener) block() (b sent) {
	l.t.Helper()
	for {
		line, err := l.line()
		require.NoError(l.t, err)
		switch {
		case line == "":
			return b
		case strings.HasPrefix(line, ": "):
			b.comment = line[2:]
		case strings.HasPrefix(line, "id: "):
			b.id = line[4:]
		case strings.HasPrefix(line, "event: "):
			b.kind = line[7:]
		case strings.HasPrefix(line, "data: "):
			require.NoError(l.t, json.Unmarshal([]byte(line[6:]), &b.data))
			require.NoError(l.t, l.document.Event(http.MethodGet, "/_sim/events", b.kind, []byte(line[6:])))
		default:
			require.Fail(l.t, "not a line of an event stream", line)
		}
	}
}

// next returns the next event.
func (l *listener) next() sent {
	l.t.Helper()
	for {
		if b := l.block(); b.kind != "" {
			return b
		}
	}
}

func TestEvents_RequestsTransitionsFaultsClockOfTheWorld(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"other"}`)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	l := events(t, s, "")
	s.Must(200, http.MethodPut, "/_sim/clock", `{"now":"2030-01-01T00:00:00Z"}`)
	e := l.next()
	require.Equal(t, "clock", e.kind)
	require.Equal(t, "frozen", e.data["mode"])
	require.Equal(t, "2030-01-01T00:00:00Z", e.data["now"])

	s.In("other").Must(200, http.MethodPost, "/lamps", `{"name":"elsewhere"}`)
	a := s.Must(200, http.MethodPost, "/lamps", `{"name":"desk","password":"hidden"}`)
	e = l.next()
	require.Equal(t, "transition", e.kind)
	require.Equal(t, map[string]any{"world": "default", "at": "2030-01-01T00:00:00Z", "cluster": "north",
		"kind": "lamps.lamp",
		"id":   a.Text(".id"), "event": "create", "from": "", "to": "Made"}, e.data)
	e = l.next()
	require.Equal(t, "request", e.kind)
	require.Equal(t, a.Header.Get("X-Sim-Request-Id"), e.data["id"])
	require.Equal(t, "lamps.CreateLamp", e.data["operation"])
	require.InDelta(t, 200, e.data["status"], 0)
	require.NotContains(t, fmt.Sprint(e.data), "hidden")

	s.Must(503, http.MethodPost, "/lamps", `{}`, "X-Sim-Fault", "503")
	require.Equal(t, "request", l.next().kind)
	e = l.next()
	require.Equal(t, "fault", e.kind)
	require.Equal(t, "lamps.CreateLamp", e.data["operation"])
	require.NotEmpty(t, e.data["fault"])

	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	e = l.next()
	require.Equal(t, "Lit", e.data["to"])
	e = l.next()
	require.Equal(t, "2030-01-01T00:01:00Z", e.data["now"])
	s.Must(200, http.MethodPost, "/_sim/reset", "")
	e = l.next()
	require.Equal(t, "clock", e.kind)
	require.Equal(t, true, e.data["replaced"])
}

func TestEvents_FilterByType(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	for query, want := range map[string][]string{
		"?type=transition": {"transition", "transition"}, "?type=faults": {"fault"}, "?type=clock,request": {"request",
			"request", "clock"},
	} {
		l := events(t, s, query)
		s.Must(200, http.MethodPost, "/lamps", `{}`)
		s.Must(503, http.MethodPost, "/lamps", `{}`, "X-Sim-Fault", "503")
		s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
		for i, kind := range want {
			require.Equal(t, kind, l.next().kind, "%s %d", query, i)
		}
	}
}

func TestEvents_UnknownParameters(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	a := s.Must(400, http.MethodGet, "/_sim/events?type=request,volumes", "")
	require.Equal(t, `["request","transition","fault","clock"]`, a.Text(".valid"))
	s.Must(400, http.MethodGet, "/_sim/events?types=request", "")
	s.Must(400, http.MethodGet, "/_sim/events", "", "Last-Event-ID", "five")
	s.In("nowhere").Must(404, http.MethodGet, "/_sim/events", "")
}

func TestEvents_ResumesAtLastEventID(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	l := events(t, s, "?type=request")
	s.Must(200, http.MethodGet, "/lamps", "")
	first := l.next()
	l.resp.Body.Close()
	a := s.Must(200, http.MethodGet, "/lamps?missed", "")
	l = events(t, s, "?type=request", "Last-Event-ID", first.id)
	require.Equal(t, a.Header.Get("X-Sim-Request-Id"), l.next().data["id"])

	s.Restart()
	l = events(t, s, "", "Last-Event-ID", first.id)
	e := l.next()
	require.Equal(t, "dropped", e.kind)
	require.Empty(t, e.id, "so that the client still knows where it was")
	require.Equal(t, "the events are no longer available", e.data["why"])
}

// A client that is slower than the events gets the number of lost events: each event is received or counted.
func TestEvents_SlowClientGetsLostCount(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Limits.EventQueue = 1 })
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	const lamps = 100
	for range lamps {
		s.Must(200, http.MethodPost, "/lamps", `{}`)
	}
	l := events(t, s, "?type=transition,clock")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	got, dropped := 0, 0
	for {
		e := l.next()
		if e.kind == "clock" {
			break
		}
		if e.kind == "dropped" {
			require.Equal(t, "the client reads too slowly", e.data["why"])
			dropped += int(e.data["count"].(float64))
			continue
		}
		got++
	}
	require.Positive(t, dropped)
	require.Equal(t, lamps, got+dropped)
}

func TestEvents_KeepAlivesBeyondTheRequestTimeout(t *testing.T) {
	limits := func(c *simulator.Config) {
		c.Limits.Heartbeat, c.Limits.ReadTimeout = 20*time.Millisecond, 100*time.Millisecond
	}
	withTLS := func(c *simulator.Config) { c.TLSListen = "127.0.0.1:0" }
	s := simtest.New(t, simtest.ToyVendor, limits, withTLS)
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	clients := map[string]struct {
		url       string
		transport *http.Transport
		major     int
	}{
		"http/1.1": {s.URL, &http.Transport{}, 1},
		"h2c":      {s.URL, &http.Transport{Protocols: h2c}, 2},
		"h2": {s.TLSURL, &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true}}, 2},
	}
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			defer c.transport.CloseIdleConnections()
			l := listen(t, s, &http.Client{Transport: c.transport}, c.url+"/_sim/events")
			require.Equal(t, c.major, l.resp.ProtoMajor)
			l.block()
			for range 20 {
				require.Equal(t, "heartbeat", l.block().comment)
			}
			a := s.Must(200, http.MethodGet, "/lamps", "")
			require.Equal(t, a.Header.Get("X-Sim-Request-Id"), l.next().data["id"])
			l.resp.Body.Close()
		})
	}
}

func TestEvents_EndWithWorldAndProgram(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	l := events(t, s.In("t"), "?type=request")
	s.Must(200, http.MethodDelete, "/_sim/worlds/t", "")
	require.Contains(t, l.block().comment, "was deleted")
	_, err := l.line()
	require.ErrorIs(t, err, io.EOF)

	l = events(t, s, "")
	began := time.Now()
	s.Close()
	require.Less(t, time.Since(began), 2*time.Second)
	_, err = l.line()
	require.ErrorIs(t, err, io.EOF)
}
