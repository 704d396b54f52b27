package lucidlink

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMachines(t *testing.T) {
	for _, m := range New(Options{}).Machines() {
		require.Empty(t, m.Check())
	}
}

func TestFilespaceMachine_Grid(t *testing.T) {
	require.Equal(t, `provisioning: provision=provisioned initialize=- fail=error delete=-
provisioned: provision=- initialize=initialized fail=error delete=gone
initialized: provision=- initialize=- fail=error delete=gone
error: provision=- initialize=- fail=- delete=gone
`, New(Options{}).filespaces.Describe().Grid())
}

func TestInstanceMachine_Grid(t *testing.T) {
	require.Equal(t, `Mounted: unmount=Unmounted mount=- unlink=gone
Unmounted: unmount=- mount=Mounted unlink=gone
`, New(Options{}).instances.Describe().Grid())
}

// The status of each guard is documented by its operation.
func TestMachines_GuardsAreDocumented(t *testing.T) {
	s := New(Options{})
	rows := map[string][]int{useFilespace: {409}} // of actions, whose refusals are the control surface's
	for _, op := range s.operations() {
		rows[op.Name] = op.AllStatuses()
	}
	for _, m := range s.Machines() {
		for _, g := range m.Describe().Guards {
			require.Equal(t, "Aborted", g.Kind)
			require.Contains(t, rows[g.Operation], 409, g.Operation)
		}
	}
}

// The operations of the vendor's definition with their statuses (facts/dms-lucidlink-lucidity.md 1.2).
func TestOperations_MatchTheDefinition(t *testing.T) {
	declared := map[string][]int{
		"POST /v1/domains": {201, 400, 409}, "GET /v1/domains": {200}, "GET /v1/domains/{id}": {200, 400, 404},
		"PUT /v1/domains/{id}": {200, 400, 404, 409}, "DELETE /v1/domains/{id}": {204, 400, 404, 409},
		"POST /v1/filespaces": {201, 400, 409, 422}, "GET /v1/filespaces": {200}, "GET /v1/filespaces/{id}": {200, 400, 404},
		"DELETE /v1/filespaces/{id}": {204, 400, 404, 409}, "GET /v1/billing/payment": {200},
		"PATCH /v1/billing/payment":      {200, 400},
		"GET /v1/billing/current-period": {200}, "GET /v1/billing/invoices": {200},
		"GET /v1/billing/invoices/{id}/breakdown/csv": {200, 404},
	}
	found := 0
	for _, op := range New(Options{}).operations() {
		statuses, ok := declared[op.Method+" "+op.Path]
		if !ok {
			continue
		}
		found++
		require.Equal(t, []string{op.Path, "/api" + op.Path}, op.Paths())
		require.Equal(t, token, op.Needs)
		require.ElementsMatch(t, append(statuses, 401), op.AllStatuses(), op.Name)
		require.Equal(t, statuses[0], op.Statuses[0])
	}
	require.Len(t, declared, found)
}
