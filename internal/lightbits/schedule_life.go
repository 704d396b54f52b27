package lightbits

import (
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// ResourcePolicyState is the life-cycle state of a resource policy (spec enum ResourcePolicy.State).
type ResourcePolicyState string

// The states. A policy is Failed if its volume failed or was deleted before the policy became Active.
const (
	ResourcePolicyCreating ResourcePolicyState = "Creating"
	ResourcePolicyActive   ResourcePolicyState = "Active"
	ResourcePolicyDeleting ResourcePolicyState = "Deleting"
	ResourcePolicyFailed   ResourcePolicyState = "Failed"
)

var resourcePolicyStates = map[string]int32{"UnknownState": 0, "Creating": 1, "Active": 2, "Deleting": 3, "Failed": 4}

// EnumNumbers returns the vendor's numbers.
func (ResourcePolicyState) EnumNumbers() map[string]int32 { return resourcePolicyStates }

// resourcePolicyMachine: an Active policy stays Active and fires "snapshot" each time its schedule is due.
func (s *Service) resourcePolicyMachine() *statemachine.Machine[ResourcePolicy] {
	type row = statemachine.Row[ResourcePolicy]
	const (
		creating, active = statemachine.State(ResourcePolicyCreating), statemachine.State(ResourcePolicyActive)
		deleting, failed = statemachine.State(ResourcePolicyDeleting), statemachine.State(ResourcePolicyFailed)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[ResourcePolicy]{
		Kind: "lightbits.resourcePolicy", Initial: in(creating), Zero: zero,
		Key: resourcePolicyKey, ID: func(p *ResourcePolicy) string { return p.UUID },
		Name:   func(p *ResourcePolicy) string { return p.Name },
		Locate: s.inEveryProject,
		Mirror: func(p *ResourcePolicy, l statemachine.Life) { p.State = ResourcePolicyState(l.State) },
		Rules: []statemachine.Rule[ResourcePolicy]{
			{From: in(creating), On: "ready", To: active, After: "create", Do: s.scheduleNext, Unless: s.resourceLost},
			{From: in(creating), On: "fail", To: failed},
			{From: in(active), On: "snapshot", To: active, Do: s.scheduledSnapshot},
			{From: in(active), On: "update", To: active, Do: s.scheduleNext},
			{From: in(active, failed), On: "delete", To: deleting},
			{From: in(deleting), On: "deleted", To: statemachine.Gone, After: "delete"},
		},
		Guards: []statemachine.Guard{
			{Operation: "DeleteResourcePolicy", In: in(creating, deleting), Kind: refusal.InvalidArgument,
				Message: "resource policy {name} is {state} and cannot be deleted"},
			{Operation: "UpdateResourcePolicy", In: in(creating, deleting, failed), Kind: refusal.InvalidArgument,
				Message: "resource policy {name} is {state}; only an Active one can be updated"},
		},
		Delays: map[string]statemachine.DelayDefault{
			"create": {Fast: "100ms", Realistic: "2s"}, "delete": {Fast: "100ms", Realistic: "2s"},
		},
		Indexes: []store.Index[row]{
			{Name: resourcePoliciesByName, Unique: true,
				Keys: func(r *row) []string { return []string{scopedKey(r.Body.ProjectName, r.Body.Name)} }},
			{Name: resourcePoliciesByResource, Keys: func(r *row) []string { return []string{r.Body.ResourceUUID} }},
		},
	})
}

// resourceLost fails a policy whose volume has failed or was deleted.
func (s *Service) resourceLost(tx *store.Tx, row *statemachine.Row[ResourcePolicy]) statemachine.Event {
	if s.unbound(tx, &row.Body) {
		return ""
	}
	volume, err := s.volumes.Get(tx, scopedKey(row.Body.ProjectName, row.Body.ResourceUUID))
	if err != nil || !holdsName(volume.Life.State) {
		return "fail"
	}
	return ""
}
