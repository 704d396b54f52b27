package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"storagesim/internal/fault"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Server answers the vendors' operations.
type Server struct {
	engine   *statemachine.Engine
	services []Service
	journal  *Journal
	log      zerolog.Logger
	wall     func() time.Time
	ids      atomic.Uint64

	faults   *fault.Injector // nil: nothing goes wrong but by request
	stopping chan struct{}
	stop     func() // closes stopping
	observe  Observe
}

// Observe is told of every answered request: the operation, nil where no row matched; the status, 0 where no answer was
// sent; whether a fault made the answer; and how long it took on the wall clock.
type Observe func(vendor string, op *Operation, status int, injected bool, took time.Duration)

// UseObserver lets fn be told of every request. It is called before the server serves.
func (s *Server) UseObserver(fn Observe) { s.observe = fn }

// NewServer checks the rows and makes the server. Wall is the clock of durations in the journal and the log; nothing
// that a client sees comes from it.
func NewServer(e *statemachine.Engine, j *Journal, log zerolog.Logger, wall func() time.Time, services ...Service) (*Server, error) {
	if err := CheckRows(services...); err != nil {
		return nil, err
	}
	s := &Server{engine: e, services: services, journal: j, log: log, wall: wall, stopping: make(chan struct{})}
	for _, svc := range services {
		for i := range svc.Operations {
			svc.Operations[i].id = svc.Operations[i].ID()
		}
	}
	s.stop = sync.OnceFunc(func() { close(s.stopping) })
	return s, nil
}

// Services lists the vendors with their rows.
func (s *Server) Services() []Service { return s.services }

// NextID numbers the exchanges of the process.
func (s *Server) NextID() string { return "req-" + strconv.FormatUint(s.ids.Add(1), 10) }

// WithListener marks the requests of a listener that has a world or a cluster of its own.
func WithListener(ctx context.Context, p Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

// ListenerPlace answers what WithListener marked.
func ListenerPlace(ctx context.Context) Place {
	p, _ := ctx.Value(placeKey{}).(Place)
	return p
}

// Mount registers every row, and what is answered where no row matches.
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

// buffers are reused for answers; large ones are left to the collector.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

const maxKeptBuffer = 4 << 20

// outcome is what is known of a request when it has been answered.
type outcome struct {
	resp Response
	// pooled says that the body was appended to the buffer that the server lent.
	pooled bool
	at     time.Time
	fault  string
	// kind and cause are what the request failed on.
	kind   refusal.CauseKind
	cause  refusal.Cause
	about  *About
	hint   string     // of a request that no row answers
	inj    *injection // what went wrong with it on purpose
	stream *Stream    // the body, where it is made while it is sent
}

// serve is one request's whole life.
func (s *Server) serve(svc *Service, op *Operation) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		started := s.wall()
		place := Locate(req, ListenerPlace(req.Context()))
		r := &Request{ID: s.NextID(), World: place.World, Cluster: place.Cluster, Operation: op, HTTP: req, out: w}
		buf := buffers.Get().(*[]byte)
		out := s.answer(svc, r, (*buf)[:0])
		if out.stream != nil && !out.inj.replaces() {
			s.stream(w, svc, r, &out, func() { s.record(svc.Vendor, r, out, started) })
			return
		}
		if out.inj != nil {
			s.deliver(w, r, &out, func() { s.record(svc.Vendor, r, out, started) })
			return
		}
		write(w, r, out)
		s.record(svc.Vendor, r, out, started)
		if out.pooled && cap(out.resp.Body) <= maxKeptBuffer {
			*buf = out.resp.Body[:0]
		}
		buffers.Put(buf)
	}
}

func (s *Server) answer(svc *Service, r *Request, buf []byte) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			s.log.Error().Str("op", r.Operation.ID()).Str("request_id", r.ID).Interface("panic", p).
				Bytes("stack", debug.Stack()).Msg("handler panicked")
			out.resp = svc.Dialect.Refuse(r, internalError(r.ID))
		}
	}()
	if err := r.readBody(); err != nil {
		return s.refused(svc, r, out, err)
	}
	svc.relocate(r)
	inj, done := s.precede(svc, r, &out)
	if done {
		return out
	}
	var question any
	var bindErr error
	if r.Operation.Implemented() {
		question = r.Operation.Endpoint.question()
		bindErr = svc.Dialect.Bind(r, question)
	}
	r.space = buf[:0]
	run := func(tx *store.Tx) error {
		out.at = tx.Now
		tx, err := s.enter(svc, r, tx)
		if err != nil {
			return err
		}
		switch {
		case !r.Operation.Implemented():
			return r.Operation.missing()
		case bindErr != nil:
			return bindErr
		}
		answer, err := r.Operation.Endpoint.call(tx, r, question)
		if err != nil {
			return err
		}
		return out.render(svc, r, answer, buf[:0])
	}
	var err error
	if r.Operation.Reads() || !r.Operation.Implemented() {
		err = s.engine.View(r.World, r.ID, run)
	} else if err = s.engine.Update(r.World, r.ID, run); err == nil {
		s.committed(r.World)
	}
	if err != nil {
		out = s.refused(svc, r, out, err)
	}
	if inj != nil {
		s.after(svc, r, inj, &out)
	}
	return out
}

// render makes the handler's answer what is sent.
func (out *outcome) render(svc *Service, r *Request, answer any, space []byte) (err error) {
	if st, ok := answer.(*Stream); ok {
		out.resp, out.stream = st.head(), st
		return nil
	}
	out.resp, err = svc.Dialect.Answer(r, answer, space)
	out.pooled = err == nil
	return err
}

