package fault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"storagesim/internal/redact"
	"storagesim/internal/store"
)

// maxVerdicts bounds the verdicts on one request.
const maxVerdicts = 20

// Verdict is the verdict of a rule on a request, as explain shows it.
type Verdict struct {
	Rule  string `json:"rule"`
	Fired bool   `json:"fired"`
	Why   string `json:"why"` // the effect, or why there was none
}

// Decision is what happens to one request.
type Decision struct {
	Before, After PhaseEffect
	Interlopers   []string // the rules with the effect interloper
	Marks         []string // the rules and plans that hit the request, for the header X-Sim-Fault
	Verdicts      []Verdict
}

// PhaseEffect is what happens to a request in one phase.
type PhaseEffect struct {
	Delay      time.Duration
	By         string        // the rule or plan that decides the response
	Effect     *Effect       // nil if none decides it
	RetryAfter string        // the header; "" for none
	Stall      time.Duration // 0: until the client closes the connection
	Every      time.Duration // between two pieces
}

func (d *Decision) note(rule string, fired bool, why string) {
	if len(d.Verdicts) < maxVerdicts {
		d.Verdicts = append(d.Verdicts, Verdict{Rule: rule, Fired: fired, Why: why})
	}
}

func (d *Decision) missed(r *Ready, why string) {
	r.miss.Store(&why)
	d.note(r.Rule.ID, false, why)
}

// Candidates returns the rules that may hit a request of the operation with this host and these headers, as far as that
// can be decided without a transaction. It notes the other rules of the operation as missed.
func (s *Set) Candidates(
	d *Decision, operation, host string, header map[string][]string, wall time.Time,
) []*Ready {
	if s == nil {
		return nil
	}
	for _, one := range s.leftOut[operation] {
		d.missed(one.rule, operation+" is left out: "+one.why)
	}
	var list []*Ready
	for _, r := range s.byOp[operation] {
		switch why := r.headerMismatch(host, header); {
		case r.spent.Load():
			d.missed(r, "the rule has no hits left")
		case !r.expires.IsZero() && !wall.Before(r.expires):
			d.missed(r, "the rule's ttl of "+r.Rule.TTL+" has expired")
		case why != "":
			d.missed(r, why)
		default:
			list = append(list, r)
		}
	}
	return list
}

// headerMismatch returns why the headers do not match the rule, or "" if they do.
func (r *Ready) headerMismatch(host string, header map[string][]string) string {
	for _, h := range r.headers {
		values := header[h.name]
		if isHost(h.name) {
			values = []string{host}
		}
		if !slices.ContainsFunc(values, func(v string) bool { return glob(h.glob, v) }) {
			var r redact.Redactor
			return fmt.Sprintf("the header %s is %.200q, which does not match %q", h.name,
				r.Header(http.Header{h.name: values})[h.name], h.glob)
		}
	}
	return ""
}

// Resource is a resource that a request names.
type Resource struct{ ID, Name, State string }

// Subject holds the parts of a request that a rule matches within a transaction.
type Subject struct {
	Project string
	Names   []string // IDs and names of resources in the request
	// Client is who sends the request, for quotas.
	Client string
	// Resource looks up the resource that the request names. It returns nil if the resource does not exist. Source looks
	// up the resource that the request names as its source. Both are called only if a rule needs them.
	Resource, Source func() *Resource
}

// Matches reports whether the rule matches the request. If it does not, the decision notes why.
func (d *Decision) Matches(r *Ready, s *Subject, now time.Time) bool {
	why := r.mismatch(s, now)
	if why != "" {
		d.missed(r, why)
	}
	return why == ""
}

// mismatch returns why the rule does not match the request, or "" if it does.
func (r *Ready) mismatch(s *Subject, now time.Time) string {
	m := &r.Rule.Match
	if m.Project != "" && !glob(m.Project, s.Project) {
		return fmt.Sprintf("the project is %.100q, which does not match %q", s.Project, m.Project)
	}
	if from := r.Rule.When.From; from != nil && now.Before(*from) {
		return "the rule starts at " + from.UTC().Format(time.RFC3339Nano) + " on the world's clock"
	}
	if end, ok := r.end(); ok && !now.Before(end) {
		return endedAt(end)
	}
	if m.Resource == "" && m.State == "" && !r.Rule.Effect.Interloper {
		return ""
	}
	named := m.Resource != "" && slices.ContainsFunc(s.Names, func(name string) bool { return glob(m.Resource, name) })
	if named && m.State == "" && !r.Rule.Effect.Interloper {
		return ""
	}
	resource := s.Resource()
	if !r.Rule.Effect.Interloper && (resource == nil || m.Resource != "" && !resource.matches(m.Resource)) {
		if source := s.Source(); source != nil {
			resource = source
		}
	}
	switch {
	case m.Resource != "" && !named && !resource.matches(m.Resource):
		return fmt.Sprintf("the request names %.100q, which does not match %q", s.Names, m.Resource)
	case m.State == "" && !r.Rule.Effect.Interloper:
		return ""
	case resource == nil:
		return "the request names no existing resource"

	case m.State != "" && resource.State != m.State:
		return fmt.Sprintf("%s is %s, not %s", resource.ID, resource.State, m.State)
	}
	return ""
}

