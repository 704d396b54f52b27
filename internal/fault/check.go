package fault

import (
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Bounds of one rule, so that no rule makes the process grow or stand still.
const (
	maxText     = 4096
	maxGlob     = 512
	maxHeaders  = 32
	maxAttempts = 1000
	maxCount    = 1_000_000_000
	maxPriority = 1_000_000
	maxStale    = 16
	maxRetry    = 24 * time.Hour
	maxSpan     = 100 * 365 * 24 * time.Hour
)

// Operation is what the package knows of a vendor's operation.
type Operation struct {
	ID       string
	Statuses []int
	Reads    bool // it is a GET
	Names    bool // its path has parameters, so that it can name a thing
}

// Targets is what rules may speak of.
type Targets struct {
	Operations []Operation
	States     []string // of all machines
}

// names lists the ids of the operations.
func (c *Targets) names() []string {
	list := make([]string, len(c.Operations))
	for i := range c.Operations {
		list[i] = c.Operations[i].ID
	}
	return list
}

// Ready is a rule made ready for matching. Make one with Check.
type Ready struct {
	Rule       Rule
	Generation uint64

	born    time.Time // on the world's clock
	seq     uint64
	expires time.Time // on the wall clock; zero: never
	ops     []Operation
	headers []headerGlob
	span    time.Duration
	ttl     time.Duration
	retry   int
	latency *pace
	stall   time.Duration
	every   time.Duration

	spent atomic.Bool
	miss  atomic.Pointer[string]
}

type headerGlob struct{ name, glob string }

var validID = [...]string{"letters, digits, dots, dashes and underscores, at most 64"}

const patternID = `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`

// Check says whether a rule can be, and answers it ready for matching, its phase filled in. The error is an
// *InvalidError.
func Check(rule Rule, targets *Targets) (*Ready, error) {
	r := &Ready{Rule: rule}
	for _, check := range []func(*Targets) error{r.checkID, r.checkMatch, r.checkWhen, r.checkEffect, r.checkPhase, r.checkStatus} {
		if err := check(targets); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Ready) checkID(*Targets) error {
	if r.Rule.ID != "" && !regexp.MustCompile(patternID).MatchString(r.Rule.ID) {
		return &InvalidError{Path: "id", Detail: fmt.Sprintf("%.80q cannot be an id", r.Rule.ID), Valid: validID[:]}
	}
	if r.Rule.Priority > maxPriority || r.Rule.Priority < -maxPriority {
		return invalid("priority", "%d is not from %d to %d", r.Rule.Priority, -maxPriority, maxPriority)
	}
	if r.Rule.TTL != "" {
		d, err := time.ParseDuration(r.Rule.TTL)
		if err != nil || d <= 0 || d > maxSpan {
			return invalid("ttl", `%.80q is not a duration above zero like "10m"`, r.Rule.TTL)
		}
		r.ttl = d
	}
	return nil
}

func (r *Ready) checkMatch(c *Targets) error {
	m := &r.Rule.Match
	for path, text := range map[string]string{"match.operation": m.Operation, "match.resource": m.Resource, "match.project": m.Project} {
		if len(text) > maxGlob {
			return invalid(path, "is longer than %d bytes", maxGlob)
		}
	}
	pattern := m.Operation
	if pattern == "" {
		pattern = "*"
	}
	for _, op := range c.Operations {
		if glob(pattern, op.ID) {
			r.ops = append(r.ops, op)
		}
	}
	if len(r.ops) == 0 {
		return &InvalidError{Path: "match.operation", Detail: fmt.Sprintf("%.80q is no operation", m.Operation),
			Valid: closest(m.Operation, c.names())}
	}
	if m.State != "" && !slices.Contains(c.States, m.State) {
		return &InvalidError{Path: "match.state", Detail: fmt.Sprintf("%.80q is no state of any machine", m.State), Valid: c.States}
	}
	if len(m.Header) > maxHeaders {
		return invalid("match.header", "has more than %d members", maxHeaders)
	}
	for name, pattern := range m.Header {
		if !goodHeader(name) || len(pattern) > maxGlob {
			return invalid("match.header", "%.80q is not a header with a glob of at most %d bytes", name, maxGlob)
		}
		r.headers = append(r.headers, headerGlob{textproto.CanonicalMIMEHeaderKey(name), pattern})
	}
	slices.SortFunc(r.headers, func(a, b headerGlob) int { return strings.Compare(a.name, b.name) })
	return nil
}

// goodHeader says whether a text is a token of RFC 9110, 5.6.2.
func goodHeader(name string) bool {
	return name != "" && len(name) <= 256 && strings.Trim(name,
		"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == "" && !strings.ContainsAny(name, " \t")
}

func (r *Ready) checkWhen(*Targets) error {
	w := &r.Rule.When
	for path, n := range map[string]uint64{"when.skip": w.Skip, "when.times": w.Times, "when.every": w.Every} {
		if n > maxCount {
			return invalid(path, "%d is more than %d", n, maxCount)
		}
	}
	if w.Attempts != nil && w.Every > 1 {
		return invalid("when.attempts", "cannot be together with every: one of them says which requests are hit")
	}
	if w.Attempts != nil && len(w.Attempts) == 0 || len(w.Attempts) > maxAttempts {
		return invalid("when.attempts", "must have 1 to %d numbers", maxAttempts)
	}
	for i, n := range w.Attempts {
		if n < 1 || n > maxCount || slices.Contains(w.Attempts[:i], n) {
			return invalid(fmt.Sprintf("when.attempts[%d]", i), "%d is not a new number from 1 to %d", n, maxCount)
		}
	}
	if w.Probability != nil && !(*w.Probability >= 0 && *w.Probability <= 1) {
		return invalid("when.probability", "%v is not from 0 to 1", *w.Probability)
	}
	if w.For != "" {
		d, err := time.ParseDuration(w.For)
		if err != nil || d <= 0 || d > maxSpan {
			return invalid("when.for", `%.80q is not a duration above zero like "5m"`, w.For)
		}
		r.span = d
	}
	return nil
}

func (r *Ready) checkEffect(*Targets) (err error) {
	e := &r.Rule.Effect
	if !e.terminal() && e.Latency == nil && !e.Interloper {
		return &InvalidError{Path: "effect", Detail: "says nothing that would happen",
			Valid: []string{"status", "latency", "connection", "malformed", "interloper", "stale"}}
	}
	if e.Connection != "" && !slices.Contains(connections[:], string(e.Connection)) {
		return &InvalidError{Path: "effect.connection", Detail: fmt.Sprintf("%.80q is no effect on a connection", e.Connection), Valid: connections[:]}
	}
	if e.Latency != nil {
		if r.latency, err = e.Latency.compile(); err != nil {
			return err
		}
	}
	for _, check := range []func(*Effect) error{r.checkAnswer, r.checkPieces, r.checkStale} {
		if err := check(e); err != nil {
			return err
		}
	}
	return nil
}

// checkAnswer is about what is said in the answer.
func (r *Ready) checkAnswer(e *Effect) error {
	silent := e.Connection == Reset || e.Connection == Empty || e.Connection == Stall && e.TruncateAt == nil
	switch {
	case e.Status != 0 && (e.Status < 400 || e.Status > 599):
		return invalid("effect.status", "%d is not from 400 to 599", e.Status)
	case e.Status != 0 && silent:
		return invalid("effect.status", "nobody would see it: with the connection effect %s no answer is sent", e.Connection)
	case e.Malformed && silent:
		return invalid("effect.malformed", "nobody would see it: with the connection effect %s no answer is sent", e.Connection)
	case e.Status == 0 && e.Message != "":
		return invalid("effect.message", "is the message of a status, which is missing")
	case len(e.Message) > maxText:
		return invalid("effect.message", "is longer than %d bytes", maxText)
	case e.RetryAfter == "":
		return nil
	case e.Status == 0:
		return invalid("effect.retryAfter", "belongs to a status, which is missing")
	}
	d, err := time.ParseDuration(e.RetryAfter)
	if err != nil || d < 0 || d > maxRetry {
		return invalid("effect.retryAfter", `%.80q is not a duration from 0s to %s like "2s"`, e.RetryAfter, maxRetry)
	}
	r.retry = int((d + time.Second - 1) / time.Second)
	return nil
}

// checkPieces is about how the answer is sent.
func (r *Ready) checkPieces(e *Effect) (err error) {
	switch {
	case e.TruncateAt != nil && e.Connection != Truncate && e.Connection != Stall:
		return invalid("effect.truncateAt", "belongs to the connection effects truncate and stall")
	case e.TruncateAt != nil && *e.TruncateAt < 0:
		return invalid("effect.truncateAt", "%d is below zero", *e.TruncateAt)
	case e.StallFor != "" && e.Connection != Stall:
		return invalid("effect.stallFor", "belongs to the connection effect stall")
	case e.Dribble != nil && e.Connection != Drip:
		return invalid("effect.dribble", "belongs to the connection effect dribble")
	}
	if e.StallFor != "" {
		if r.stall, err = length("effect.stallFor", e.StallFor); err != nil {
			return err
		}
	}
	if e.Connection != Drip {
		return nil
	}
	d := Dribble{}
	if e.Dribble != nil {
		d = *e.Dribble
	}
	if d.Bytes == 0 {
		d.Bytes = 16
	}
	if d.Every == "" {
		d.Every = "50ms"
	}
	if d.Bytes < 1 {
		return invalid("effect.dribble.bytes", "%d is not above zero", d.Bytes)
	}
	r.Rule.Effect.Dribble = &d
	r.every, err = length("effect.dribble.every", d.Every)
	return err
}

func (r *Ready) checkStale(e *Effect) error {
	switch {
	case e.Stale < 0 || e.Stale > maxStale:
		return invalid("effect.stale", "%d is not from 1 to %d", e.Stale, maxStale)
	case e.Stale > 0 && e.Status != 0:
		return invalid("effect.stale", "cannot be together with a status: the answer is one or the other")
	case e.Stale > 0 && !slices.ContainsFunc(r.ops, func(op Operation) bool { return op.Reads }):
		return invalid("effect.stale", "is about reading; %s is no GET", r.ops[0].ID)
	case e.Stale > 0 && (e.Connection == Reset || e.Connection == Empty || e.Connection == Stall && e.TruncateAt == nil):
		return invalid("effect.stale", "nobody would see it: with the connection effect %s no answer is sent", e.Connection)
	}
	return nil
}

// checkPhase fills the phase in: after for what needs the operation's own answer, else before (assumption 107).
func (r *Ready) checkPhase(*Targets) error {
	e := &r.Rule.Effect
	mangles := e.Malformed || e.Connection == Truncate || e.Connection == Drip || e.TruncateAt != nil
	needs := e.Stale > 0 || mangles && e.Status == 0
	switch r.Rule.Phase {
	case "":
		if r.Rule.Phase = Before; needs {
			r.Rule.Phase = After
		}
	case Before:
		if needs {
			return &InvalidError{Path: "phase", Detail: "before the operation there is no answer that the effect could change: give a status, or the phase after",
				Valid: []string{string(After)}}
		}
	case After:
	default:
		return &InvalidError{Path: "phase", Detail: fmt.Sprintf("%.80q is no phase", r.Rule.Phase), Valid: r.Rule.Phase.Names()}
	}
	if !e.Interloper {
		return nil
	}
	switch {
	case r.Rule.Phase == After:
		return invalid("effect.interloper", "comes before the request's own change, so it is of the phase before")
	case e.terminal():
		return invalid("effect.interloper", "nobody would see it: the rule's own effect keeps the operation from happening")
	case !slices.ContainsFunc(r.ops, func(op Operation) bool { return op.Names }):
		return invalid("effect.interloper", "%s names no thing on its path that somebody else could change", r.ops[0].ID)
	}
	return nil
}

// checkStatus refuses a status that no operation of the rule documents. Of a glob, the rule is about those that do
// (assumption 102).
func (r *Ready) checkStatus(*Targets) error {
	e := &r.Rule.Effect
	if e.Status == 0 || r.forced() {
		return nil
	}
	if slices.ContainsFunc(r.ops, func(op Operation) bool { return slices.Contains(op.Statuses, e.Status) }) {
		return nil
	}
	var valid []string
	for _, op := range r.ops {
		for _, status := range op.Statuses {
			if text := strconv.Itoa(status); status >= 400 && !slices.Contains(valid, text) {
				valid = append(valid, text)
			}
		}
	}
	slices.Sort(valid)
	who := r.Rule.Match.Operation + " does not document"
	if r.Rule.Match.Operation == "" {
		who = "no operation documents"
	}
	return &InvalidError{Path: "effect.status", Valid: valid,
		Detail: fmt.Sprintf(`%s the status %d; "force": true takes it all the same`, who, e.Status)}
}

func (r *Ready) forced() bool { return r.Rule.Force || r.Rule.Effect.Force }

// concerns says whether the rule is about the operation: it matches, and documents the status if there is one.
func (r *Ready) concerns(op *Operation) bool {
	e := &r.Rule.Effect
	switch {
	case e.Status != 0 && !r.forced() && !slices.Contains(op.Statuses, e.Status):
		return false
	case e.Stale > 0 && !op.Reads:
		return false
	}
	return true
}
