package lightbits

import (
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// PolicyState is the life-cycle state of a policy.
type PolicyState string

// The states.
const (
	PolicyUnknown    PolicyState = "Unknown"
	PolicyCreating   PolicyState = "Creating"
	PolicyActive     PolicyState = "Active"
	PolicyUpdating   PolicyState = "Updating"
	PolicyDeprecated PolicyState = "Deprecated"
	PolicyFailed     PolicyState = "Failed"
)

// EnumNumbers returns the vendor's numbers.
func (PolicyState) EnumNumbers() map[string]int32 {
	return map[string]int32{"Unknown": 0, "Creating": 1, "Active": 2, "Updating": 3, "Deprecated": 4, "Failed": 5}
}

func (s *Service) policyMachine() *statemachine.Machine[Policy] {
	const (
		creating, active, updating = statemachine.State(PolicyCreating), statemachine.State(PolicyActive),
			statemachine.State(PolicyUpdating)
		deprecated, failed = statemachine.State(PolicyDeprecated), statemachine.State(PolicyFailed)
	)
	return statemachine.Define(statemachine.Machine[Policy]{
		Kind: "lightbits.policy", Initial: []statemachine.State{creating, active}, Zero: zero,
		Key: func(p *Policy) string { return p.UUID }, Name: func(p *Policy) string { return p.Name },
		Mirror: func(p *Policy, l statemachine.Life) { p.State = PolicyState(l.State) },
		Rules: []statemachine.Rule[Policy]{
			{From: []statemachine.State{creating}, On: "ready", To: active, After: "create"},
			{From: []statemachine.State{active}, On: "update", To: updating},
			{From: []statemachine.State{updating}, On: "updated", To: active, After: "update"},
			{From: []statemachine.State{creating, updating}, On: "fail", To: failed},
			{From: []statemachine.State{active}, On: "deprecate", To: deprecated},
			{From: []statemachine.State{active, deprecated, failed}, On: "delete", To: statemachine.Gone},
		},
		Guards: []statemachine.Guard{
			{Operation: "DeletePolicy", In: []statemachine.State{creating, updating}, Kind: refusal.InvalidArgument,
				Message: "policy {name} is {state} and cannot be deleted before it is Active"},
			{Operation: "UpdatePolicy", In: []statemachine.State{creating, updating, deprecated, failed},
				Kind:    refusal.InvalidArgument,
				Message: "policy {name} is {state}; only an Active policy can be updated"},
		},
		Delays: map[string]statemachine.DelayDefault{
			"create": {Fast: "100ms", Realistic: "2s"},
			"update": {Fast: "100ms", Realistic: "2s"},
		},
		Indexes: []store.Index[statemachine.Row[Policy]]{
			{Name: policiesByName, Unique: true,
				Keys: func(r *statemachine.Row[Policy]) []string { return []string{r.Body.Name} }},
		},
	})
}
