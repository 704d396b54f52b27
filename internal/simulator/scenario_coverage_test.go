package simulator_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// row is one operation in the response to GET /_sim/operations.
type row struct {
	ID, Vendor, Method, Path string
	Implemented              bool
}

// matches returns how many segments of the path the row spells out, or -1 if the row does not match the request.
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

// Each path of each operation succeeds in a scenario script of its vendor; an operation that is not emulated returns
// 501 there. The scripts also serve as documentation, so they must be complete.
func TestScenarios_CoverEveryOperation(t *testing.T) {
	var listed struct{ Operations []row }
	simtest.New(t).Must(200, http.MethodGet, "/_sim/operations", "").Into(&listed)
	require.NotEmpty(t, listed.Operations)
	scripted := map[string][]simtest.Scripted{} // by vendor
	found := map[row]bool{}
	for _, r := range listed.Operations {
		if scripted[r.Vendor] == nil {
			scripted[r.Vendor] = simtest.ScriptedRequests(t, "../"+r.Vendor+"/testdata")
		}
	}
	for vendor, requests := range scripted {
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
	require.Empty(t, missing, "no scenario of the vendor has these with a success, or with 501 if they are not emulated")
}

// Each physical action of Lightbits both succeeds and fails in scenario scripts.
func TestScenarios_CoverEveryLightbitsAction(t *testing.T) {
	var listed struct {
		Actions []struct{ Vendor, Name string }
	}
	simtest.New(t).Must(200, http.MethodGet, "/_sim/actions", "").Into(&listed)
	require.NotEmpty(t, listed.Actions)
	classes := map[string][]int{} // status classes by path
	for _, q := range simtest.ScriptedRequests(t, "../lightbits/testdata") {
		classes[q.Path] = append(classes[q.Path], q.Status/100)
	}
	var missing []string
	for _, a := range listed.Actions {
		seen := classes["/_sim/actions/lightbits/"+a.Name]
		if a.Vendor == "lightbits" && (!slices.Contains(seen, 2) || !slices.Contains(seen, 4)) {
			missing = append(missing, a.Name)
		}
	}
	require.Empty(t, missing, "no scenario shows a success and a failure of these actions")
}
