package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/fault"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// HeaderFaultPlan names the plan that a request follows.
const HeaderFaultPlan = "X-Sim-Fault-Plan"

// markHeader marks what a request asked for itself.
const markHeader = "header"

// FaultTargets is what fault rules may speak of: the operations of the vendors and the states of their machines.
func FaultTargets(machines []statemachine.Description, services ...Service) fault.Targets {
	var c fault.Targets
	for i := range services {
		for k := range services[i].Operations {
			op := &services[i].Operations[k]
			c.Operations = append(c.Operations, faultOperation(op))
		}
	}
	for _, m := range machines {
		for _, state := range m.States {
			c.States = append(c.States, string(state))
		}
	}
	slices.Sort(c.States)
	c.States = slices.Compact(c.States)
	return c
}

func faultOperation(op *Operation) fault.Operation {
	return fault.Operation{ID: op.ID(), Statuses: op.AllStatuses(), Reads: op.Reads(), Names: strings.Contains(op.Path, "{")}
}

// UseFaults lets an injector decide what goes wrong. It is called before the server serves.
func (s *Server) UseFaults(in *fault.Injector) { s.faults = in }

// Stop ends what waits on the real clock: latencies are cut short, stalled connections are closed. It may be called
// more than once.
func (s *Server) Stop() { s.stop() }

// injection is what goes wrong with one request. The zero value is nothing.
type injection struct {
	fault.Decision
	at      time.Time        // the world's clock when it was decided
	sending *fault.Happening // how the answer is sent, where that is not as usual
	gone    bool             // the client went away before anything happened
}

func (i *injection) mark() string { return strings.Join(i.Marks, ",") }

// inject decides what goes wrong with a request that may be answered at all; nil is nothing. An *InvalidFaultError says
// that the request asks for what cannot be.
func (s *Server) inject(svc *Service, r *Request) (*injection, error) {
	own, err := headerFault(r.Operation, r.HTTP.Header)
	if err != nil {
		return nil, err
	}
	var set *fault.Set
	var plan string
	if s.faults != nil {
		set, plan = s.faults.Armed(r.World), first(r.HTTP.Header, HeaderFaultPlan)
	}
	if own == nil && plan == "" && set == nil {
		return nil, nil
	}
	inj := &injection{}
	candidates := set.Candidates(&inj.Decision, r.Operation.ID(), r.HTTP.Header, s.wall())
	switch {
	case own == nil && plan == "" && len(candidates) == 0 && inj.Verdicts == nil:
		return nil, nil
	case own == nil && plan == "" && len(candidates) == 0:
		return inj, nil
	}
	if own != nil {
		inj.Take(own, markHeader)
	}
	return inj, s.decide(svc, r, inj, plan, candidates)
}

// errDenied stops the decision about a request that the operation will refuse for a better reason.
var errDenied = errors.New("the request is refused before any fault")

// decide finds out which rules fit, and counts the request for them.
func (s *Server) decide(svc *Service, r *Request, inj *injection, plan string, candidates []*fault.Ready) error {
	var fit []*fault.Ready
	follows := false
	err := s.engine.View(r.World, r.ID, func(tx *store.Tx) error {
		inj.at = tx.Now
		inner, err := s.enter(svc, r, tx)
		if err != nil {
			return errDenied
		}
		if plan != "" {
			if follows, err = fault.Follows(tx, plan, r.Operation.ID()); err != nil {
				return &InvalidFaultError{Detail: err.Error(), Valid: fault.PlanIDs(tx)}
			}
		}
		subject := s.subject(inner, r)
		for _, rule := range candidates {
			if inj.Fits(rule, subject, tx.Now) {
				fit = append(fit, rule)
			}
		}
		return nil
	})
	if errors.Is(err, errDenied) || errors.Is(err, store.ErrNoWorld) {
		*inj = injection{}
		return nil
	}
	if err != nil || !follows && len(fit) == 0 {
		return err
	}
	return s.engine.Update(r.World, r.ID, func(tx *store.Tx) error {
		inj.at = tx.Now
		if follows {
			if err := s.faults.Step(tx, &inj.Decision, plan, r.Operation.ID()); err != nil {
				return err
			}
		}
		return s.faults.Count(tx, &inj.Decision, fit, r.ID)
	})
}

