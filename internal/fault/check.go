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

	"storagesim/internal/nearest"
	"storagesim/internal/strict"
)

// Limits of one rule. They bound the memory and the time that a rule can take.
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

// Operation describes an operation of a vendor's API.
type Operation struct {
	ID       string
	Statuses []int // those that are documented or follow from state
	Reads    bool  // it is a GET
	// InPath reports whether its path has parameters. Names reports whether its requests can name a resource, and Project
	// whether they can name a project: in the path, the query or the body.
	InPath, Names, Project bool
	States                 []string // of the resources that its requests can name, sorted
}

// Targets holds the operations that a rule may refer to.
type Targets struct{ Operations []Operation }

// names lists the IDs of the operations.
func (c *Targets) names() []string {
	list := make([]string, len(c.Operations))
	for i := range c.Operations {
		list[i] = c.Operations[i].ID
	}
	return list
}

// patterns returns the IDs of all operations, and for each vendor the pattern of all its operations.
func (c *Targets) patterns() []string {
	list := c.names()
	for i := range c.Operations {
		vendor, _, _ := strings.Cut(c.Operations[i].ID, ".")
		list = append(list, vendor+".*")
	}
	return list
}

// Ready is a valid rule, compiled for matching. Make one with Check.
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
	retry   *sampler
	per     time.Duration // of the quota
	latency *sampler
	stall   time.Duration
	every   time.Duration

	spent atomic.Bool            // no hits are left
	miss  atomic.Pointer[string] // why the rule did not hit the last request, if that was decided without counting
}

type headerGlob struct{ name, glob string }

var validID = [...]string{"1 to 64 letters, digits, dots, dashes and underscores, the first one a letter or digit"}

const patternID = `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`

// Check compiles a rule and fills in its phase. It returns an *InvalidError for an invalid rule.
func Check(rule Rule, targets *Targets) (*Ready, error) {
	r := &Ready{Rule: rule}
	checks := []func(*Targets) error{r.checkID, r.checkMatch, r.checkWhen, r.checkEffect, r.checkPhase, r.checkStatus,
		r.checkTargets}
	for _, check := range checks {
		if err := check(targets); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Ready) checkID(*Targets) error {
	if r.Rule.ID != "" && !regexp.MustCompile(patternID).MatchString(r.Rule.ID) {
		return &InvalidError{Path: "id", Detail: fmt.Sprintf("%.80q is not a valid ID", r.Rule.ID), Valid: validID[:]}
	}
	if r.Rule.Priority > maxPriority || r.Rule.Priority < -maxPriority {
		return invalid("priority", "%d is not in the range %d to %d", r.Rule.Priority, -maxPriority, maxPriority)
	}
	if r.Rule.TTL != "" {
		var err error
		r.ttl, err = parseSpan("ttl", r.Rule.TTL)
		return err
	}
	return nil
}

func (r *Ready) checkMatch(c *Targets) error {
	m := &r.Rule.Match
	globs := map[string]string{
		"match.operation": m.Operation, "match.resource": m.Resource, "match.project": m.Project,
	}
	for path, text := range globs {
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
		return &InvalidError{Path: "match.operation", Valid: nearest.To(m.Operation, c.patterns()),
			Detail: fmt.Sprintf("no operation matches %.80q", m.Operation) + nearest.Hint(m.Operation, c.patterns())}
	}
	if len(m.Header) > maxHeaders {
		return invalid("match.header", "has more than %d members", maxHeaders)
	}
	for name, pattern := range m.Header {
		if !validHeader(name) {
			return invalid("match.header", "%.80q is not a valid header name", name)
		}
		if len(pattern) > maxGlob {
			return invalid("match.header", "the glob of %.80q is longer than %d bytes", name, maxGlob)
		}
		r.headers = append(r.headers, headerGlob{textproto.CanonicalMIMEHeaderKey(name), pattern})
	}
	slices.SortFunc(r.headers, func(a, b headerGlob) int { return strings.Compare(a.name, b.name) })
	return nil
}

// validHeader reports whether a name is a token (RFC 9110, 5.6.2) of at most 256 bytes.
func validHeader(name string) bool {
	const token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return name != "" && len(name) <= 256 && strings.Trim(name, token) == "" && !strings.ContainsAny(name, " \t")
}

func (r *Ready) checkWhen(*Targets) error { //nolint:cyclop // one check for each member
	w := &r.Rule.When
	if w.Skip > maxCount {
		return invalid("when.skip", "%d is not in the range 0 to %d", w.Skip, maxCount)
	}
	if w.Times != nil && (*w.Times < 1 || *w.Times > maxCount) {
		return invalid("when.times", "%d is not in the range 1 to %d; without times, the rule hits any number of requests",
			*w.Times, maxCount)
	}
	if w.Every != nil && (*w.Every < 1 || *w.Every > maxCount) {
		return invalid("when.every", "%d is not in the range 1 to %d; without every, the rule hits each request",
			*w.Every, maxCount)
	}
	if err := r.checkQuota(); err != nil {
		return err
	}
	if w.Attempts != nil && w.Every != nil && *w.Every > 1 {
		return invalid("when.attempts", "cannot be combined with every; remove one of them")
	}
	if w.Attempts != nil && len(w.Attempts) == 0 || len(w.Attempts) > maxAttempts {
		return invalid("when.attempts", "must have 1 to %d numbers", maxAttempts)
	}
	for i, n := range w.Attempts {
		if n < 1 || n > maxCount {
			return invalid(fmt.Sprintf("when.attempts[%d]", i), "%d is not in the range 1 to %d", n, maxCount)
		}
		if slices.Contains(w.Attempts[:i], n) {
			return invalid(fmt.Sprintf("when.attempts[%d]", i), "%d is given twice", n)
		}
	}
	if w.Probability != nil && !(*w.Probability >= 0 && *w.Probability <= 1) {
		return invalid("when.probability", "%v is not in the range 0 to 1", *w.Probability)
	}
	if w.For != "" {
		var err error
		r.span, err = parseSpan("when.for", w.For)
		return err
	}
	return nil
}

// parseSpan parses a duration above zero, at most maxSpan.
func parseSpan(path, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case strict.IsLongDuration(text, err) || d > maxSpan:
		return 0, invalid(path, "%.80q is too long: at most %.0fh are allowed, a hundred years", text, maxSpan.Hours())
	case err != nil || d <= 0:
		return 0, invalid(path, `%.80q is not a duration above zero, such as "10m"`, text)
	}
	return d, nil
}

