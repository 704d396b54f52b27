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

// statusOf is how the product's pages map the kinds that guards use.
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

// undocumented guards answer a status that the page does not list; each has its number in docs/assumptions.md.
var undocumented = map[string]bool{
	"CreateVolume 503":   true, // of a snapshot in the making (assumption 16)
	"CreateSnapshot 503": true, // assumption 14
}

// Every lifecycle is sound, looks as it did, and refuses operations only as their pages say.
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
		require.Equal(t, string(want), d.Grid(), "%s: run it with -update if this is meant", file)
		for _, g := range d.Guards {
			statuses, known := documented[g.Operation]
			if !known {
				continue // not an operation of its own, but a use of the thing by another
			}
			status := statusOf[g.Kind]
			if !undocumented[fmt.Sprintf("%s %d", g.Operation, status)] {
				require.Contains(t, statuses, status, "%s of %s in %v", g.Operation, d.Kind, g.In)
			}
		}
	}
}
