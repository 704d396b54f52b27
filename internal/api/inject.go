package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
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

// HeaderFaultPlan is the request header with the id of the fault plan that the request follows.
const HeaderFaultPlan = "X-Sim-Fault-Plan"

// markHeader is the mark of a fault that the request's own header asked for, in place of a rule's id.
const markHeader = "header"

// FaultTargets returns what fault rules can refer to: the operations of the services and the states of the machines.
func FaultTargets(machines []statemachine.Description, services ...Service) fault.Targets {
	var c fault.Targets
	states := map[string][]string{}
	for _, m := range machines {
		for _, state := range m.States {
			states[m.Kind] = append(states[m.Kind], string(state))
		}
	}
	for i := range services {
		for k := range services[i].Operations {
			op := faultOperation(&services[i].Operations[k])
			for _, kind := range subjectKinds(&services[i].Operations[k], slices.Collect(maps.Keys(states))) {
				op.States = append(op.States, states[kind]...)
			}
			slices.Sort(op.States)
			op.States = slices.Compact(op.States)
			c.Operations = append(c.Operations, op)
		}
	}
	return c
}

func faultOperation(op *Operation) fault.Operation {
	f := fault.Operation{
		ID: op.ID(), Statuses: op.Injectable(), Reads: op.Reads(), InPath: strings.Contains(op.Path, "{"),
	}
	f.Names, f.Project = namesOf(op)
	return f
}

// UseFaults sets the injector of faults. It must be called before the first request is served.
func (s *Server) UseFaults(in *fault.Injector) { s.faults = in }

// Stop ends all waits on the real clock: it cuts latencies short and closes stalled connections. It may be called more
// than once.
func (s *Server) Stop() { s.stop() }

// injection is the faults that are injected into one request. The zero value injects nothing.
type injection struct {
	fault.Decision
	at      time.Time          // the world's clock at the decision
	sending *fault.PhaseEffect // how the response is sent; nil if normally
	gone    bool               // the client disconnected during a latency
	rules   []*fault.Ready     // those that hit the request
}

func (i *injection) mark() string { return strings.Join(i.Marks, ",") }

// inject decides which faults are injected into a request. It returns nil if there are none, and an *InvalidFaultError
// if a header of the request asks for a fault that is not possible.
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
	candidates := set.Candidates(&inj.Decision, r.Operation.ID(), r.HTTP.Host, r.HTTP.Header, s.wall())
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

// errDenied ends the decision for a request that is refused before any fault: its caller or its cluster is not
// accepted.
var errDenied = errors.New("the request is refused before any fault")

