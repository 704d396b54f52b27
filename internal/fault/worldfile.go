package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Tables lists the package's tables for the export of a world to a file. The exported rules include the last miss
// reasons that are only in memory (assumption 110).
func (in *Injector) Tables() []store.Verifier {
	return []store.Verifier{ruleTable{rules, in}, plans, counts}
}

type ruleTable struct {
	*store.Table[row]
	in *Injector
}

// Export is Table.Export.
func (t ruleTable) Export(tx *store.Tx) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for id, r := range t.All(tx, "", "") {
			if why := t.in.lastMiss(tx.World(), &r); why != "" {
				r.LastMiss = why
			}
			text, err := json.Marshal(&r)
			if err != nil {
				panic(&store.CorruptError{Table: t.Name(), Key: id, Err: err})
			}
			if !yield(id, text) {
				return
			}
		}
	}
}

// CheckRows checks the rules and plans of a world that was read from a file. It joins its errors, each a *strict.Error.
func (in *Injector) CheckRows(tx *store.Tx) error {
	var wrong []error
	note := func(path string, err error) {
		var invalid *InvalidError
		if errors.As(err, &invalid) {
			wrong = append(wrong, strict.Below(path,
				&strict.Error{Path: invalid.Path, Detail: invalid.Detail, Valid: invalid.Valid}))
		} else if err != nil {
			wrong = append(wrong, &strict.Error{Path: path, Detail: err.Error()})
		}
	}
	n, count := 0, uint64(0)
	for _, r := range rules.All(tx, "", "") {
		_, err := in.check(r.Rule, in.targets())
		note(rules.Name()+"."+r.Rule.ID, err)
		n, count = n+1, max(count, r.Seq)
	}
	if n > maxRules {
		note(rules.Name(), fmt.Errorf("%d rules are given; at most %d are allowed", n, maxRules))
	}
	planned := 0
	for _, p := range plans.All(tx, "", "") {
		note(plans.Name()+"."+p.ID, in.checkPlanRow(&p))
		planned++
	}
	if planned > maxPlans {
		note(plans.Name(), fmt.Errorf("%d plans are given; at most %d are allowed", planned, maxPlans))
	}
	if numbered, _ := counts.Get(tx, keyCount); numbered.Rules < count { // 0 if there is no row
		note(counts.Name(), fmt.Errorf("rules is %d, but a rule has the seq %d", numbered.Rules, count))
	}
	return errors.Join(wrong...)
}

// checkPlanRow checks a plan and its progress.
func (in *Injector) checkPlanRow(p *planRow) error {
	if err := in.checkPlan(&p.Plan); err != nil {
		return err
	}
	if p.Done == nil || p.More == nil {
		return invalid("done", "done and more must be objects; they are empty if no steps were taken")
	}
	for op, n := range p.Done {
		if steps, ok := p.Operations[op]; !ok || n < 0 || n > len(steps) {
			return invalid("done."+op, "%d is not in the range 0 to %d, the number of steps", n, len(steps))
		}
	}
	for op, n := range p.More {
		if p.Operations[op] == nil || n < 0 {
			return invalid("more."+op, "must be 0 or more, and the plan must have the operation")
		}
	}
	return nil
}
