package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

var epoch = time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC)

// toy is a resource of the vendor that these tests define.
type toy struct {
	Name string `json:"name"`
	Size int    `json:"size,omitempty"`
}

var toys = store.NewTable("toys", func(t *toy) string { return t.Name }, store.JSON[toy]())

// words is a dialect in which a refusal is "<kind>: <message>".
type words struct{}

func (words) Bind(r *api.Request, request any) error {
	if err := api.DecodePlain(r.Body(), request); err != nil {
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	if q, ok := request.(*toy); ok && r.Param("name") != "" {
		q.Name = r.Param("name")
	}
	return nil
}

func (words) Respond(_ *api.Request, answer any, dst []byte) (api.Response, error) {
	body, err := api.AppendPlain(dst, answer)
	return api.Response{Status: 200, ContentType: "application/json", Body: body}, err
}

func (words) Refuse(_ *api.Request, e *refusal.Error) api.Response {
	status := e.Status
	if status == 0 {
		status = map[refusal.Kind]int{
			refusal.InvalidArgument: 400, refusal.Unauthenticated: 401, refusal.NotFound: 404, refusal.AlreadyExists: 409,
			refusal.FailedPrecondition: 412, refusal.Unimplemented: 501, refusal.Internal: 500, refusal.Unavailable: 503,
		}[e.Kind]
	}
	return api.Response{Status: status, ContentType: "text/plain", Body: fmt.Appendf(nil, "%s: %s", e.Kind, e.Message)}
}

func (words) NoRoute(*api.Request) api.Response {
	return api.Response{Status: 404, Body: []byte("no route")}
}

func (words) NoMethod(_ *api.Request, allowed []string) api.Response {
	return api.Response{Status: 405, Body: []byte(strings.Join(allowed, ","))}
}

func (words) Kind(status int) refusal.Kind { return api.KindOf(status) }

// syncBuffer is a log that concurrent requests can write to.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type server struct {
	tb      testing.TB
	db      *store.DB
	engine  *statemachine.Engine
	journal *api.Journal
	log     *syncBuffer
	handler http.Handler
	server  *api.Server
}

// newServer serves the toys in the world default; change adapts the vendor first.
func newServer(tb testing.TB, change ...func(*api.Service)) *server {
	tb.Helper()
	s := &server{tb: tb, log: &syncBuffer{}, journal: api.NewJournal(100, 1<<20)}
	var err error
	s.db, err = store.Open(filepath.Join(tb.TempDir(), "sim.db"), store.Options{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.db.Close()) })
	log := zerolog.New(s.log)
	s.engine, err = statemachine.New(s.db, statemachine.Fast, log)
	require.NoError(tb, err)
	require.NoError(tb, s.engine.Base("empty", 1, epoch, func(tx *store.Tx) error {
		if err := statemachine.AddPartition(tx, "east"); err != nil {
			return err
		}
		return statemachine.AddPartition(tx, "west")
	}))
	for _, world := range []string{api.DefaultWorld, "t1"} {
		require.NoError(tb, s.db.CreateWorld(world, "empty", nil, nil))
	}
	svc := toyService()
	for _, fn := range change {
		fn(&svc)
	}
	s.server, err = api.NewServer(s.engine, s.journal, log, func() time.Time { return epoch }, svc)
	require.NoError(tb, err)
	router := chi.NewRouter()
	s.server.Mount(router)
	s.handler = router
	return s
}

func toyService() api.Service {
	row := func(name, method, path string, e api.Endpoint) api.Operation {
		return api.Operation{Vendor: "toys", Name: name, Method: method, Path: path, Statuses: []int{200, 400, 404, 503},
			Endpoint: e}
	}
	svc := api.Service{
		Vendor: "toys", Dialect: words{}, Owns: func(path string) bool { return strings.HasPrefix(path, "/toys") },
		Operations: []api.Operation{
			row("ListToys", "GET", "/toys", api.Handle(listToys)),
			row("CreateToy", "POST", "/toys", api.Handle(createToy)),
			row("GetToy", "GET", "/toys/{name}", api.Handle(getToy)),
			row("BreakToy", "POST", "/toys/{name}/break", api.Handle(breakToy)),
			row("PaintToy", "POST", "/toys/{name}/paint", api.Endpoint{}),
		},
	}
	svc.Operations[1].MaxBody = 64
	svc.Operations[2].EmptyLast = true
	return svc
}

func listToys(tx *store.Tx, _ *api.Request, _ *api.Empty) ([]string, error) {
	names := []string{}
	for name := range toys.Scan(tx, "", "") {
		names = append(names, name)
	}
	return names, nil
}

func createToy(tx *store.Tx, _ *api.Request, q *toy) (toy, error) {
	return *q, toys.Insert(tx, q)
}

func getToy(tx *store.Tx, r *api.Request, q *toy) (toy, error) {
	if tx.Writable() {
		return toy{}, errors.New("a GET may not write")
	}
	found, err := toys.Get(tx, q.Name)
	if errors.Is(err, store.ErrNotFound) {
		return toy{}, refusal.New(refusal.NotFound, "no toy %q", q.Name).Because(lookedFor{"everywhere"})
	}
	if err == nil {
		err = r.IfMatch("7", "somebody")
	}
	return found, err
}

// lookedFor is a cause that only these tests have.
type lookedFor struct {
	Looked string `json:"looked"`
}

func (lookedFor) CauseKind() refusal.CauseKind { return refusal.Missing }

// breakToy writes, and then fails in the way that the toy's name selects.
func breakToy(tx *store.Tx, _ *api.Request, q *toy) (any, error) {
	if err := toys.Put(tx, &toy{Name: "half-done"}); err != nil {
		return nil, err
	}
	switch q.Name {
	case "nil map":
		var m map[string]string
		m["a"] = "b" //nolint:staticcheck,govet // the test needs the panic
	case "index":
		_ = []int{1}[len(q.Name):][0]
	case "panic":
		panic("secret of the house")
	case "abort":
		panic(http.ErrAbortHandler)
	case "internal":
		return nil, errors.New("secret of the house")
	case "unanswerable":
		return func() {}, nil
	case "later":
		e := refusal.New(refusal.Unavailable, "not now")
		e.RetryAfter, e.Header = 3, map[string]string{"X-Why": "busy"}
		return nil, e
	}
	return nil, refusal.New(refusal.AlreadyExists, "broken already")
}

// do sends a request with headers in the form "Name: value".
func (s *server) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	s.tb.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	return w
}

// want sends a request and compares status and body.
func (s *server) want(status int, body string, w *httptest.ResponseRecorder) {
	s.tb.Helper()
	require.Equal(s.tb, status, w.Code, "%s", w.Body)
	require.Equal(s.tb, body, w.Body.String())
}

// list returns the names of the toys in a world.
func (s *server) list(world string) []string {
	s.tb.Helper()
	var names []string
	require.NoError(s.tb, json.Unmarshal(s.do("GET", "/toys", "", "X-Sim-World: "+world).Body.Bytes(), &names))
	return names
}
