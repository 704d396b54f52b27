package lightbits_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits"
	kinds "storagesim/internal/refusal"
)

// statusOf maps the kinds that guards use to statuses, as the product's pages do.
var statusOf = map[string]int{
	kinds.Unavailable.String():        http.StatusServiceUnavailable,
	kinds.InvalidArgument.String():    http.StatusBadRequest,
	kinds.Aborted.String():            http.StatusConflict,
	kinds.FailedPrecondition.String(): http.StatusPreconditionFailed,
	kinds.AlreadyExists.String():      http.StatusConflict,
	kinds.NotFound.String():           http.StatusNotFound,
	kinds.Unimplemented.String():      http.StatusNotImplemented,
	kinds.ResourceExhausted.String():  http.StatusTooManyRequests,
	kinds.PermissionDenied.String():   http.StatusForbidden,
}

// undocumented lists the statuses of guards that their pages do not list. Each is an assumption in docs/assumptions.md.
var undocumented = map[string]bool{
	"CreateVolume 503":   true, // from a snapshot that is being created (assumption 16)
	"CreateSnapshot 503": true, // assumption 14
}

// Every machine is sound and equal to its golden grid, and its guards refuse with documented statuses.
func TestMachines(t *testing.T) {
	s := lightbits.New(lightbits.Options{})
	documented := map[string][]int{}
	for _, op := range s.API().Operations {
		documented[op.Name] = op.Statuses
	}
	for _, m := range s.Machines() {
		d := m.Describe()
		require.Empty(t, m.Check())
		file := filepath.Join("testdata", "grids", d.Kind+".txt")
		if flag.Lookup("update").Value.String() == "true" {
			require.NoError(t, os.WriteFile(file, []byte(d.Grid()), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), d.Grid(), "%s: run the test with -update to accept the change", file)
		for _, g := range d.Guards {
			statuses, known := documented[g.Operation]
			if !known {
				continue // a use of the resource by another operation
			}
			status := statusOf[g.Kind]
			if !undocumented[fmt.Sprintf("%s %d", g.Operation, status)] {
				require.Contains(t, statuses, status, "%s of %s in %v", g.Operation, d.Kind, g.In)
			}
		}
	}
}
