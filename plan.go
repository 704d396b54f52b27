package storagesim

import (
	"maps"
	"net/http"
	"net/url"
)

// planHeader selects the plan that a request follows.
const planHeader = "X-Sim-Fault-Plan"

// Plan says what becomes of the next requests for an operation.
type Plan struct {
	w  *World
	op Operation
	id string
}

// Plan says what becomes of the next requests for an operation that Client sends, in order. A step is a documented
// status such as "503", "reset", "empty", "truncate", "stall", "dribble", "malformed" or "pass"; with "after:" in front
// the change is committed first. Requests pass after the last step. Plans of other operations go on; an earlier plan of
// the same operation is replaced. A client that does not use Client sends the header X-Sim-Fault-Plan with the plan's
// ID.
func (w *World) Plan(op Operation, steps ...string) *Plan {
	w.tb.Helper()
	operations := map[string][]string{}
	if before := w.plan.Load(); before != nil {
		maps.Copy(operations, before.left())
	}
	operations[string(op)] = steps
	var made struct{ ID string }
	w.must(http.MethodPost, "/_sim/fault-plans", map[string]any{"operations": operations}, &made)
	p := &Plan{w, op, made.ID}
	w.plan.Store(p)
	return p
}

// ID returns the value of the header X-Sim-Fault-Plan of requests that follow this plan, and the plans before it.
func (p *Plan) ID() string { return p.id }

// Completed reports whether requests have taken all steps.
func (p *Plan) Completed() bool {
	p.w.tb.Helper()
	return len(p.w.plan.Load().left()[string(p.op)]) == 0
}

// left returns the steps that are left, by operation.
func (p *Plan) left() map[string][]string {
	p.w.tb.Helper()
	var got struct{ Left map[string][]string }
	p.w.must(http.MethodGet, "/_sim/fault-plans/"+url.PathEscape(p.id), nil, &got)
	return got.Left
}
