package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func TestServe_RespondsAndCommits(t *testing.T) {
	s := newServer(t)
	w := s.do("POST", "/toys", `{"name":"car","size":3}`)
	s.want(200, `{"name":"car","size":3}`, w)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "23", w.Header().Get("Content-Length"))
	require.Equal(t, "default", w.Header().Get(api.HeaderWorld))
	require.NotEmpty(t, w.Header().Get(api.HeaderRequestID))
	s.want(200, `{"name":"car","size":3}`, s.do("GET", "/toys/car", ""))
	require.Equal(t, []string{"car"}, s.list("default"))
	require.Empty(t, s.list("t1"))
	require.NotEqual(t, w.Header().Get(api.HeaderRequestID), s.do("GET", "/toys", "").Header().Get(api.HeaderRequestID))
}

func TestServe_GetRunsInAReadTransaction(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/toys", `{"name":"car"}`)
	require.Equal(t, 200, s.do("GET", "/toys/car", "").Code) // the handler fails in a write transaction
}

func TestServe_ErrorsRollBack(t *testing.T) {
	s := newServer(t)
	for name, want := range map[string]struct {
		status int
		body   string
	}{
		"refused":  {409, "AlreadyExists: broken already"},
		"later":    {503, "Unavailable: not now"},
		"internal": {500, "Internal: internal error; the simulator's log has the details under "},
	} {
		w := s.do("POST", "/toys/"+name+"/break", "")
		require.Equal(t, want.status, w.Code)
		require.True(t, strings.HasPrefix(w.Body.String(), want.body), w.Body)
		require.Empty(t, s.list("default"), name)
	}
	w := s.do("POST", "/toys/later/break", "")
	require.Equal(t, "3", w.Header().Get("Retry-After"))
	require.Equal(t, "busy", w.Header().Get("X-Why"))
	require.Equal(t, 500, s.do("POST", "/toys/unanswerable/break", "").Code)
	require.Empty(t, s.list("default"), "what cannot be rendered did not happen")
}

func TestServe_PanicIsA500InTheDialect(t *testing.T) {
	s := newServer(t)
	w := s.do("POST", "/toys/panic/break", "")
	require.Equal(t, 500, w.Code)
	require.Equal(t, "text/plain", w.Header().Get("Content-Type"))
	require.NotContains(t, w.Body.String(), "secret")
	require.Contains(t, s.log.String(), "secret of the house")
	require.Contains(t, s.log.String(), "breakToy", "the log has the stack")
	require.Empty(t, s.list("default"))
	s.want(200, `{"name":"car"}`, s.do("POST", "/toys", `{"name":"car"}`))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { s.do("POST", "/toys/abort/break", "") })
	require.Equal(t, []string{"car"}, s.list("default"))
}

// The Go runtime panics with a value that is an error, as http.ErrAbortHandler is.
func TestServe_RuntimePanicIsA500InTheDialect(t *testing.T) {
	for name, words := range map[string]string{
		"nil%20map": "assignment to entry in nil map",
		"index":     "slice bounds out of range",
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			w := s.do("POST", "/toys/"+name+"/break", "")
			require.Equal(t, 500, w.Code)
			require.Equal(t, "text/plain", w.Header().Get("Content-Type"))
			require.NotContains(t, w.Body.String(), words)
			require.Contains(t, s.log.String(), "handler panicked")
			require.Empty(t, s.list("default"), "nothing that the handler wrote stays")
		})
	}
}

func TestServe_InternalErrorsAreDetailedOnlyInTheLog(t *testing.T) {
	s := newServer(t)
	w := s.do("POST", "/toys/internal/break", "")
	id := w.Header().Get(api.HeaderRequestID)
	s.want(500, "Internal: internal error; the simulator's log has the details under "+id, w)
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(s.log.String(), "\n", 2)[0]), &line))
	require.Equal(t, "secret of the house", line["error"])
	require.Equal(t, id, line["request_id"])
	require.Equal(t, "toys.BreakToy", line["op"])
}

func TestServe_Concurrent(t *testing.T) {
	s := newServer(t)
	var work sync.WaitGroup
	for i := range 16 {
		work.Go(func() {
			name := string(rune('a' + i))
			s.do("POST", "/toys/"+[]string{"panic", "internal", "refused"}[i%3]+"/break", "")
			s.do("POST", "/toys", `{"name":"`+name+`"}`)
			s.do("GET", "/toys/"+name, "")
		})
	}
	work.Wait()
	require.Len(t, s.list("default"), 16, "nothing of a failing request is kept, nothing of a good one lost")
}

