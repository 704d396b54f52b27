package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"storagesim/internal/store"
)

// Limits of one world (assumption 108).
const (
	maxRules = 1000
	maxPlans = 1000
)

// row is a rule with its counters.
type row struct {
	Rule       Rule      `json:"rule"`
	Seq        uint64    `json:"seq"` // order of creation
	Generation uint64    `json:"generation"`
	Born       time.Time `json:"born"` // on the world's clock
	Expires    time.Time `json:"expires,omitzero"`
	Seen       uint64    `json:"seen,omitempty"` // matching requests, until no hits were left
	Hits       uint64    `json:"hits,omitempty"`
	LastHit    time.Time `json:"lastHit,omitzero"`
	LastBy     string    `json:"lastBy,omitempty"`
	LastMiss   string    `json:"lastMiss,omitempty"`
	Used       *used     `json:"used,omitempty"` // of the quota
}

// count holds the last numbers that a world gave to rules, plans and sets of rules.
type count struct {
	Rules      uint64 `json:"rules"`
	Plans      uint64 `json:"plans"`
	Generation uint64 `json:"generation"`
}

const keyCount = "count"

var (
	rules  = store.NewTable("fault-rules", func(r *row) string { return r.Rule.ID }, store.JSON[row]())
	plans  = store.NewTable("fault-plans", func(p *planRow) string { return p.ID }, store.JSON[planRow]())
	counts = store.NewTable("fault-counts", func(*count) string { return keyCount }, store.JSON[count]())
)

// Verifiers lists the package's tables, for store.Verify.
func Verifiers() []store.Verifier { return []store.Verifier{rules, plans, counts} }

// number changes the world's counts with fn and stores them.
func number(tx *store.Tx, fn func(*count)) (count, error) {
	n, err := counts.Get(tx, keyCount)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return n, err
	}
	fn(&n)
	return n, counts.Put(tx, &n)
}

// left returns how many more requests the rule can hit at most. bounded is false if there is no limit.
func (r *row) left() (n uint64, bounded bool) {
	w := &r.Rule.When
	if w.Times == nil && w.Attempts == nil {
		return 0, false
	}
	left := uint64(maxCount)
	if w.Times != nil {
		left = *w.Times - min(*w.Times, r.Hits)
	}
	if w.Attempts != nil {
		var ahead uint64
		for _, n := range w.Attempts {
			if n+w.Skip > r.Seen {
				ahead++
			}
		}
		left = min(left, ahead)
	}
	return left, true
}

// over returns why the rule cannot hit any more requests, or "" if it can.
func (r *row) over(ready *Ready, now, wall time.Time) string {
	left, bounded := r.left()
	switch {
	case bounded && left == 0:
		return fmt.Sprintf("the rule has no hits left (hits so far: %d)", r.Hits)
	case !r.Expires.IsZero() && !wall.Before(r.Expires):
		return fmt.Sprintf("the rule's ttl of %s has expired", r.Rule.TTL)
	}
	if end, ok := ready.end(); ok && !now.Before(end) {
		return endedAt(end)
	}
	return ""
}

func endedAt(end time.Time) string {
	return "the rule ended at " + end.UTC().Format(time.RFC3339Nano) + " on the world's clock"
}

// end returns the instant on the world's clock at which the rule ends; ok is false if it has none.
func (r *Ready) end() (end time.Time, ok bool) {
	if r.span == 0 {
		return time.Time{}, false
	}
	if r.Rule.When.From != nil {
		return r.Rule.When.From.Add(r.span), true
	}
	return r.born.Add(r.span), true
}

// Listed is a rule with its counters, as the API returns it.
type Listed struct {
	Rule
	Generation     uint64     `json:"generation"` // of the set of rules when this one was written
	Created        time.Time  `json:"created"`    // on the world's clock
	Expires        *time.Time `json:"expires,omitempty"`
	Matched        uint64     `json:"matched"` // matching requests
	Hits           uint64     `json:"hits"`
	Remaining      *uint64    `json:"remaining,omitempty"` // most hits that are left; absent: no limit
	Spent          bool       `json:"spent"`
	LastHit        *time.Time `json:"lastHit,omitempty"` // on the world's clock
	LastHitRequest string     `json:"lastHitRequest,omitempty"`
	LastMissReason string     `json:"lastMissReason,omitempty"`
	LeavesOut      []LeftOut  `json:"leavesOut,omitempty"` // operations that match the glob, but not the rest of the rule
}