func (r *Ready) checkEffect(*Targets) (err error) {
	e := &r.Rule.Effect
	if !e.terminal() && e.Latency == nil && !e.Interloper {
		return &InvalidError{Path: "effect", Detail: "at least one of its members must be given",
			Valid: []string{"status", "latency", "connection", "malformed", "interloper", "stale"}}
	}
	if e.Connection != "" && !slices.Contains(connections[:], string(e.Connection)) {
		return &InvalidError{Path: "effect.connection",
			Detail: fmt.Sprintf("unknown connection effect %.80q", e.Connection), Valid: connections[:]}
	}
	if e.Latency != nil {
		if r.latency, err = (spans{pathLatency, maxLatency}).compile(e.Latency); err != nil {
			return err
		}
	}
	for _, check := range []func(*Effect) error{r.checkResponse, r.checkTransfer, r.checkStale} {
		if err := check(e); err != nil {
			return err
		}
	}
	return nil
}

// silent reports whether the effect sends no response at all.
func (e *Effect) silent() bool {
	return e.Connection == Reset || e.Connection == Empty || e.Connection == Stall && e.TruncateAt == nil
}

const notWithSilent = "cannot be combined with the connection effect %s, which sends no response"

// checkResponse checks the content of the response.
func (r *Ready) checkResponse(e *Effect) error {
	switch {
	case e.Status != 0 && (e.Status < 400 || e.Status > 599):
		return invalid("effect.status", "%d is not in the range 400 to 599", e.Status)
	case e.Status != 0 && e.silent():
		return invalid("effect.status", notWithSilent, e.Connection)
	case e.Malformed && e.silent():
		return invalid("effect.malformed", notWithSilent, e.Connection)
	case e.Status == 0 && e.Message != "":
		return invalid("effect.message", "needs effect.status, which is missing")
	case len(e.Message) > maxText:
		return invalid("effect.message", "is longer than %d bytes", maxText)
	case e.RetryAfter == nil:
		return nil
	case e.Status == 0:
		return invalid(pathRetryAfter, "needs effect.status, which is missing")
	}
	var err error
	r.retry, err = e.RetryAfter.compile()
	return err
}