func TestServe_Bodies(t *testing.T) {
	s := newServer(t)
	s.want(400, "InvalidArgument: size: must be a whole number in its range, not string",
		s.do("POST", "/toys", `{"name":"x","size":"3"}`))
	w := s.do("POST", "/toys", `{"name":"`+strings.Repeat("x", 64)+`"}`)
	s.want(413, "ResourceExhausted: the request body is larger than 64 bytes, the limit of this operation", w)
	require.Equal(t, 200, s.do("POST", "/toys", `{"name":"`+strings.Repeat("x", 64-11)+`"}`).Code,
		"exactly the limit fits")
	req := httptest.NewRequest("POST", "/toys", brokenReader{})
	w = httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	require.Equal(t, 400, w.Code)
	require.Contains(t, w.Body.String(), "reading the request body failed")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("gone") }

func TestServe_Parameters(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/toys", `{"name":"a/b c"}`)
	s.want(200, `{"name":"a/b c"}`, s.do("GET", "/toys/a%2Fb%20c", ""))
	s.want(404, `NotFound: no toy "100%"`, s.do("GET", "/toys/100%25", ""))
	s.want(404, `NotFound: no toy ""`, s.do("GET", "/toys/", "")) // the twin of /toys/{name}
	require.Equal(t, 404, s.do("GET", "/toys/x/", "").Code)
}

func TestServe_NoRowMatches(t *testing.T) {
	s := newServer(t)
	s.want(404, "no route", s.do("GET", "/elsewhere", ""))
	s.want(405, "GET,POST", s.do("DELETE", "/toys", ""))
	s.want(405, "GET,POST", s.do("HEAD", "/toys", ""))
	w := s.do("PURGE", "/toys", "", "X-Sim-World: t1")
	s.want(405, "GET,POST", w)
	require.Equal(t, "t1", w.Header().Get(api.HeaderWorld))
	list, _ := s.journal.List(10, func(x *api.Exchange) bool { return x.Operation == "" })
	require.Len(t, list, 4)
}

func TestServe_Worlds(t *testing.T) {
	s := newServer(t)
	w := s.do("GET", "/toys", "", "X-Sim-World: nowhere")
	require.Equal(t, 404, w.Code)
	require.Contains(t, w.Body.String(), `world "nowhere" does not exist`)
	require.Equal(t, 404, s.do("POST", "/toys", `{"name":"x"}`, "X-Sim-World: nowhere").Code)
	s.do("POST", "/toys", `{"name":"x"}`, "X-Sim-World: t1")
	require.Equal(t, []string{"x"}, s.list("t1"))
}

func TestServe_Clusters(t *testing.T) {
	s := newServer(t, func(svc *api.Service) { svc.Clustered = true })
	s.do("POST", "/toys", `{"name":"e"}`)
	s.do("POST", "/toys", `{"name":"w"}`, "X-Sim-Cluster: west")
	s.want(200, `["e"]`, s.do("GET", "/toys", "", "X-Sim-Cluster: east"))
	s.want(200, `["e"]`, s.do("GET", "/toys", ""))
	s.want(200, `["w"]`, s.do("GET", "/toys", "", "X-Sim-Cluster: west"))
	w := s.do("GET", "/toys", "", "X-Sim-Cluster: north")
	require.Equal(t, 404, w.Code)
	require.Contains(t, w.Body.String(), "[east west]")
}

func TestServe_AuthorizeComesFirst(t *testing.T) {
	s := newServer(t, func(svc *api.Service) {
		svc.Authorize = func(_ *store.Tx, r *api.Request) error {
			if r.HTTP.Header.Get("Authorization") == "" {
				return refusal.New(refusal.Unauthenticated, "who are you?")
			}
			return nil
		}
	})
	for _, c := range [][]string{{"POST", "/toys", `{`}, {"POST", "/toys/x/paint", ``}, {"GET", "/toys/x", ``}} {
		s.want(401, "Unauthenticated: who are you?", s.do(c[0], c[1], c[2]))
	}
	s.want(401, "Unauthenticated: who are you?", s.do("GET", "/toys", "", "X-Sim-Fault: 503"))
	s.want(200, "[]", s.do("GET", "/toys", "", "Authorization: x"))
}

func TestServe_NotEmulated(t *testing.T) {
	s := newServer(t)
	s.want(501, "Unimplemented: PaintToy is not emulated", s.do("POST", "/toys/x/paint", `{`))
	s.want(503, "Unavailable: Service Unavailable (injected by the request)",
		s.do("POST", "/toys/x/paint", ``, "X-Sim-Fault: 503"))
}

