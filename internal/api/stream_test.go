package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// streaming makes GET /toys/{name} a stream: the names of all toys, each read in its own transaction.
func streaming(write func(w io.Writer, view api.View) error) func(*api.Service) {
	return func(svc *api.Service) {
		svc.Operations[2].Endpoint = api.Handle(func(_ *store.Tx, _ *api.Request, q *toy) (*api.Stream, error) {
			if q.Name == "none" {
				return nil, refusal.New(refusal.NotFound, "no toys")
			}
			return &api.Stream{ContentType: "text/toys", Filename: "toys.txt", Write: write}, nil
		})
	}
}

func namesInTurn(w io.Writer, view api.View) error {
	after, more := "", true
	for more {
		if err := view(func(tx *store.Tx) error {
			if tx.Writable() {
				return errors.New("a stream may not write")
			}
			more = false
			for name := range toys.Scan(tx, "", after) {
				after, more = name, true
				break
			}
			return nil
		}); err != nil {
			return err
		}
		if more {
			if _, err := io.WriteString(w, after+"\n"); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestStream_IsWrittenAfterTheTransaction(t *testing.T) {
	s := newServer(t, streaming(namesInTurn))
	s.do("POST", "/toys", `{"name":"ball"}`)
	s.do("POST", "/toys", `{"name":"car"}`)
	w := s.do("GET", "/toys/all", "")
	s.want(200, "ball\ncar\n", w)
	require.Equal(t, "text/toys", w.Header().Get("Content-Type"))
	require.Equal(t, `attachment; filename="toys.txt"`, w.Header().Get("Content-Disposition"))
	require.Empty(t, w.Header().Get("Content-Length"))
	require.Equal(t, "default", w.Header().Get(api.HeaderWorld))
	require.NotEmpty(t, w.Header().Get(api.HeaderRequestID))
	seen, _ := s.journal.List(1, func(*api.Exchange) bool { return true })
	require.Equal(t, 200, seen[0].Status)
	require.Equal(t, "toys.GetToy", seen[0].Operation)
	s.want(200, "", s.do("GET", "/toys/all", "", "X-Sim-World: t1"))
	s.want(404, "NotFound: no toys", s.do("GET", "/toys/none", ""))
}

// The transactions of a stream are in the request's cluster.
func TestStream_ReadsTheClusterOfTheRequest(t *testing.T) {
	s := newServer(t, streaming(func(w io.Writer, view api.View) error {
		return view(func(tx *store.Tx) error {
			_, err := io.WriteString(w, tx.Partition())
			return err
		})
	}), func(svc *api.Service) { svc.Clustered = true })
	s.want(200, "west", s.do("GET", "/toys/all", "", "X-Sim-Cluster: west"))
	s.want(200, "east", s.do("GET", "/toys/all", ""))
}

// An error in a stream closes the connection, so that a client does not take it for complete.
func TestStream_BreaksOff(t *testing.T) {
	for name, broken := range map[string]func(io.Writer, api.View) error{
		"error": func(w io.Writer, _ api.View) error {
			_, _ = io.WriteString(w, "half")
			return errors.New("secret of the house")
		},
		"panic": func(io.Writer, api.View) error { panic("secret of the house") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, streaming(broken))
			require.PanicsWithValue(t, http.ErrAbortHandler, func() { s.do("GET", "/toys/all", "") })
			require.Contains(t, s.log.String(), "secret of the house")
			seen, _ := s.journal.List(1, func(*api.Exchange) bool { return true })
			require.Len(t, seen, 1)
		})
	}
	s := newServer(t, streaming(func(io.Writer, api.View) error { return errors.New("the client is gone") }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		s.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/toys/all", nil).WithContext(ctx))
	})
	require.NotContains(t, s.log.String(), "stream broke off")
}

// A fault acts on a complete stream, unless the stream is too long to be buffered.
func TestStream_Faults(t *testing.T) {
	s := newServer(t, streaming(namesInTurn))
	withFaults(t, s)
	s.do("POST", "/toys", `{"name":"ball"}`)
	s.want(503, "Unavailable: Service Unavailable (injected by the request)",
		s.do("GET", "/toys/all", "", "X-Sim-Fault: 503"))
	s.want(503, "Unavailable: Service Unavailable (injected by the request)",
		s.do("GET", "/toys/all", "", "X-Sim-Fault: after:503"))
	w := s.do("GET", "/toys/all", "", "X-Sim-Fault: malformed")
	require.NotEqual(t, "ball\n", w.Body.String())
	require.NotEmpty(t, w.Body.String())
	w = httptest.NewRecorder()
	req := httptest.NewRequest("GET", "/toys/all", nil)
	req.Header.Set("X-Sim-Fault", "truncate")
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { s.handler.ServeHTTP(w, req) })
	require.Equal(t, "ba", w.Body.String())
	require.Equal(t, "5", w.Header().Get("Content-Length"))

	const most = 16 << 20
	s = newServer(t, streaming(func(w io.Writer, _ api.View) error {
		for range most>>20 + 1 {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
				return err
			}
		}
		return nil
	}))
	withFaults(t, s)
	require.Equal(t, 503, s.do("GET", "/toys/all", "", "X-Sim-Fault: after:503").Code)
	require.Equal(t, most+1<<20, s.do("GET", "/toys/all", "").Body.Len())
}