// matches reports whether the pattern matches the ID or the name.
func (r *Resource) matches(pattern string) bool {
	return r != nil && (glob(pattern, r.ID) || r.Name != "" && glob(pattern, r.Name))
}

// Count counts the request for the matching rules, in order, and adds the effects of those that hit it to the decision.
// tx must be a write transaction of the request's world. A rule that hits stores the request's ID, request. Client is
// who sends the request.
func (in *Injector) Count(tx *store.Tx, d *Decision, matching []*Ready, request, client string) error {
	tx = tx.In("")
	for _, r := range matching {
		if why := d.decided(r); why != "" {
			d.missed(r, why)
			continue
		}
		row, err := rules.Get(tx, r.Rule.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && row.Generation != r.Generation {
			continue // the rule was changed after Candidates
		}
		if err != nil {
			return err
		}
		if why := row.over(r, tx.Now, in.wall()); why != "" {
			d.missed(r, why)
			continue
		}
		random := generator(tx.Seed(), r.Rule.ID, row.Seen+1)
		if why := row.count(random, r, client, tx.Now); why != "" {
			row.LastMiss = why
			d.missed(r, why)
		} else {
			row.LastHit, row.LastBy = tx.Now, request
			d.take(r.Rule.ID, r, random, tx.Now)
		}
		if err := rules.Put(tx, &row); err != nil {
			return err
		}
		if left, bounded := row.left(); bounded && left == 0 {
			tx.OnCommit(func() { r.spent.Store(true) })
		}
	}
	return nil
}

// count counts one request. It returns why the request passes, or "" if it is hit (assumption 100).
func (r *row) count(random *rand.Rand, ready *Ready, client string, now time.Time) string {
	w := &r.Rule.When
	r.Seen++
	if r.Seen <= w.Skip {
		return fmt.Sprintf("the rule skips %d requests, and this was number %d", w.Skip, r.Seen)
	}
	n := r.Seen - w.Skip
	switch {
	case w.Attempts != nil && !slices.Contains(w.Attempts, n):
		return fmt.Sprintf("the rule hits the attempts %v, and this was number %d", w.Attempts, n)
	case w.Every != nil && n%*w.Every != 0:
		return fmt.Sprintf("the rule hits one request in %d, and this was number %d", *w.Every, n)
	}
	if w.Quota != nil {
		if why := r.takeQuota(ready, client, now); why != "" {
			return why
		}
	}
	switch {
	case w.Probability != nil && random.Float64() >= *w.Probability:
		return fmt.Sprintf("the random draw was a miss, with a hit probability of %v", *w.Probability)
	}
	r.Hits++
	return ""
}

// generator returns the random number generator for the n-th request of a rule.
func generator(seed uint64, id string, n uint64) *rand.Rand {
	h := fnv.New128a()
	h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, seed), n))
	h.Write([]byte(id))
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])))
}

// decided returns which earlier rule has decided what r would decide, or "" if none has.
func (d *Decision) decided(r *Ready) string {
	e := &r.Rule.Effect
	if d.Before.Effect != nil && (r.Rule.Phase == After || e.terminal() || e.Interloper) {
		return d.Before.By + " decided the response first"
	}
	if r.Rule.Phase == After && d.After.Effect != nil && e.terminal() {
		return d.After.By + " changed the response first"
	}
	return ""
}

// take adds the effect of a rule that hits at the instant now, or of a step. random may be nil for a step, which has
// nothing to draw.
func (d *Decision) take(id string, r *Ready, random *rand.Rand, now time.Time) {
	h, e := &d.Before, &r.Rule.Effect
	if r.Rule.Phase == After {
		h = &d.After
	}
	if r.latency != nil {
		h.Delay += r.latency.sample(random)
	}
	if e.Interloper {
		d.Interlopers = append(d.Interlopers, id)
	}
	if e.terminal() {
		var renewed time.Time
		if r.per > 0 {
			_, renewed = r.window(now)
		}
		h.By, h.Effect, h.Stall, h.Every = id, e, r.stall, r.every
		h.RetryAfter = r.retryAfter(random, now, renewed)
	}
	d.Marks = append(d.Marks, id)
	d.note(id, true, e.words(r.Rule.Phase))
}

// Take adds a step, from a header of the request or from a plan. It must precede Count, so that the step takes
// precedence over all rules.
func (d *Decision) Take(step *Ready, by string) { d.take(by, step, nil, time.Time{}) }

// words describes the effect.
func (e *Effect) words(phase Phase) string {
	text := string(phase) + " the operation:"
	add := func(is bool, word string) {
		if is {
			text += " " + word
		}
	}
	add(e.Interloper, "a change by somebody else")
	add(e.Latency != nil, "latency")
	add(e.Status != 0, fmt.Sprint("status ", e.Status))
	add(e.Malformed, "malformed")
	add(e.Stale > 0, fmt.Sprintf("stale by %d", e.Stale))
	add(e.Connection != "", string(e.Connection))
	return text
}
