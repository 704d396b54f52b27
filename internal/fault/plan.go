package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/store"
)

// Bounds of one plan.
const (
	maxPlanOperations = 200
	maxSteps          = 1000
)

// Pass is the step that lets a request through.
const Pass = "pass"

const afterPrefix = "after:"

// ParseStep reads what is to happen to one request of an operation: a documented status, with ;force any from 400 to
// 599, or one of Steps; after: before it commits the change first. nil is a request that passes. The error is an
// *InvalidError whose Valid lists what would be right.
func ParseStep(text string, op *Operation) (*Ready, error) {
	rule := Rule{Match: Match{Operation: op.ID}}
	word, late := strings.CutPrefix(strings.TrimSpace(text), afterPrefix)
	if late {
		rule.Phase = After
	}
	word, option, _ := strings.Cut(word, ";")
	rule.Force = strings.TrimSpace(option) == "force"
	status, err := strconv.Atoi(strings.TrimSpace(word))
	switch {
	case option != "" && !rule.Force:
		err = errors.New("unknown option")
	case err == nil && status >= 400:
		rule.Effect.Status = status
	case word == "malformed":
		rule.Effect.Malformed, err = true, nil
	case slices.Contains(connections[:], word):
		rule.Effect.Connection, err = Connection(word), nil
	case word == Pass && !late:
		return nil, nil
	default:
		err = errors.New("unknown step")
	}
	var ready *Ready
	if err == nil {
		ready, err = Check(rule, &Targets{Operations: []Operation{*op}})
	}
	if err != nil {
		return nil, &InvalidError{Detail: fmt.Sprintf("%.80q is no step that %s can take", text, op.ID), Valid: Steps(op)}
	}
	return ready, nil
}

// Steps lists what ParseStep reads for an operation, but for ;force and after:.
func Steps(op *Operation) []string {
	var list []string
	for _, status := range op.Statuses {
		if status >= 400 {
			list = append(list, strconv.Itoa(status))
		}
	}
	return append(append(list, connections[:]...), "malformed", Pass)
}

// Plan is what happens to the requests that carry its id, operation by operation and in order; after its last step an
// operation's requests pass.
type Plan struct {
	ID         string              `json:"id,omitempty" doc:"made without one"`
	Operations map[string][]string `json:"operations" doc:"by operation: statuses, reset, empty, truncate, stall, dribble, malformed, pass; after: before one of them" required:""`
}

// planRow is a plan and how far it has come.
type planRow struct {
	Plan
	Seq  uint64         `json:"seq"`
	Done map[string]int `json:"done"` // steps taken, by operation
	More map[string]int `json:"more"` // requests after the last step, by operation
}

// PlanState is a plan and what is left of it.
type PlanState struct {
	Plan
	Left      map[string][]string `json:"left"`   // steps not yet taken; operations without any are left out
	Beyond    map[string]int      `json:"beyond"` // requests that came after the last step of their operation
	Completed bool                `json:"completed"`
}

func (p *planRow) state() PlanState {
	s := PlanState{Plan: p.Plan, Left: map[string][]string{}, Beyond: p.More}
	for op, steps := range p.Operations {
		if left := steps[p.Done[op]:]; len(left) > 0 {
			s.Left[op] = left
		}
	}
	s.Completed = len(s.Left) == 0
	return s
}

// CreatePlan stores a plan: *InvalidError, and store.ErrExists for an id that is taken.
func (in *Injector) CreatePlan(tx *store.Tx, plan Plan) (PlanState, error) {
	tx = tx.In("")
	if err := in.checkPlan(&plan); err != nil {
		return PlanState{}, err
	}
	if plan.ID != "" && plans.Has(tx, plan.ID) {
		return PlanState{}, fmt.Errorf("fault plan %q: %w", plan.ID, store.ErrExists)
	}
	if err := makePlanRoom(tx); err != nil {
		return PlanState{}, err
	}
	n, err := number(tx, func(n *count) { n.Plans++ })
	if err != nil {
		return PlanState{}, err
	}
	for k := n.Plans; plan.ID == ""; k++ {
		if id := "plan-" + strconv.FormatUint(k, 10); !plans.Has(tx, id) {
			plan.ID = id
		}
	}
	row := planRow{Plan: plan, Seq: n.Plans, Done: map[string]int{}, More: map[string]int{}}
	return row.state(), plans.Insert(tx, &row)
}

