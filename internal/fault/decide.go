package fault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"storagesim/internal/store"
)

// maxVerdicts bounds what is noted about one request.
const maxVerdicts = 20

// Verdict is what a rule had to say about a request, for explain.
type Verdict struct {
	Rule  string `json:"rule"`
	Fired bool   `json:"fired"`
	Why   string `json:"why"` // what was done, or why not
}

// Decision is what happens to one request.
type Decision struct {
	Before, After Happening
	Interlopers   []string // the rules that want somebody else's change
	Marks         []string // who did it, for the header X-Sim-Fault
	Verdicts      []Verdict
}

// Happening is what happens in one phase.
type Happening struct {
	Delay      time.Duration
	By         string // the rule that decides the answer
	Effect     *Effect
	RetryAfter int           // seconds
	Stall      time.Duration // 0: until the client goes away
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

// Candidates answers the rules about the operation that may hit a request with these headers, as far as that can be
// said without a transaction. The others are noted.
func (s *Set) Candidates(d *Decision, operation string, header map[string][]string, wall time.Time) []*Ready {
	if s == nil {
		return nil
	}
	var list []*Ready
	for _, r := range s.byOp[operation] {
		switch why := r.admits(header); {
		case r.spent.Load():
			d.missed(r, "it is spent")
		case !r.expires.IsZero() && !wall.Before(r.expires):
			d.missed(r, "its ttl of "+r.Rule.TTL+" is over")
		case why != "":
			d.missed(r, why)
		default:
			list = append(list, r)
		}
	}
	return list
}

func (r *Ready) admits(header map[string][]string) string {
	for _, h := range r.headers {
		values := header[h.name]
		if !slices.ContainsFunc(values, func(v string) bool { return glob(h.glob, v) }) {
			return fmt.Sprintf("the header %s is %.200q and not %q", h.name, values, h.glob)
		}
	}
	return ""
}

// Thing is what a request names, as far as the world has it.
type Thing struct{ ID, Name, State string }

// Subject is what a request is about.
type Subject struct {
	Project string
	Names   []string      // values by which the request names things
	Thing   func() *Thing // nil where the world has none; asked only when a rule wants to know
}

// Fits says why the rule is not about the request; "" if it is.
func (d *Decision) Fits(r *Ready, s *Subject, now time.Time) bool {
	why := r.misfit(s, now)
	if why != "" {
		d.missed(r, why)
	}
	return why == ""
}

func (r *Ready) misfit(s *Subject, now time.Time) string {
	m := &r.Rule.Match
	if m.Project != "" && !glob(m.Project, s.Project) {
		return fmt.Sprintf("the project is %.100q and not %q", s.Project, m.Project)
	}
	if from := r.Rule.When.From; from != nil && now.Before(*from) {
		return "its time begins at " + from.UTC().Format(time.RFC3339Nano) + " of the world's clock"
	}
	if end, ok := r.end(); ok && !now.Before(end) {
		return "its time ended at " + end.UTC().Format(time.RFC3339Nano) + " of the world's clock"
	}
	if m.Resource == "" && m.State == "" && !r.Rule.Effect.Interloper {
		return ""
	}
	said := m.Resource != "" && slices.ContainsFunc(s.Names, func(name string) bool { return glob(m.Resource, name) })
	if said && m.State == "" && !r.Rule.Effect.Interloper {
		return ""
	}
	thing := s.Thing()
	switch {
	case m.Resource != "" && !said && !thing.is(m.Resource):
		return fmt.Sprintf("the request names %.100q and not %q", s.Names, m.Resource)
	case m.State == "" && !r.Rule.Effect.Interloper:
		return ""
	case thing == nil:
		return "the request names nothing that exists"
	case m.State != "" && thing.State != m.State:
		return fmt.Sprintf("%s is %s and not %s", thing.ID, thing.State, m.State)
	}
	return ""
}

// is says whether the pattern fits the id or the name.
func (t *Thing) is(pattern string) bool {
	return t != nil && (glob(pattern, t.ID) || t.Name != "" && glob(pattern, t.Name))
}

// Count counts the request for the rules that fit it, in order, and decides what happens. It runs in a write
// transaction of the request's world. Request is noted as what a rule hit last.
func (in *Injector) Count(tx *store.Tx, d *Decision, fit []*Ready, request string) error {
	tx = tx.In("")
	for _, r := range fit {
		if why := d.decided(r); why != "" {
			d.missed(r, why)
			continue
		}
		row, err := rules.Get(tx, r.Rule.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && row.Generation != r.Generation {
			continue // changed while the request came in
		}
		if err != nil {
			return err
		}
		if why := row.over(r, tx.Now, in.wall()); why != "" {
			d.missed(r, why)
			continue
		}
		random := drawing(tx.Seed(), r.Rule.ID, row.Seen+1)
		if why := row.count(random); why != "" {
			row.LastMiss = why
			d.missed(r, why)
		} else {
			row.LastHit, row.LastBy = tx.Now, request
			d.take(r.Rule.ID, r, random)
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

// count counts one request and says why it is let through; "" if it is hit (assumption 100).
func (r *row) count(random *rand.Rand) string {
	w := &r.Rule.When
	r.Seen++
	if r.Seen <= w.Skip {
		return fmt.Sprintf("it lets the first %d through, and this was number %d", w.Skip, r.Seen)
	}
	n := r.Seen - w.Skip
	switch {
	case w.Attempts != nil && !slices.Contains(w.Attempts, n):
		return fmt.Sprintf("it hits the attempts %v, and this was number %d", w.Attempts, n)
	case w.Every > 1 && n%w.Every != 0:
		return fmt.Sprintf("it hits one in %d, and this was number %d", w.Every, n)
	case w.Probability != nil && random.Float64() >= *w.Probability:
		return fmt.Sprintf("the draw was against it, with a probability of %v", *w.Probability)
	}
	r.Hits++
	return ""
}

// drawing is the generator for one request of one rule.
func drawing(seed uint64, id string, n uint64) *rand.Rand {
	h := fnv.New128a()
	h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, seed), n))
	h.Write([]byte(id))
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])))
}