// headerFault reads what the request asks for itself: a status (see OneRequestFault), or a step of a plan; nil is
// nothing.
func headerFault(op *Operation, h http.Header) (*fault.Ready, error) {
	text := first(h, HeaderFault)
	if text == "" && len(h["Prefer"]) == 0 {
		return nil, nil
	}
	known := faultOperation(op)
	if text != "" && (text[0] < '0' || text[0] > '9') {
		step, err := fault.ParseStep(text, &known)
		if err == nil {
			return step, nil
		}
	}
	status, err := OneRequestFault(op, h)
	if err != nil || status == 0 {
		return nil, err
	}
	return fault.ParseStep(strconv.Itoa(status)+";force", &known)
}

// precede decides what goes wrong with a request and does what happens ahead of the operation; nil is nothing. Done says
// that the answer is there.
func (s *Server) precede(svc *Service, r *Request, out *outcome) (inj *injection, done bool) {
	inj, err := s.inject(svc, r)
	if err == nil && inj != nil {
		if done, err = s.before(svc, r, inj, out); done {
			return inj, true
		}
	}
	var impossible *InvalidFaultError
	switch {
	case err == nil:
		return inj, false
	case errors.As(err, &impossible):
		cause := ImpossibleFault{Detail: impossible.Detail, Valid: impossible.Valid}
		out.resp, out.kind, out.cause = Problem(http.StatusBadRequest, err), cause.CauseKind(), cause
	default:
		*out = s.refused(svc, r, *out, err)
	}
	return inj, true
}

// before does what happens ahead of the operation, and says whether that was all.
func (s *Server) before(svc *Service, r *Request, inj *injection, out *outcome) (done bool, err error) {
	out.inj, out.at, out.fault = inj, inj.at, inj.mark()
	if inj.gone = !s.wait(r, inj.Before.Delay); inj.gone {
		return true, nil
	}
	if len(inj.Interlopers) > 0 {
		if err := s.interlope(svc, r, inj); err != nil {
			return false, err
		}
	}
	if inj.Before.Effect == nil {
		return false, nil
	}
	s.shape(svc, r, &inj.Before, out)
	return true, nil
}

// after does what happens behind the operation.
func (s *Server) after(svc *Service, r *Request, inj *injection, out *outcome) {
	out.fault = inj.mark()
	if inj.gone = !s.wait(r, inj.After.Delay); inj.gone || inj.After.Effect == nil {
		return
	}
	if out.stream != nil {
		s.hold(svc, r, out)
	}
	if n := inj.After.Effect.Stale; n > 0 {
		s.stale(svc, r, n, out)
	}
	s.shape(svc, r, &inj.After, out)
}

// shape makes the answer what the effect says.
func (s *Server) shape(svc *Service, r *Request, h *fault.Happening, out *outcome) {
	if h.Effect.Status != 0 {
		e := refusal.New(svc.Dialect.Kind(h.Effect.Status), "%s", h.Effect.Message)
		if e.Message == "" {
			e.Message = injectedText(h.Effect.Status, h.By)
		}
		e.Status, e.RetryAfter = h.Effect.Status, h.RetryAfter
		*out = s.refuse(svc, r, *out, e, false) // nothing is wrong with the world
		out.stream, out.about, out.kind = nil, nil, refusal.Rule
	}
	if h.Effect.Malformed {
		out.resp.Body, out.pooled = h.Effect.Mangle(out.resp.Body), false
	}
	if h.Effect.Connection != "" {
		out.inj.sending = h
	}
}