// decide evaluates the candidates and the plan, and counts the request for the rules that match.
func (s *Server) decide(svc *Service, r *Request, inj *injection, plan string, candidates []*fault.Ready) error {
	var fit []*fault.Ready
	follows, client := false, ""
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
		client = subject.Client
		for _, rule := range candidates {
			if inj.Matches(rule, subject, tx.Now) {
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
	err = s.engine.Update(r.World, r.ID, func(tx *store.Tx) error {
		if err := r.inLife(tx); err != nil {
			return err
		}
		inj.at = tx.Now
		if follows {
			if err := s.faults.Step(tx, &inj.Decision, plan, r.Operation.ID()); err != nil {
				return err
			}
		}
		return s.faults.Count(tx, &inj.Decision, fit, r.ID, client)
	})
	for _, rule := range fit {
		if slices.Contains(inj.Marks, rule.Rule.ID) {
			inj.rules = append(inj.rules, rule)
		}
	}
	return err
}

// headerFault returns the fault that the request's headers ask for: a status (see OneRequestFault) or a step of a plan.
// It returns nil if there is none.
func headerFault(op *Operation, h http.Header) (*fault.Ready, error) {
	text := first(h, HeaderFault)
	if text == "" && len(h["Prefer"]) == 0 {
		return nil, nil
	}
	known := faultOperation(op)
	if text != "" && (text[0] < '0' || text[0] > '9') {
		step, err := fault.ParseStep(text, &known)
		var invalid *fault.InvalidError
		if errors.As(err, &invalid) {
			return nil, &InvalidFaultError{Detail: HeaderFault + ": " + invalid.Detail, Valid: invalid.Valid}
		}
		return step, err
	}
	status, err := OneRequestFault(op, h)
	if err != nil || status == 0 {
		return nil, err
	}
	return fault.ParseStep(strconv.Itoa(status)+";force", &known)
}

// precede decides which faults are injected into a request and injects those that come before the operation. The
// injection is nil if there are none. Done reports whether out is complete, so that the operation must not run.
func (s *Server) precede(svc *Service, r *Request, out *outcome) (inj *injection, done bool) {
	inj, err := s.inject(svc, r)
	if err == nil && inj != nil {
		if done, err = s.before(svc, r, inj, out); done {
			return inj, true
		}
	}
	var invalid *InvalidFaultError
	switch {
	case err == nil:
		return inj, false
	case errors.As(err, &invalid):
		cause := InvalidFault{Detail: invalid.Detail, Valid: invalid.Valid}
		out.resp, out.kind, out.cause = Problem(http.StatusBadRequest, err), cause.CauseKind(), cause
	default:
		*out = s.refused(svc, r, *out, err)
	}
	return inj, true
}

// before injects the faults that come before the operation, and reports whether they replace it.
func (s *Server) before(svc *Service, r *Request, inj *injection, out *outcome) (done bool, err error) {
	out.inj, out.at, out.fault = inj, inj.at, inj.mark()
	if inj.gone = !s.wait(r, inj, inj.Before.Delay); inj.gone {
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

// after injects the faults that come after the operation.
func (s *Server) after(svc *Service, r *Request, inj *injection, out *outcome) {
	out.fault = inj.mark()
	if inj.gone = !s.wait(r, inj, inj.After.Delay); !inj.gone && inj.After.Effect == nil {
		return
	}
	if out.stream != nil && !inj.gone {
		s.hold(svc, r, out)
	}
	if inj.gone || !inj.After.Effect.Delivers() {
		own := out.resp
		own.Body = bytes.Clone(own.Body)
		out.lost = &lost{resp: own, committed: own.Status < http.StatusBadRequest && !r.Operation.Reads()}
	}
	if inj.gone {
		return
	}
	if n := inj.After.Effect.Stale; n > 0 {
		s.stale(svc, r, n, out)
	}
	s.shape(svc, r, &inj.After, out)
}

// shape applies an effect to the response.
func (s *Server) shape(svc *Service, r *Request, h *fault.PhaseEffect, out *outcome) {
	if h.Effect.Status != 0 {
		e := refusal.New(svc.Dialect.Kind(h.Effect.Status), "%s", h.Effect.Message)
		if e.Message == "" {
			e.Message = injectedText(h.Effect.Status, h.By)
		}
		e.Status = h.Effect.Status
		if h.RetryAfter != "" {
			e.Header = with(e.Header, "Retry-After", h.RetryAfter)
		}
		*out = s.refuse(svc, r, *out, e, false) // the world did not cause it
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

// interlope changes the resource that the request names, as another client would.
func (s *Server) interlope(svc *Service, r *Request, inj *injection) error {
	return s.engine.Update(r.World, "fault "+strings.Join(inj.Interlopers, ","), func(tx *store.Tx) error {
		if err := r.inLife(tx); err != nil {
			return err
		}
		if svc.Clustered {
			tx = tx.In(r.Cluster)
		}
		resource, ok := s.named(tx, r, s.subject(tx, r).Names)
		if !ok {
			return nil // it was deleted after the rule was evaluated
		}
		_, err := s.engine.Save(tx, resource.Kind, []string{tx.Partition()}, resource.ID)
		return err
	})
}

// stale replaces the response with the one that the request would have had n versions ago. Only versions whose response
// differs from the next one count (assumption 103). If fewer are kept it takes the oldest.
func (s *Server) stale(svc *Service, r *Request, n int, out *outcome) {
	out.resp.Body, out.pooled = bytes.Clone(out.resp.Body), false // asOf reuses its memory
	versions, err := s.faults.Versions(r.World)
	if err != nil {
		s.log.Error().Err(err).Str("request_id", r.ID).Msg("listing the earlier versions of a world failed")
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

// asOf returns the response of the request from an earlier version of its world.
func (s *Server) asOf(svc *Service, r *Request, version string) (resp Response, err error) {
	input := r.Operation.Endpoint.newRequest()
	if err := svc.Dialect.Bind(r, input); err != nil {
		return resp, err
	}
	err = s.engine.ViewCheckpoint(r.World, version, r.ID, func(tx *store.Tx) error {
		if svc.Clustered {
			tx = tx.In(r.Cluster)
		}
		result, err := r.Operation.Endpoint.call(tx, r, input)
		if late, ok := result.(later); ok {
			result, err = late()
		}
		if err == nil {
			resp, err = svc.Dialect.Respond(r, result, nil)
		}
		resp.Body = bytes.Clone(resp.Body)
		return err
	})
	if e := refusal.Of(err); e != nil {
		return svc.Dialect.Refuse(r, e), nil
	}
	return resp, err
}

// committed keeps a version of the world if a fault rule needs earlier versions.
func (s *Server) committed(world string) {
	if s.faults == nil || !s.faults.Armed(world).WantsVersions() {
		return
	}
	if err := s.faults.KeepVersion(world); err != nil {
		s.log.Error().Err(err).Str("world", world).Msg("keeping a version of a world failed")
	}
}

// wait waits for d on the real clock, or without an end if d is negative. It ends early if the server stops, the world
// begins another life, or none of the rules that hit the request is armed any more. It returns false if the client
// disconnects meanwhile (assumption 105).
func (s *Server) wait(r *Request, inj *injection, d time.Duration) bool {
	if d == 0 {
		return true
	}
	return r.block(func() bool {
		ctx, cancel := r.HTTP.Context(), func() {}
		if d > 0 {
			ctx, cancel = context.WithTimeout(ctx, d)
		}
		defer cancel()
		r.clearReadDeadline()
		for {
			changed, released := s.released(r, inj)
			if released {
				return true
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return r.HTTP.Context().Err() == nil
			case <-r.over():
				return true
			case <-s.stopping:
				return true
			}
		}
	})
}

// released reports whether all rules that made the request wait are gone. The channel is closed when rules change; it
// is nil if the request waits because of a plan or of its own header.
func (s *Server) released(r *Request, inj *injection) (changed <-chan struct{}, released bool) {
	if len(inj.rules) == 0 || len(inj.rules) < len(inj.Marks) {
		return nil, false
	}
	changed = s.faults.Changed(r.World)
	return changed, !slices.ContainsFunc(inj.rules, s.faults.Armed(r.World).Has)
}

// over returns the channel that is closed at the end of the life that the request belongs to.
func (r *Request) over() <-chan struct{} {
	if r.life == nil {
		return nil
	}
	return r.life.Over()
}

// block calls fn, which waits and returns false if the client disconnects. A conductor, which orders requests so that
// they can be recorded and replayed, lets other requests proceed meanwhile.
func (r *Request) block(fn func() (connected bool)) (connected bool) {
	if conducted, ok := r.out.(interface{ Wait(block func() bool) bool }); ok {
		return conducted.Wait(fn)
	}
	return fn()
}

// clearReadDeadline removes the deadline for reading the request. Otherwise net/http would take it for a disconnected
// client during a long wait.
func (r *Request) clearReadDeadline() {
	if r.out != nil {
		_ = http.NewResponseController(r.out).SetReadDeadline(time.Time{}) // a test's recorder has no deadline
	}
}
