package storagesim

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"storagesim/internal/fault"
)

// Operation is an operation of a vendor, such as lightbits.UpdateVolume, or a glob of operations, such as "dms.*".
type Operation string

// Fault is what goes wrong with requests for an operation. The methods of Operation make one, and those of Fault return
// a changed copy. World.Fault puts it into effect.
type Fault struct{ rule fault.Rule }

// Status makes the operation return a status, with the vendor's body. World.Fault ends the test if the operation
// neither documents nor returns the status, unless Force was called.
func (op Operation) Status(code int) Fault {
	return op.fault(fault.Effect{Status: code})
}

// Reset makes the operation reset the connection instead of returning a response.
func (op Operation) Reset() Fault { return op.fault(fault.Effect{Connection: fault.Reset}) }

// Empty makes the operation close the connection instead of returning a response.
func (op Operation) Empty() Fault { return op.fault(fault.Effect{Connection: fault.Empty}) }

// Truncate makes the operation close the connection after half of the response.
func (op Operation) Truncate() Fault { return op.fault(fault.Effect{Connection: fault.Truncate}) }

// Stall makes the operation keep the connection open without a response.
func (op Operation) Stall() Fault { return op.fault(fault.Effect{Connection: fault.Stall}) }

// Malformed makes the operation return a body that is not valid JSON.
func (op Operation) Malformed() Fault { return op.fault(fault.Effect{Malformed: true}) }

// Interloper lets somebody else change the resource just before the operation does, so that an If-Match is stale.
func (op Operation) Interloper() Fault { return op.fault(fault.Effect{Interloper: true}) }

// Latency delays the response, in real time; in a Bubble that is the fake clock.
func (op Operation) Latency(d time.Duration) Fault { return op.fault(fault.Effect{}).Latency(d) }

func (op Operation) fault(e fault.Effect) Fault {
	return Fault{fault.Rule{Match: fault.Match{Operation: string(op)}, Effect: e}}
}

// Times limits the fault to n requests.
func (f Fault) Times(n int) Fault {
	times := uint64(max(n, 0)) // 0 is refused with a reason
	f.rule.When.Times = &times
	return f
}

// Skip lets n requests pass first.
func (f Fault) Skip(n int) Fault {
	f.rule.When.Skip = uint64(max(n, 0))
	return f
}

// After commits the operation's change first: only the response is lost or different.
func (f Fault) After() Fault {
	f.rule.Phase = fault.After
	return f
}

// Latency delays the response, in real time; in a Bubble that is the fake clock.
func (f Fault) Latency(d time.Duration) Fault {
	f.rule.Effect.Latency = &fault.Latency{Fixed: d.String()}
	return f
}

// RetryAfter adds the header Retry-After to a Status.
func (f Fault) RetryAfter(d time.Duration) Fault {
	f.rule.Effect.RetryAfter = &fault.RetryAfter{Fixed: d.String()}
	return f
}

// When limits the fault to requests for resources in a state.
func (f Fault) When(state string) Fault {
	f.rule.Match.State = state
	return f
}

// On limits the fault to requests that name the resource by its ID or name, which may be a glob.
func (f Fault) On(resource string) Fault {
	f.rule.Match.Resource = resource
	return f
}

// Force accepts a status that the operation does not document.
func (f Fault) Force() Fault {
	f.rule.Force = true
	return f
}

// Rule is a fault in effect in a world.
type Rule struct {
	w  *World
	id string
}

// Fault puts a fault into effect until it is spent, removed, or the test ends.
func (w *World) Fault(f Fault) *Rule {
	w.tb.Helper()
	var made struct{ ID string }
	w.must(http.MethodPost, "/_sim/faults", f.rule, &made)
	r := &Rule{w, made.ID}
	w.unhit = append(w.unhit, r)
	return r
}

// Hits returns how many requests the fault has hit.
func (r *Rule) Hits() int {
	r.w.tb.Helper()
	var got fault.Listed
	r.w.must(http.MethodGet, r.path(), nil, &got)
	return int(got.Hits)
}

// Remove ends the fault.
func (r *Rule) Remove() {
	r.w.tb.Helper()
	r.w.must(http.MethodDelete, r.path(), nil, nil)
	r.w.unhit = slices.DeleteFunc(r.w.unhit, func(other *Rule) bool { return other == r })
}

func (r *Rule) path() string { return "/_sim/faults/" + url.PathEscape(r.id) }