// listed returns a row as the API shows it. A rule that Check no longer accepts is spent.
func (in *Injector) listed(tx *store.Tx, r row) Listed {
	ready, err := in.ready(tx.World(), &r)
	if err != nil {
		l := in.describe(tx, &r, &Ready{})
		l.Spent, l.LastMissReason = true, err.Error()
		return l
	}
	return in.describe(tx, &r, ready)
}

func (in *Injector) describe(tx *store.Tx, r *row, ready *Ready) Listed {
	l := Listed{Rule: r.Rule, Generation: r.Generation, Created: r.Born, Matched: r.Seen, Hits: r.Hits,
		LastHitRequest: r.LastBy, LastMissReason: r.LastMiss, LeavesOut: ready.leavesOut()}
	if !r.LastHit.IsZero() {
		l.LastHit = &r.LastHit
	}
	if !r.Expires.IsZero() {
		l.Expires = &r.Expires
	}
	if left, bounded := r.left(); bounded {
		l.Remaining = &left
	}
	if why := r.over(ready, tx.Now, in.wall()); why != "" {
		l.Spent, l.LastMissReason = true, why
	} else if why := ready.miss.Load(); why != nil {
		l.LastMissReason = *why
	}
	return l
}

// List returns the rules of the transaction's world in the order in which they are tried, and the generation of the
// set.
func (in *Injector) List(tx *store.Tx) (list []Listed, generation uint64) {
	tx = tx.In("")
	var all []row
	for _, r := range rules.All(tx, "", "") {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b row) int { return order(&a.Rule, &b.Rule, a.Seq, b.Seq) })
	list = []Listed{}
	for _, r := range all {
		list = append(list, in.listed(tx, r))
	}
	n, _ := counts.Get(tx, keyCount) // a world without rules has none
	return list, n.Generation
}

// order compares two rules by descending priority, then by creation (assumption 101).
func order(a, b *Rule, seqA, seqB uint64) int {
	switch {
	case a.Priority != b.Priority:
		return b.Priority - a.Priority
	case seqA < seqB:
		return -1
	}
	return 1
}

// Get returns a rule, or store.ErrNotFound.
func (in *Injector) Get(tx *store.Tx, id string) (Listed, error) {
	r, err := rules.Get(tx.In(""), id)
	if err != nil {
		return Listed{}, fmt.Errorf("fault rule %q: %w", id, store.ErrNotFound)
	}
	return in.listed(tx.In(""), r), nil
}

// Put stores a rule with counters at zero. It replaces the rule with the same ID and takes its place in the order. A
// rule without an ID gets one. Put returns an *InvalidError if the rule is invalid or the world has too many rules.
func (in *Injector) Put(tx *store.Tx, rule Rule) (Listed, error) {
	tx = tx.In("")
	n, err := number(tx, func(n *count) { n.Generation++ })
	if err != nil {
		return Listed{}, err
	}
	r, ready, err := in.put(tx, rule, n.Generation)
	if err != nil {
		return Listed{}, err
	}
	in.changedBy(tx, ready)
	return in.describe(tx, &r, ready), nil
}

// Insert is Put for a new rule. It returns store.ErrExists for an ID that is in use.
func (in *Injector) Insert(tx *store.Tx, rule Rule) (Listed, error) {
	if rule.ID != "" && rules.Has(tx.In(""), rule.ID) {
		return Listed{}, fmt.Errorf("fault rule %q: %w; use PUT to replace it", rule.ID, store.ErrExists)
	}
	return in.Put(tx, rule)
}