func injectedText(status int, by string) string {
	who := by
	if by == markHeader {
		who = "the request"
	}
	return fmt.Sprintf("%s (injected by %s)", http.StatusText(status), who)
}

// interlope lets somebody else change the thing that the request names.
func (s *Server) interlope(svc *Service, r *Request, inj *injection) error {
	return s.engine.Update(r.World, "fault "+strings.Join(inj.Interlopers, ","), func(tx *store.Tx) error {
		if svc.Clustered {
			tx = tx.In(r.Cluster)
		}
		thing, ok := s.named(tx, r, s.subject(tx, r).Names)
		if !ok {
			return nil // it went away since the rule was found to fit: nothing is there to be changed
		}
		_, err := s.engine.Save(tx, thing.Kind, []string{tx.Partition()}, thing.ID)
		return err
	})
}

// stale puts the answer in place that the request would have had n versions ago: n answers that differ from the one
// after them (assumption 103). Where fewer are known it is the oldest.
func (s *Server) stale(svc *Service, r *Request, n int, out *outcome) {
	out.resp.Body, out.pooled = bytes.Clone(out.resp.Body), false // the memory that it lies in is lent once
	versions, err := s.faults.Versions(r.World)
	if err != nil {
		s.log.Error().Err(err).Str("request_id", r.ID).Msg("earlier versions could not be listed")
		return
	}
	for _, version := range versions {
		older, err := s.asOf(svc, r, version)
		if err != nil || older.Status == out.resp.Status && string(older.Body) == string(out.resp.Body) {
			continue
		}
		out.resp = older
		if n--; n == 0 {
			return
		}
	}
}

// asOf answers the request from a version of its world.
func (s *Server) asOf(svc *Service, r *Request, version string) (resp Response, err error) {
	question := r.Operation.Endpoint.question()
	if err := svc.Dialect.Bind(r, question); err != nil {
		return resp, err
	}
	err = s.engine.ViewCheckpoint(r.World, version, r.ID, func(tx *store.Tx) error {
		if svc.Clustered {
			tx = tx.In(r.Cluster)
		}
		answer, err := r.Operation.Endpoint.call(tx, r, question)
		if err == nil {
			resp, err = svc.Dialect.Answer(r, answer, nil)
		}
		resp.Body = bytes.Clone(resp.Body)
		return err
	})
	if e := refusal.Of(err); e != nil {
		return svc.Dialect.Refuse(r, e), nil
	}
	return resp, err
}

// committed notes a version of the world where a rule will ask for it.
func (s *Server) committed(world string) {
	if s.faults == nil || !s.faults.Armed(world).WantsVersions() {
		return
	}
	if err := s.faults.KeepVersion(world); err != nil {
		s.log.Error().Err(err).Str("world", world).Msg("a version of a world could not be kept")
	}
}

// wait waits on the real clock; false when the client went away meanwhile (assumption 105). The end of the server cuts it
// short.
func (s *Server) wait(r *Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	return r.block(func() bool {
		ctx, cancel := context.WithTimeout(r.HTTP.Context(), d)
		defer cancel()
		r.patient()
		select {
		case <-ctx.Done():
			return r.HTTP.Context().Err() == nil
		case <-s.stopping:
			return true
		}
	})
}

// block waits by fn, which answers false when the client went away. Whoever conducts the requests, so that they can be
// recorded and played again, lets others go on meanwhile.
func (r *Request) block(fn func() (stays bool)) (stays bool) {
	if conducted, ok := r.out.(interface{ Wait(block func() bool) bool }); ok {
		return conducted.Wait(fn)
	}
	return fn()
}

// patient lifts the bound on the time in which a request must have come in, which net/http would apply to watching for
// the client's leave.
func (r *Request) patient() {
	if r.out != nil {
		_ = http.NewResponseController(r.out).SetReadDeadline(time.Time{}) // a recorder in a test has none
	}
}
