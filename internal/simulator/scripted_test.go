package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// row is a row of GET /_sim/operations.
type row struct {
	ID, Vendor, Method, Path string
	Implemented              bool
}

// matches says how many segments of the path the row names; -1 where it does not take it.
func (r *row) matches(method, path string) int {
	pattern, parts := strings.Split(r.Path, "/"), strings.Split(path, "/")
	if r.Method != method || len(pattern) != len(parts) {
		return -1
	}
	named := 0
	for i := range pattern {
		switch {
		case pattern[i] == parts[i]:
			named++
		case !strings.HasPrefix(pattern[i], "{"):
			return -1
		}
	}
	return named
}

// Every row of every vendor, under each of its paths, is in a scenario script of its vendor and succeeds there; a row that
// is not emulated is refused there with 501. So there is nothing that the scripts, which double as documentation, keep quiet about.
func TestEveryOperationIsInAScenario(t *testing.T) {
	var listed struct{ Operations []row }
	require.NoError(t, json.Unmarshal([]byte(simtest.New(t).Must(200, http.MethodGet, "/_sim/operations", "").Body), &listed))
	require.NotEmpty(t, listed.Operations)
	said := map[string][]simtest.Scripted{}
	found := map[row]bool{}
	for _, r := range listed.Operations {
		if said[r.Vendor] == nil {
			said[r.Vendor] = simtest.ScriptedRequests(t, "../"+r.Vendor+"/testdata")
		}
	}
	for vendor, requests := range said {
		for _, q := range requests {
			best, named := row{}, -1
			for _, r := range listed.Operations {
				if n := r.matches(q.Method, q.Path); r.Vendor == vendor && n > named {
					best, named = r, n
				}
			}
			if q.Status/100 == 2 == best.Implemented && (best.Implemented || q.Status == http.StatusNotImplemented) {
				found[best] = true
			}
		}
	}
	var missing []string
	for _, r := range listed.Operations {
		if !found[r] {
			missing = append(missing, fmt.Sprintf("%s: %s %s", r.ID, r.Method, r.Path))
		}
	}
	require.Empty(t, missing, "no scenario of the vendor has these with a success, or with 501 where they are not emulated")
}

// Every physical action of Lightbits does something in a scenario script and refuses something in one.
func TestEveryLightbitsActionIsInAScenario(t *testing.T) {
	var listed struct {
		Actions []struct{ Vendor, Name string }
	}
	require.NoError(t, json.Unmarshal([]byte(simtest.New(t).Must(200, http.MethodGet, "/_sim/actions", "").Body), &listed))
	require.NotEmpty(t, listed.Actions)
	said := map[string][]int{} // by path, the classes of the statuses
	for _, q := range simtest.ScriptedRequests(t, "../lightbits/testdata") {
		said[q.Path] = append(said[q.Path], q.Status/100)
	}
	var missing []string
	for _, a := range listed.Actions {
		at := said["/_sim/actions/lightbits/"+a.Name]
		if a.Vendor == "lightbits" && (!slices.Contains(at, 2) || !slices.Contains(at, 4)) {
			missing = append(missing, a.Name)
		}
	}
	require.Empty(t, missing, "no scenario shows what these actions do and what they refuse")
}