// enter resolves the cluster and authorizes, in the operation's own transaction.
func (s *Server) enter(svc *Service, r *Request, tx *store.Tx) (*store.Tx, error) {
	if svc.Clustered {
		if r.Cluster == "" {
			r.Cluster = statemachine.DefaultPartition(tx)
		} else if !statemachine.HasPartition(tx, r.Cluster) {
			return nil, refusal.New(refusal.NotFound, "cluster %q does not exist in world %q; it has: %v",
				r.Cluster, r.World, statemachine.Partitions(tx)[1:]).Because(NoCluster{Cluster: r.Cluster, There: statemachine.Partitions(tx)[1:]})
		}
		tx = tx.In(r.Cluster)
	}
	if svc.Authorize == nil {
		return tx, nil
	}
	return tx, svc.Authorize(tx, r)
}

func (r *Request) readBody() error {
	limit := r.Operation.MaxBody
	if limit == 0 {
		limit = DefaultMaxBody
	}
	if r.HTTP.Body == nil || r.HTTP.ContentLength == 0 {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.HTTP.Body, limit+1))
	if err != nil {
		return refusal.New(refusal.InvalidArgument, "the request body could not be read to its end: %v", err)
	}
	if int64(len(body)) > limit {
		return &TooLargeError{Limit: limit}
	}
	r.body = body
	return nil
}

// TooLargeError says that a body is larger than its operation takes.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the request body is larger than the %d bytes that this operation takes", e.Limit)
}

func internalError(id string) *refusal.Error {
	return refusal.New(refusal.Internal, "internal error; the simulator's log says more under %s", id)
}

// refused renders an error, and finds out what it was about.
func (s *Server) refused(svc *Service, r *Request, out outcome, err error) outcome {
	return s.refuse(svc, r, out, err, true)
}

// refuse renders an error. What is not a refusal is the simulator's own fault: logged in full, shown in one sentence.
func (s *Server) refuse(svc *Service, r *Request, out outcome, err error, find bool) outcome {
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
		s.log.Error().Err(err).Str("op", r.Operation.ID()).Str("request_id", r.ID).Msg("operation failed")
		e = internalError(r.ID)
	}
	out.resp, out.kind, out.cause = svc.Dialect.Refuse(r, e), e.CauseKind(), e.Cause
	if find && (out.resp.Status < http.StatusInternalServerError || out.resp.Status == http.StatusServiceUnavailable) {
		out.about = s.find(r, e)
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

func write(w http.ResponseWriter, r *Request, out outcome) {
	mark(w, r, out)
	Write(w, out.resp)
}

// mark says on the answer whose it is and what went wrong with it on purpose.
func mark(w http.ResponseWriter, r *Request, out outcome) {
	h := w.Header()
	values := [...]string{r.ID, r.World, out.fault} // one allocation
	h[HeaderRequestID], h[HeaderWorld] = values[0:1:1], values[1:2:2]
	if out.fault != "" {
		h[HeaderFault] = values[2:3:3]
	}
}

// Write sends a whole answer.
func Write(w http.ResponseWriter, resp Response) {
	writeHead(w, resp)
	_, _ = w.Write(resp.Body) // a client that went away is no news
}

// writeHead sends what comes before the body.
func writeHead(w http.ResponseWriter, resp Response) {
	h := w.Header()
	for name, value := range resp.Header {
		h.Set(name, value)
	}
	values := [...]string{resp.ContentType, ""}
	if resp.ContentType != "" {
		h["Content-Type"] = values[0:1:1]
	}
	if resp.Status != http.StatusNoContent {
		values[1] = strconv.Itoa(len(resp.Body))
		h["Content-Length"] = values[1:2:2]
	}
	w.WriteHeader(resp.Status)
}

// refuseRoute answers a path or a method that no row has, in the words of the vendor whose path it looks like.
func (s *Server) refuseRoute(refuse func(*Service, *Request) Response) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		started := s.wall()
		place := Locate(req, ListenerPlace(req.Context()))
		r := &Request{ID: s.NextID(), World: place.World, HTTP: req, out: w}
		svc := s.owner(req.URL.Path)
		out := outcome{resp: refuse(svc, r), kind: refusal.Route, hint: hint(s.services, req.Method, req.URL.Path)}
		write(w, r, out)
		s.record(svc.Vendor, r, out, started)
	}
}

// owner is the vendor whose path this looks like; the first one where it looks like nobody's.
func (s *Server) owner(path string) *Service {
	for i := range s.services {
		if s.services[i].Owns != nil && s.services[i].Owns(path) {
			return &s.services[i]
		}
	}
	return &s.services[0]
}

// ProblemBody is what the simulator itself says of a request to a vendor that it cannot take (RFC 9457).
type ProblemBody struct {
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Valid  []string `json:"valid,omitempty" doc:"the names that would be right"`
}

// Problem is an application/problem+json answer of the simulator itself.
func Problem(status int, err error) Response {
	body := ProblemBody{Title: http.StatusText(status), Status: status, Detail: err.Error()}
	var fault *InvalidFaultError
	if errors.As(err, &fault) {
		body.Valid = fault.Valid
	}
	text, _ := json.Marshal(body) // strings and numbers always marshal
	return Response{Status: status, ContentType: "application/problem+json", Body: text}
}