// The paths of members that have short forms.
const (
	pathLatency    = "effect.latency"
	pathRetryAfter = "effect.retryAfter"
)

func quoted(text string) string { return fmt.Sprintf("%.80q", text) }

// checkTransfer checks how the response is sent.
func (r *Ready) checkTransfer(e *Effect) (err error) {
	switch {
	case e.TruncateAt != nil && e.Connection != Truncate && e.Connection != Stall:
		return invalid("effect.truncateAt", "needs the connection effect truncate or stall")
	case e.TruncateAt != nil && *e.TruncateAt < 0:
		return invalid("effect.truncateAt", "%d is negative; it must be 0 or more", *e.TruncateAt)
	case e.StallFor != "" && e.Connection != Stall:
		return invalid("effect.stallFor", "needs the connection effect stall")
	case e.Dribble != nil && e.Connection != Drip:
		return invalid("effect.dribble", "needs the connection effect dribble")
	}
	if e.StallFor != "" {
		if r.stall, err = parseDuration("effect.stallFor", e.StallFor); err != nil {
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
		return invalid("effect.dribble.bytes", "%d is negative; it must be 1 or more", d.Bytes)
	}
	r.Rule.Effect.Dribble = &d
	r.every, err = parseDuration("effect.dribble.every", d.Every)
	return err
}

func (r *Ready) checkStale(e *Effect) error {
	switch {
	case e.Stale < 0 || e.Stale > maxStale:
		return invalid("effect.stale", "%d is not in the range 0 to %d", e.Stale, maxStale)
	case e.Stale > 0 && e.Status != 0:
		return invalid("effect.stale", "cannot be combined with effect.status; remove one of them")
	case e.Stale > 0 && !slices.ContainsFunc(r.ops, func(op Operation) bool { return op.Reads }):
		return invalid("effect.stale", "needs a GET operation; %s is not one", r.ops[0].ID)
	case e.Stale > 0 && e.silent():
		return invalid("effect.stale", notWithSilent, e.Connection)
	}
	return nil
}

// checkPhase fills in the phase. It is after if the effect needs the operation's own response, and otherwise before
// (assumption 107).
func (r *Ready) checkPhase(*Targets) error {
	e := &r.Rule.Effect
	mangles := e.Malformed || e.Connection == Truncate || e.Connection == Drip || e.TruncateAt != nil
	needsResponse := e.Stale > 0 || mangles && e.Status == 0
	switch r.Rule.Phase {
	case "":
		if r.Rule.Phase = Before; needsResponse {
			r.Rule.Phase = After
		}
	case Before:
		if needsResponse {
			return &InvalidError{Path: "phase", Valid: []string{string(After)},
				Detail: "the effect changes the operation's response, which does not exist before the operation; " +
					"set phase to after or give effect.status"}
		}
	case After:
	default:
		return &InvalidError{Path: "phase", Detail: fmt.Sprintf("unknown phase %.80q", r.Rule.Phase),
			Valid: r.Rule.Phase.Names()}
	}
	if !e.Interloper {
		return nil
	}
	switch {
	case r.Rule.Phase == After:
		return invalid("effect.interloper", "needs the phase before: the other change precedes the request's own")
	case e.terminal():
		return invalid("effect.interloper", "cannot be combined with an effect that keeps the operation from running")
	case !slices.ContainsFunc(r.ops, func(op Operation) bool { return op.InPath }):
		return invalid("effect.interloper", "needs an operation with a resource in its path; %s has none", r.ops[0].ID)
	}
	return nil
}

// checkStatus refuses a status that no operation of the rule documents. A rule with a glob applies to the matching
// operations that document the status (assumption 102).
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
		Detail: fmt.Sprintf(`%s the status %d; set "force" to true to use it anyway`, who, e.Status)}
}

func (r *Ready) forced() bool { return r.Rule.Force || r.Rule.Effect.Force }