// put checks a rule and stores it.
func (in *Injector) put(tx *store.Tx, rule Rule, generation uint64) (r row, ready *Ready, err error) {
	if ready, err = in.check(rule, in.targets()); err != nil {
		return r, nil, err
	}
	r = row{Rule: ready.Rule, Generation: generation, Born: tx.Now}
	if ready.ttl > 0 {
		r.Expires = in.wall().Add(ready.ttl).UTC()
	}
	if old, err := rules.Get(tx, rule.ID); err == nil {
		r.Seq = old.Seq
	} else if err := in.assign(tx, &r); err != nil {
		return r, nil, err
	}
	ready.carry(&r)
	return r, ready, rules.Put(tx, &r)
}

// assign gives a new rule its place in the order and, if it has no ID, an ID.
func (in *Injector) assign(tx *store.Tx, r *row) error {
	if err := in.makeRoom(tx); err != nil {
		return err
	}
	n, err := number(tx, func(n *count) { n.Rules++ })
	if err != nil {
		return err
	}
	r.Seq = n.Rules
	for k := n.Rules; r.Rule.ID == ""; k++ {
		if id := "fault-" + strconv.FormatUint(k, 10); !rules.Has(tx, id) {
			r.Rule.ID = id
		}
	}
	return nil
}

// FullError is the error of a rule or a plan that would be one too many in its world.
type FullError struct{ detail string }

func (e *FullError) Error() string { return e.detail }

// makeRoom deletes the oldest rule that cannot hit any more requests, if the world has maxRules rules.
func (in *Injector) makeRoom(tx *store.Tx) error {
	n := 0
	for range rules.Scan(tx, "", "") {
		n++
	}
	if n < maxRules {
		return nil
	}
	oldest := row{}
	for _, r := range rules.All(tx, "", "") {
		ready, err := in.ready(tx.World(), &r)
		if (err != nil || r.over(ready, tx.Now, in.wall()) != "") && (oldest.Seq == 0 || r.Seq < oldest.Seq) {
			oldest = r
		}
	}
	if oldest.Seq == 0 {
		return &FullError{fmt.Sprintf("the world has %d fault rules, which is the limit for one world; delete some with "+
			"DELETE /_sim/faults/{id}", n)}
	}
	return rules.Delete(tx, oldest.Rule.ID)
}

// Replace replaces all rules of the world, with counters at zero. The path of an *InvalidError names the invalid rule.
func (in *Injector) Replace(tx *store.Tx, set []Rule) error {
	tx = tx.In("")
	if len(set) > maxRules {
		return invalid("rules", "has %d rules; at most %d are allowed", len(set), maxRules)
	}
	n, err := number(tx, func(n *count) { n.Generation++ })
	if err != nil {
		return err
	}
	if err := clearRules(tx); err != nil {
		return err
	}
	stored := make([]*Ready, 0, len(set))
	for i, rule := range set {
		at := fmt.Sprintf("rules[%d]", i)
		if rule.ID != "" && rules.Has(tx, rule.ID) {
			return invalid(at+".id", "%q is given twice", rule.ID)
		}
		_, ready, err := in.put(tx, rule, n.Generation)
		var wrong *InvalidError
		if errors.As(err, &wrong) {
			return &InvalidError{Path: at + "." + wrong.Path, Detail: wrong.Detail, Valid: wrong.Valid}
		}
		if err != nil {
			return err
		}
		stored = append(stored, ready)
	}
	in.changedBy(tx, stored...)
	return nil
}

func clearRules(tx *store.Tx) error {
	for id := range rules.Scan(tx, "", "") {
		if err := rules.Delete(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// Delete removes a rule. It returns store.ErrNotFound if there is none.
func (in *Injector) Delete(tx *store.Tx, id string) error {
	tx = tx.In("")
	if err := rules.Delete(tx, id); err != nil {
		return fmt.Errorf("fault rule %q: %w", id, store.ErrNotFound)
	}
	_, err := number(tx, func(n *count) { n.Generation++ })
	in.changedBy(tx)
	return err
}

// IDs lists the IDs of the world's rules.
func IDs(tx *store.Tx) []string {
	ids := []string{}
	for id := range rules.Scan(tx.In(""), "", "") {
		ids = append(ids, id)
	}
	return ids
}
