package fault

import (
	"fmt"
	"slices"
	"strings"
)

// LeftOut is a group of operations that match a rule's glob, but that the rule does not apply to.
type LeftOut struct {
	Why        string   `json:"why"`
	Operations []string `json:"operations"`
}

// exclusion returns why the rule cannot hit a request of a matching operation, with the member that excludes it, or ""
// if it can.
func (r *Ready) exclusion(op *Operation) (member, why string) {
	m, e := &r.Rule.Match, &r.Rule.Effect
	switch {
	case m.Resource != "" && !op.Names:
		return "match.resource", "its requests name no resource"
	case m.Project != "" && !op.Project:
		return "match.project", "its requests name no project"
	case m.State != "" && !slices.Contains(op.States, m.State):
		return "match.state", fmt.Sprintf("no resource that its requests name has a state %q", m.State)
	case e.Status != 0 && !r.forced() && !slices.Contains(op.Statuses, e.Status):
		return "effect.status", fmt.Sprintf("it does not document the status %d", e.Status)
	case e.Stale > 0 && !op.Reads:
		return "effect.stale", "it is not a GET"
	case e.Interloper && !op.InPath:
		return "effect.interloper", "its path names no resource"
	}
	return "", ""
}

// leavesOut returns the matching operations that the rule does not apply to, by reason.
func (r *Ready) leavesOut() []LeftOut {
	var list []LeftOut
	for i := range r.ops {
		_, why := r.exclusion(&r.ops[i])
		if why == "" {
			continue
		}
		at := slices.IndexFunc(list, func(l LeftOut) bool { return l.Why == why })
		if at < 0 {
			at = len(list)
			list = append(list, LeftOut{Why: why})
		}
		list[at].Operations = append(list[at].Operations, r.ops[i].ID)
	}
	return list
}

// checkTargets refuses a rule that applies to none of the operations that it matches.
func (r *Ready) checkTargets(*Targets) error {
	member, why := "", ""
	var states []string
	for i := range r.ops {
		m, w := r.exclusion(&r.ops[i])
		if w == "" {
			return nil
		}
		if member == "" {
			member, why = m, w
		}
		states = append(states, r.ops[i].States...)
	}
	who := r.ops[0].ID
	if len(r.ops) > 1 {
		who = fmt.Sprintf("none of the %d matching operations can be hit; for example, %s", len(r.ops), who)
	}
	e := &InvalidError{Path: member, Detail: fmt.Sprintf("the rule can never hit a request: %s: %s", who, why)}
	if member == "match.state" {
		slices.Sort(states)
		e.Valid = slices.Compact(states)
	}
	return e
}

// isHost reports whether a header is Host, which net/http keeps apart from the others.
func isHost(name string) bool { return strings.EqualFold(name, "Host") }