func (in *Injector) checkPlan(p *Plan) error {
	if p.ID != "" {
		if err := (&Ready{Rule: Rule{ID: p.ID}}).checkID(nil); err != nil {
			return err
		}
	}
	if len(p.Operations) == 0 || len(p.Operations) > maxPlanOperations {
		return invalid("operations", "must have 1 to %d operations with their steps", maxPlanOperations)
	}
	for _, id := range slices.Sorted(maps.Keys(p.Operations)) {
		at, steps := "operations."+id, p.Operations[id]
		op := in.Operation(id)
		if op == nil {
			return &InvalidError{Path: "operations", Detail: fmt.Sprintf("%.80q is no operation", id), Valid: closest(id, in.targets.names())}
		}
		if len(steps) == 0 || len(steps) > maxSteps {
			return invalid(at, "must have 1 to %d steps", maxSteps)
		}
		for i, step := range steps {
			_, err := ParseStep(step, op)
			var wrong *InvalidError
			if errors.As(err, &wrong) {
				return &InvalidError{Path: fmt.Sprintf("%s[%d]", at, i), Detail: wrong.Detail, Valid: wrong.Valid}
			}
		}
	}
	return nil
}

// Operation answers the operation of that id, or nil.
func (in *Injector) Operation(id string) *Operation {
	for i := range in.targets.Operations {
		if in.targets.Operations[i].ID == id {
			return &in.targets.Operations[i]
		}
	}
	return nil
}

// makePlanRoom sees to it that a world has at most maxPlans plans: the oldest completed one gives way to a new one.
func makePlanRoom(tx *store.Tx) error {
	n, oldest := 0, planRow{}
	for _, p := range plans.All(tx, "", "") {
		n++
		if p.state().Completed && (oldest.Seq == 0 || p.Seq < oldest.Seq) {
			oldest = p
		}
	}
	switch {
	case n < maxPlans:
		return nil
	case oldest.Seq == 0:
		return invalid("", "the world has %d fault plans that are not completed, and no more are allowed", n)
	}
	return plans.Delete(tx, oldest.ID)
}

// GetPlan answers a plan as it stands: store.ErrNotFound.
func GetPlan(tx *store.Tx, id string) (PlanState, error) {
	row, err := plans.Get(tx.In(""), id)
	if err != nil {
		return PlanState{}, fmt.Errorf("fault plan %q: %w", id, store.ErrNotFound)
	}
	return row.state(), nil
}

// PlanIDs lists the ids of the world's plans.
func PlanIDs(tx *store.Tx) []string {
	ids := []string{}
	for id := range plans.Scan(tx.In(""), "", "") {
		ids = append(ids, id)
	}
	return ids
}

// Follows says whether the plan has anything to say about the operation: store.ErrNotFound where there is no such plan.
func Follows(tx *store.Tx, plan, operation string) (bool, error) {
	row, err := plans.Get(tx.In(""), plan)
	if err != nil {
		return false, fmt.Errorf("fault plan %q: %w", plan, store.ErrNotFound)
	}
	return row.Operations[operation] != nil, nil
}

// Step takes the plan's next step for the operation into the decision, in a write transaction.
func (in *Injector) Step(tx *store.Tx, d *Decision, plan, operation string) error {
	tx = tx.In("")
	row, err := plans.Get(tx, plan)
	if err != nil {
		return fmt.Errorf("fault plan %q: %w", plan, store.ErrNotFound)
	}
	steps, k := row.Operations[operation], row.Done[operation]
	if k >= len(steps) {
		row.More[operation]++
		d.note(plan, false, fmt.Sprintf("all %d steps for %s are taken", len(steps), operation))
		return plans.Put(tx, &row)
	}
	row.Done[operation]++
	ready, err := ParseStep(steps[k], in.Operation(operation))
	if err != nil {
		return err
	}
	if ready == nil {
		d.note(plan, false, fmt.Sprintf("step %d for %s is to pass", k+1, operation))
	} else {
		d.Take(ready, plan)
	}
	return plans.Put(tx, &row)
}
