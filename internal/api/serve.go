package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"storagesim/internal/fault"
	"storagesim/internal/redact"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Server is the HTTP server of the vendors' operations.
type Server struct {
	date     httpDate
	engine   *statemachine.Engine
	services []Service
	journal  *Journal
	log      zerolog.Logger
	wall     func() time.Time

	faults   *fault.Injector // nil: only faults that a request asks for
	stopping chan struct{}
	stop     func() // closes stopping
	observe  Observe
	// rendering holds a value for each response that is made of operations with large ones.
	rendering chan struct{}
}

// Observe is a function that the server calls after each request. Op is nil if the request matched no operation. Status
// is 0 if no response was sent. Injected reports whether a fault was injected. Took is measured on the wall clock.
type Observe func(vendor string, op *Operation, status int, injected bool, took time.Duration)

// UseObserver sets the function that is called after each request. It must be called before the first request is
// served.
func (s *Server) UseObserver(fn Observe) { s.observe = fn }

// NewServer returns a server of the services. It returns an error if their operations collide (see CheckRows). Wall is
// the clock for times and durations in the journal and the log; responses do not depend on it.
func NewServer(
	e *statemachine.Engine, j *Journal, log zerolog.Logger, wall func() time.Time, services ...Service,
) (*Server, error) {
	if err := CheckRows(services...); err != nil {
		return nil, err
	}
	s := &Server{engine: e, services: services, journal: j, log: log, wall: wall, stopping: make(chan struct{}),
		rendering: make(chan struct{}, maxRendered)}
	for _, svc := range services {
		for i := range svc.Operations {
			svc.Operations[i].id = svc.Operations[i].ID()
		}
	}
	s.stop = sync.OnceFunc(func() { close(s.stopping) })
	e.OnReplaced(func(string) { j.EndLives() })
	return s, nil
}

// Services returns the services.
func (s *Server) Services() []Service { return s.services }

// WithListener returns a context for the requests of a listener that has its own world or cluster.
func WithListener(ctx context.Context, p Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

// ListenerPlace returns the place that WithListener added, or a zero Place.
func ListenerPlace(ctx context.Context) Place {
	p, _ := ctx.Value(placeKey{}).(Place)
	return p
}

// Mount registers the routes of all operations, and handlers for requests that match none.
func (s *Server) Mount(router chi.Router) {
	for i := range s.services {
		svc := &s.services[i]
		for k := range svc.Operations {
			op := &svc.Operations[k]
			handler := s.serve(svc, op)
			for _, path := range op.Paths() {
				router.Method(op.Method, path, handler)
				if op.EmptyLast {
					router.Method(op.Method, path[:lastSlash(path)+1], handler)
				}
			}
		}
	}
	router.NotFound(s.refuseRoute(func(svc *Service, r *Request) Response { return svc.Dialect.NoRoute(r) }))
	router.MethodNotAllowed(s.refuseRoute(func(svc *Service, r *Request) Response {
		return svc.Dialect.NoMethod(r, allowedMethods(router, r.HTTP.URL.Path))
	}))
}

func lastSlash(path string) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return i
		}
	}
	return -1
}

func allowedMethods(routes chi.Routes, path string) []string {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if routes.Match(chi.NewRouteContext(), m, path) {
			allowed = append(allowed, m)
		}
	}
	return allowed
}

// buffers holds the memory of responses for reuse. A buffer larger than maxKeptBuffer is not put back.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

const maxKeptBuffer = 4 << 20

// outcome is the result of a request: the response and what the journal keeps.
type outcome struct {
	resp Response
	// pooled reports that the body is in a buffer of the pool.
	pooled bool
	at     time.Time
	fault  string
	// kind and cause are why the request was refused.
	kind   refusal.CauseKind
	cause  refusal.Cause
	about  *About
	hint   string     // for a request that matches no operation
	inj    *injection // the injected faults; nil if there are none
	stream *Stream    // the body, if it is generated while it is sent
	lost   *lost
	later  later // the response, if it is made after the transaction
}

// lost is the operation's own response that a fault replaces or loses.
type lost struct {
	resp      Response
	committed bool
}