func TestServe_OneRequestFault(t *testing.T) {
	s := newServer(t)
	w := s.do("POST", "/toys", `{"name":"x"}`, "X-Sim-Fault: 503")
	s.want(503, "Unavailable: Service Unavailable (injected by the request)", w)
	require.Equal(t, "header", w.Header().Get(api.HeaderFault))
	require.Empty(t, s.list("default"))
	w = s.do("POST", "/toys", `{"name":"x"}`, "Prefer: code=418")
	require.JSONEq(t, `{"title":"Bad Request","status":400,"detail":"toys.CreateToy does not document the status \"418\"",
		"valid":["200","400","404","503"]}`, w.Body.String())
	s.want(200, `{"name":"x"}`, s.do("POST", "/toys", `{"name":"x"}`, "X-Sim-Fault: 200"))
}

// A forced status is sent as it is, even if no kind maps to it.
func TestServe_OneRequestFaultOfAnyStatus(t *testing.T) {
	s := newServer(t, func(svc *api.Service) { svc.Operations[1].Statuses = []int{200, 422, 507} })
	s.want(422, "Unknown: Unprocessable Entity (injected by the request)",
		s.do("POST", "/toys", `{"name":"x"}`, "X-Sim-Fault: 422"))
	s.want(507, "Internal: Insufficient Storage (injected by the request)",
		s.do("POST", "/toys", `{"name":"x"}`, "Prefer: code=507"))
}

func TestServe_IfMatch(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/toys", `{"name":"x"}`)
	for value, status := range map[string]int{
		"": 200, "*": 200, "7": 200, `"7"`: 200, `W/"7"`: 200, " 7 ": 200, "8": 412, `"8"`: 412, `W/"8"`: 412, "77": 412,
		`"`: 412,
	} {
		require.Equal(t, status, s.do("GET", "/toys/x", "", "If-Match: "+value).Code, "If-Match %q", value)
	}
	s.do("GET", "/toys/x", "", `If-Match: "8"`)
	list, _ := s.journal.List(1, func(*api.Exchange) bool { return true })
	require.Equal(t, api.StaleETag{Expected: "8", Current: "7", By: "somebody"}, list[0].Cause)
}

func TestServe_Journal(t *testing.T) {
	s := newServer(t)
	w := s.do("GET", "/toys/none?q=1", "", "X-Sim-World: t1")
	list, dropped := s.journal.List(10, func(*api.Exchange) bool { return true })
	require.Zero(t, dropped)
	require.Len(t, list, 1)
	x := list[0]
	require.Equal(t, w.Header().Get(api.HeaderRequestID), x.ID)
	require.Equal(t, []string{"t1", "toys", "toys.GetToy", "GET", "/toys/none?q=1"},
		[]string{x.World, x.Vendor, x.Operation, x.Method, x.URL})
	require.Equal(t, 404, x.Status)
	require.Equal(t, `NotFound: no toy "none"`, x.Answer)
	require.Equal(t, lookedFor{"everywhere"}, x.Cause)
}

// The journal describes what a refused request was about, but not what an internal error was about.
func TestServe_JournalDescribesRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		target string
		status int
		kind   string // of the description; "" if there is none
	}{
		"409":                    {"/toys/x/break", 409, "AlreadyExists"},
		"503":                    {"/toys/later/break", 503, "Unavailable"},
		"500 has no description": {"/toys/internal/break", 500, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			require.Equal(t, c.status, s.do("POST", c.target, "").Code)
			list, _ := s.journal.List(1, func(*api.Exchange) bool { return true })
			if c.kind == "" {
				require.Nil(t, list[0].About)
				return
			}
			require.NotNil(t, list[0].About)
			require.Equal(t, c.kind, list[0].About.Kind)
			require.Equal(t, []string{strings.Split(c.target, "/")[2]}, list[0].About.Names)
		})
	}
}

func TestServe_RetryAfter(t *testing.T) {
	for seconds, want := range map[int]string{0: "", 1: "1", 60: "60"} {
		t.Run(fmt.Sprintf("%d seconds", seconds), func(t *testing.T) {
			s := newServer(t, func(svc *api.Service) {
				svc.Authorize = func(*store.Tx, *api.Request) error {
					e := refusal.New(refusal.Unavailable, "busy")
					e.RetryAfter = seconds
					return e
				}
			})
			require.Equal(t, want, s.do("GET", "/toys", "").Header().Get("Retry-After"))
			list, _ := s.journal.List(1, func(*api.Exchange) bool { return true })
			require.Equal(t, seconds, list[0].RetryAfter)
		})
	}
}
