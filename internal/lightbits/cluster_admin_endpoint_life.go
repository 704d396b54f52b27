package lightbits

import (
	"cmp"
	"fmt"
	"strconv"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
)

// The states of an admin endpoint. No message shows them; the pages mention Creating and Updating.
const (
	adminEndpointCreating statemachine.State = "Creating"
	adminEndpointActive   statemachine.State = "Active"
	adminEndpointUpdating statemachine.State = "Updating"
	adminEndpointDeleting statemachine.State = "Deleting"
)

func adminEndpointKey(port uint32) string { return fmt.Sprintf("%05d", port) }

// adminEndpointMachine is the life cycle of an admin endpoint. Operations are refused as Unavailable while it is
// created or updated, and as Aborted while it is deleted (assumption 239).
func (s *Service) adminEndpointMachine() *statemachine.Machine[AdminEndpoint] {
	const temporary = "the endpoint of port {name} is in the temporary state {state}; try again later"
	const busy = "there is a user operation in progress on port {name}: it is in state {state}"
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[AdminEndpoint]{
		Kind: "lightbits.adminEndpoint", Initial: in(adminEndpointCreating), Zero: zero,
		Key:    func(e *AdminEndpoint) string { return adminEndpointKey(e.Port) },
		Name:   func(e *AdminEndpoint) string { return strconv.FormatUint(uint64(e.Port), 10) },
		Mirror: func(e *AdminEndpoint, _ statemachine.Life) { e.ETag = cmp.Or(e.ETag, "1") },
		Rules: []statemachine.Rule[AdminEndpoint]{
			{From: in(adminEndpointCreating), On: "ready", To: adminEndpointActive, After: "create"},
			{From: in(adminEndpointActive), On: "update", To: adminEndpointUpdating},
			{From: in(adminEndpointUpdating), On: "updated", To: adminEndpointActive, After: "update"},
			{From: in(adminEndpointActive), On: "delete", To: adminEndpointDeleting},
			{From: in(adminEndpointDeleting), On: "deleted", To: statemachine.Gone, After: "delete"},
		},
		Guards: []statemachine.Guard{
			{Operation: "UpdateAdminEndpoint", In: in(adminEndpointCreating, adminEndpointUpdating),
				Kind: refusal.Unavailable, Message: temporary},
			{Operation: "UpdateAdminEndpoint", In: in(adminEndpointDeleting), Kind: refusal.Aborted, Message: busy},
			{Operation: "DeleteAdminEndpoint", In: in(adminEndpointCreating, adminEndpointUpdating),
				Kind: refusal.Unavailable, Message: temporary},
			{Operation: "DeleteAdminEndpoint", In: in(adminEndpointDeleting), Kind: refusal.Aborted, Message: busy},
		},
		Delays: map[string]statemachine.DelayDefault{
			"create": {Fast: "100ms", Realistic: "2s"}, "update": {Fast: "100ms", Realistic: "2s"},
			"delete": {Fast: "100ms", Realistic: "2s"},
		},
	})
}