// serve returns the handler of an operation.
func (s *Server) serve(svc *Service, op *Operation) http.HandlerFunc {
	var large atomic.Bool // the last response was
	return func(w http.ResponseWriter, req *http.Request) {
		started := s.wall()
		place := Locate(req, ListenerPlace(req.Context()))
		r := &Request{World: place.World, Cluster: place.Cluster, Operation: op, HTTP: req, out: w,
			elsewhere: place.elsewhere, large: &large}
		r.life, _ = s.engine.Life(r.World) // the transaction refuses an unknown world
		rec := s.begin(svc.Vendor, r, started)
		var out outcome
		ended := false
		end := func() {
			if !ended {
				ended = true
				s.record(svc.Vendor, r, rec, out, started)
			}
		}
		defer end() // also if the connection is aborted by a panic
		buf := buffers.Get().(*[]byte)
		out = s.respond(svc, r, rec, (*buf)[:0])
		if out.stream != nil && !out.inj.replaces() {
			s.stream(w, svc, r, &out, end)
			return
		}
		if out.inj != nil {
			s.deliver(w, r, &out, end)
			return
		}
		s.write(w, r, out)
		end()
		if out.pooled && cap(out.resp.Body) <= maxKeptBuffer {
			*buf = out.resp.Body[:0]
		}
		buffers.Put(buf)
	}
}

func (s *Server) respond(svc *Service, r *Request, rec *record, buf []byte) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			s.log.Error().Str("op", r.Operation.ID()).Str("request_id", r.ID).Str("panic", redact.Line(fmt.Sprint(p))).
				Bytes("stack", debug.Stack()).Msg("handler panicked")
			out.resp = svc.Dialect.Refuse(r, internalError(r.ID))
		}
	}()
	if err := s.receive(svc, r, rec); err != nil {
		return s.refused(svc, r, out, err)
	}
	inj, done := s.precede(svc, r, &out)
	if done {
		return out
	}
	var input any
	var bindErr error
	if r.Operation.handled() {
		input = r.Operation.Endpoint.newRequest()
		bindErr = svc.Dialect.Bind(r, input)
	}
	r.space = buf[:0]
	run := func(tx *store.Tx) error {
		out.at = tx.Now
		tx, err := s.enter(svc, r, tx)
		if err != nil {
			return err
		}
		switch {
		case !r.Operation.implementedIn(SettingsOf(tx)):
			return r.Operation.notImplemented()
		case bindErr != nil:
			return bindErr
		}
		result, err := r.Operation.Endpoint.call(tx, r, input)
		if err != nil {
			return err
		}
		return out.render(svc, r, result, buf[:0])
	}
	var err error
	if r.Operation.Reads() || !r.Operation.handled() {
		err = s.read(r, &out, run)
	} else if err = s.engine.Update(r.World, r.ID, run); err == nil {
		s.committed(r.World)
	}
	if err == nil && out.later != nil {
		err = out.complete(svc, r, buf[:0])
	}
	if err != nil {
		out = s.refused(svc, r, out, err)
	}
	if inj != nil {
		s.after(svc, r, inj, &out)
	}
	return out
}

// receive reads the body, and finds the world of a request whose body names it.
func (s *Server) receive(svc *Service, r *Request, rec *record) error {
	if err := r.readBody(); err != nil {
		return err
	}
	s.journal.bodyRead(rec, r.body)
	world := r.World
	if svc.locateByBody(r); r.World != world {
		r.life, _ = s.engine.Life(r.World) // the transaction refuses an unknown world
		s.journal.relocate(rec, r.World, r.life)
	}
	if r.elsewhere != "" {
		return notHere(r.World, r.elsewhere)
	}
	if OtherLife(r.HTTP, r.life) {
		return replaced(r.World)
	}
	return nil
}

// render sets the response to the result of the handler.
func (out *outcome) render(svc *Service, r *Request, result any, space []byte) (err error) {
	switch result := result.(type) {
	case *Stream:
		out.resp, out.stream = result.head(), result
		return nil
	case later:
		out.later = result
		return nil
	}
	out.resp, err = svc.Dialect.Respond(r, result, space)
	out.pooled = err == nil
	return err
}

// complete makes a response that is not made in the transaction.
func (out *outcome) complete(svc *Service, r *Request, space []byte) error {
	result, err := out.later()
	if err != nil {
		return err
	}
	return out.render(svc, r, result, space)
}

