package lucidity

import (
	"strings"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// lagging is the suffix of a state that the list does not show yet.
const lagging = "_LAGGING"

// tenantMachine is the machine of a tenant and of its entry in the list, which lags behind every write
// (facts/dms-lucidlink-lucidity.md 2.4). A state that ends in _LAGGING is visible everywhere except in the list.
// Another write during the lag restarts it (assumption 184). The API cannot undo a deboarding; the event restore stands
// for the vendor's support.
func tenantMachine() *statemachine.Machine[Tenant] {
	const (
		active, activeLagging     = statemachine.State(TenantActive), statemachine.State(TenantActive + lagging)
		inactive, inactiveLagging = statemachine.State(TenantInactive), statemachine.State(TenantInactive + lagging)
		gone                      = statemachine.State(TenantDecommissioned)
		goneLagging               = statemachine.State(TenantDecommissioned + lagging)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[Tenant]{
		Kind: "lucidity.tenant", Initial: in(active, activeLagging, inactive, gone),
		Key:  func(t *Tenant) string { return tenantKey(t.CloudProvider, t.CloudProviderAccountID) },
		ID:   func(t *Tenant) string { return t.TenantID },
		Name: func(t *Tenant) string { return t.CloudProviderAccountID },
		Mirror: func(t *Tenant, life statemachine.Life) {
			t.Status = strings.TrimSuffix(string(life.State), lagging)
		},
		Rules: []statemachine.Rule[Tenant]{
			{From: in(activeLagging), On: "list", To: active, After: "lag", Do: showInList},
			{From: in(inactiveLagging), On: "list", To: inactive, After: "lag", Do: showInList},
			{From: in(goneLagging), On: "list", To: gone, After: "lag", Do: showInList},
			{From: in(active, activeLagging), On: "update", To: activeLagging},
			{From: in(active, activeLagging), On: "deboard", To: inactiveLagging},
			{From: in(inactive, inactiveLagging, gone, goneLagging), On: "restore", To: activeLagging},
			{From: in(active, activeLagging, inactive, inactiveLagging), On: "decommission", To: goneLagging},
		},
		Delays: map[string]statemachine.DelayDefault{"lag": {Fast: "300ms", Realistic: `{"uniform":["45s","2m"]}`}},
	})
}

func showInList(_ *store.Tx, r *statemachine.Row[Tenant]) error {
	r.Body.Status = strings.TrimSuffix(string(r.Life.State), lagging)
	r.Body.Listed = r.Body.listed()
	return nil
}
