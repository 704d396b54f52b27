package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/nearest"
	"storagesim/internal/store"
)

// Bounds of one plan.
const (
	maxPlanOperations = 200
	maxSteps          = 1000
)

// Pass is the step that lets a request pass.
const Pass = "pass"

const afterPrefix = "after:"

// ParseStep reads a step, which is what happens to one request of an operation: a status of op.Statuses, any status
// from 400 to 599 with ";force", or one of Steps. With the prefix "after:" the change is committed first. A nil *Ready
// means that the request passes. The error is an *InvalidError whose Valid lists the valid steps.
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
		return nil, invalidStep(text, op)
	}
	return ready, nil
}

// invalidStep returns the error for a text that is no step of the operation. Valid has the steps with "after:" as well.
func invalidStep(text string, op *Operation) *InvalidError {
	valid := Steps(op)
	for _, step := range Steps(op) {
		if step != Pass {
			valid = append(valid, afterPrefix+step)
		}
	}
	e := &InvalidError{Detail: fmt.Sprintf("%.80q is not a valid step of %s", text, op.ID), Valid: valid}
	if strings.Trim(text, "0123456789") != "" { // statuses with similar digits are not similar
		e.Detail += nearest.Hint(text, valid)
	}
	return e
}

// Steps lists the steps that ParseStep accepts for an operation, without ";force" and "after:".
func Steps(op *Operation) []string {
	var list []string
	for _, status := range op.Statuses {
		if status >= 400 {
			list = append(list, strconv.Itoa(status))
		}
	}
	return append(append(list, connections[:]...), "malformed", Pass)
}

// Plan lists what happens to the requests that carry its ID, by operation and in order. The requests of an operation
// pass after its last step.
type Plan struct {
	ID         string              `json:"id,omitempty" doc:"name of the plan" default:"plan-1, plan-2, …" range:"1 to 64 letters, digits, dots, dashes and underscores, the first one a letter or digit" example:"retry"`
	Operations map[string][]string `json:"operations" doc:"steps by operation, taken in order: a documented status, reset, empty, truncate, stall, dribble, malformed or pass; after: in front of a step commits the change first" range:"1 to 200 operations with 1 to 1000 steps each" example:"{\"lightbits.CreateVolume\":[\"503\",\"after:reset\",\"pass\"]}" required:""`
}

// planRow is a plan and its progress.
type planRow struct {
	Plan
	Seq  uint64         `json:"seq"`
	Done map[string]int `json:"done"` // steps taken, by operation
	More map[string]int `json:"more"` // requests after the last step, by operation
}

// PlanState is a plan and its progress.
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

// CreatePlan stores a plan. It returns an *InvalidError for an invalid plan and store.ErrExists for an ID that is in
// use.
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
			return &InvalidError{Path: "operations", Valid: nearest.To(id, in.targets().names()),
				Detail: fmt.Sprintf("unknown operation %.80q", id) + nearest.Hint(id, in.targets().names())}
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

// Operation returns the operation with that ID, or nil.
func (in *Injector) Operation(id string) *Operation {
	known := in.targets().Operations
	for i := range known {
		if known[i].ID == id {
			return &known[i]
		}
	}
	return nil
}

// makePlanRoom deletes the oldest completed plan if the world has maxPlans plans.
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
		return &FullError{fmt.Sprintf("the world has %d fault plans that are not completed, which is the limit for one "+
			"world; let their requests come, or reset the world", n)}
	}
	return plans.Delete(tx, oldest.ID)
}

// GetPlan returns a plan and its progress, or store.ErrNotFound.
func GetPlan(tx *store.Tx, id string) (PlanState, error) {
	row, err := plans.Get(tx.In(""), id)
	if err != nil {
		return PlanState{}, fmt.Errorf("fault plan %q: %w", id, store.ErrNotFound)
	}
	return row.state(), nil
}

// PlanIDs lists the IDs of the world's plans.
func PlanIDs(tx *store.Tx) []string {
	ids := []string{}
	for id := range plans.Scan(tx.In(""), "", "") {
		ids = append(ids, id)
	}
	return ids
}

// Follows reports whether the plan has steps for the operation. It returns store.ErrNotFound if there is no such plan.
func Follows(tx *store.Tx, plan, operation string) (bool, error) {
	row, err := plans.Get(tx.In(""), plan)
	if err != nil {
		return false, fmt.Errorf("fault plan %q: %w", plan, store.ErrNotFound)
	}
	return row.Operations[operation] != nil, nil
}

// Step adds the plan's next step for the operation to the decision. tx must be a write transaction.
func (in *Injector) Step(tx *store.Tx, d *Decision, plan, operation string) error {
	tx = tx.In("")
	row, err := plans.Get(tx, plan)
	if err != nil {
		return fmt.Errorf("fault plan %q: %w", plan, store.ErrNotFound)
	}
	steps, k := row.Operations[operation], row.Done[operation]
	if k >= len(steps) {
		row.More[operation]++
		d.note(plan, false, fmt.Sprintf("no steps are left for %s, which has %d", operation, len(steps)))
		return plans.Put(tx, &row)
	}
	row.Done[operation]++
	ready, err := ParseStep(steps[k], in.Operation(operation))
	if err != nil {
		return err
	}
	if ready == nil {
		d.note(plan, false, fmt.Sprintf("step %d for %s is pass", k+1, operation))
	} else {
		d.Take(ready, plan)
	}
	return plans.Put(tx, &row)
}