// enter resolves the cluster and authorizes the caller. It returns the transaction in the cluster's partition.
func (s *Server) enter(svc *Service, r *Request, tx *store.Tx) (*store.Tx, error) {
	if err := r.inLife(tx); err != nil {
		return nil, err
	}
	if svc.Clustered {
		if r.Cluster == "" {
			r.Cluster = statemachine.DefaultPartition(tx)
		} else if !statemachine.HasPartition(tx, r.Cluster) {
			clusters := statemachine.Partitions(tx)[1:]
			return nil, refusal.New(refusal.NotFound, "cluster %q does not exist in world %q; it has: %v",
				r.Cluster, r.World, clusters).Because(NoCluster{Cluster: r.Cluster, There: clusters})
		}
		tx = tx.In(r.Cluster)
	}
	if svc.Authorize == nil {
		return tx, nil
	}
	return tx, svc.Authorize(tx, r)
}

func internalError(id string) *refusal.Error {
	return refusal.New(refusal.Internal, "internal error; the simulator's log has the details under %s", id)
}

// refused returns out with the response for an error, and with a description of what the request was about.
func (s *Server) refused(svc *Service, r *Request, out outcome, err error) outcome {
	return s.refuse(svc, r, out, err, true)
}

// refuse returns out with the response for an error. An error that is not a refusal is internal: it is logged, and the
// response contains none of it.
func (s *Server) refuse(svc *Service, r *Request, out outcome, err error, describe bool) outcome {
	var large *TooLargeError
	e := refusal.Of(err)
	out.pooled, out.stream = false, nil
	switch {
	case errors.Is(err, store.ErrNoWorld):
		e = noWorld(r.World)
	case errors.As(err, &large):
		e = refusal.New(refusal.ResourceExhausted, "%s", large.Error()).Because(TooLarge{Limit: large.Limit})
		e.Status = http.StatusRequestEntityTooLarge
	case e == nil:
		s.log.Error().Str("error", redact.Line(err.Error())).Str("op", r.Operation.ID()).Str("request_id",
			r.ID).Msg("operation failed")
		e = internalError(r.ID)
	}
	out.resp, out.kind, out.cause = svc.Dialect.Refuse(r, e), e.CauseKind(), e.Cause
	if describe && (out.resp.Status < http.StatusInternalServerError || out.resp.Status == http.StatusServiceUnavailable) {
		out.about = s.describe(r, e)
	}
	if e.RetryAfter > 0 {
		out.resp.Header = with(out.resp.Header, "Retry-After", strconv.Itoa(e.RetryAfter))
	}
	for name, value := range e.Header {
		out.resp.Header = with(out.resp.Header, name, value)
	}
	return out
}

func with(h map[string]string, name, value string) map[string]string {
	if h == nil {
		h = make(map[string]string, 1)
	}
	h[name] = value
	return h
}

// refuseRoute returns a handler for requests that match no operation. The vendor that owns the path responds.
func (s *Server) refuseRoute(refuse func(*Service, *Request) Response) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		started := s.wall()
		place := Locate(req, ListenerPlace(req.Context()))
		r := &Request{World: place.World, HTTP: req, out: w}
		r.life, _ = s.engine.Life(r.World) // the vendor responds without a world too
		svc := s.owner(req.URL.Path)
		rec := s.begin(svc.Vendor, r, started)
		out := outcome{resp: refuse(svc, r), kind: refusal.Route, hint: hint(s.services, req.Method, req.URL.Path)}
		s.write(w, r, out)
		s.record(svc.Vendor, r, rec, out, started)
	}
}

// Forbid refuses a request with 403 in the dialect of the vendor that owns the path. The request gets no id and is not
// in the journal.
func (s *Server) Forbid(w http.ResponseWriter, req *http.Request, message string) {
	place := Locate(req, ListenerPlace(req.Context()))
	e := refusal.New(refusal.PermissionDenied, "%s", message)
	e.Status = http.StatusForbidden
	svc := s.owner(req.URL.Path)
	Write(w, svc.Dialect.Refuse(&Request{World: place.World, HTTP: req, out: w}, e))
}

// owner returns the service that owns path, or the first service if none does.
func (s *Server) owner(path string) *Service {
	for i := range s.services {
		if s.services[i].Owns != nil && s.services[i].Owns(path) {
			return &s.services[i]
		}
	}
	return &s.services[0]
}