// decided says which rule has already decided what this one would; "" if none has.
func (d *Decision) decided(r *Ready) string {
	e := &r.Rule.Effect
	if d.Before.Effect != nil && (r.Rule.Phase == After || e.terminal() || e.Interloper) {
		return d.Before.By + " answered first"
	}
	if r.Rule.Phase == After && d.After.Effect != nil && e.terminal() {
		return d.After.By + " changed the answer first"
	}
	return ""
}

// take adds a rule that hits; a step has no latency to draw.
func (d *Decision) take(id string, r *Ready, random *rand.Rand) {
	h, e := &d.Before, &r.Rule.Effect
	if r.Rule.Phase == After {
		h = &d.After
	}
	if r.latency != nil {
		h.Delay += r.latency.of(random)
	}
	if e.Interloper {
		d.Interlopers = append(d.Interlopers, id)
	}
	if e.terminal() {
		h.By, h.Effect, h.RetryAfter, h.Stall, h.Every = id, e, r.retry, r.stall, r.every
	}
	d.Marks = append(d.Marks, id)
	d.note(id, true, e.words(r.Rule.Phase))
}

// Take adds what a request asks for itself, or a step of a plan, ahead of all rules.
func (d *Decision) Take(step *Ready, by string) { d.take(by, step, nil) }

// words says what the effect does.
func (e *Effect) words(phase Phase) string {
	text := string(phase) + " the operation:"
	add := func(is bool, word string) {
		if is {
			text += " " + word
		}
	}
	add(e.Interloper, "somebody else's change")
	add(e.Latency != nil, "latency")
	add(e.Status != 0, fmt.Sprint("status ", e.Status))
	add(e.Malformed, "malformed")
	add(e.Stale > 0, fmt.Sprintf("as it was %d versions ago", e.Stale))
	add(e.Connection != "", string(e.Connection))
	return text
}
