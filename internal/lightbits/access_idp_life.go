package lightbits

import (
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) idpConfigurationMachine() *statemachine.Machine[IDPConfiguration] {
	const (
		creating, active = statemachine.State(IDPCreating), statemachine.State(IDPActive)
		updating, failed = statemachine.State(IDPUpdating), statemachine.State(IDPFailed)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[IDPConfiguration]{
		Kind: "lightbits.idpConfiguration", Initial: in(creating), Zero: zero,
		Key:    func(c *IDPConfiguration) string { return c.Name },
		Name:   func(c *IDPConfiguration) string { return c.Name },
		Mirror: func(c *IDPConfiguration, l statemachine.Life) { c.State = IDPConfigurationState(l.State) },
		Rules: []statemachine.Rule[IDPConfiguration]{
			{From: in(creating), On: "ready", To: active, After: "create",
				Unless: s.unlessIdpReached},
			{From: in(active, failed), On: "update", To: updating},
			{From: in(updating), On: "updated", To: active, After: "update",
				Unless: s.unlessIdpReached},
			{From: in(creating, active, updating), On: "fail", To: failed},
			{From: in(creating, active, updating, failed), On: "delete", To: statemachine.Gone},
		},
		Guards: []statemachine.Guard{
			{Operation: "UpdateIdpConfiguration", In: in(creating, updating), Kind: refusal.InvalidArgument,
				Message: "IdP configuration {name} is {state} and cannot be updated before it is Active"},
		},
		Delays: map[string]statemachine.DelayDefault{
			"create": {Fast: "200ms", Realistic: "3s"}, "update": {Fast: "200ms", Realistic: "3s"},
		},
	})
}

// unlessIdpReached fails a configuration whose issuer cannot be reached: the keys that verify its tokens are there.
func (s *Service) unlessIdpReached(tx *store.Tx, row *statemachine.Row[IDPConfiguration]) statemachine.Event {
	if s.reachIdp(tx, &row.Body) != nil {
		return "fail"
	}
	return ""
}
