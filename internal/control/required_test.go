package control_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api/apitest"
	"storagesim/internal/openapi/openapitest"
	"storagesim/internal/simulator/simtest"
)

// The absence of each member that the document requires is refused for that reason, and a body with only the required
// members is not.
func TestOpenAPI_RequiredMembers(t *testing.T) {
	s := simtest.New(t)
	document, err := openapitest.Read([]byte(s.Must(http.StatusOK, http.MethodGet, "/_sim/openapi/control.json", "").Body))
	require.NoError(t, err)
	calls := s.Must(http.StatusOK, http.MethodGet, "/_sim/operations?vendor=control", "").Get(".operations").([]any)
	each := func(fn func(id, method, path string, body *openapitest.Body)) {
		for _, one := range calls {
			op := one.(map[string]any)
			method := op["method"].(string)
			path := strings.NewReplacer("{kind}", "lightbits.volume", "{vendor}", "lightbits", "{world}", "default", "{id}",
				"vol1").Replace(op["path"].(string))
			if body := document.Body(method, path); body != nil {
				fn(op["id"].(string), method, path, body)
			}
		}
	}
	each(func(id, method, path string, body *openapitest.Body) {
		if id == "control.StartScenario" || id == "control.PutState" {
			return // the required members of a scenario need a step with more than its required members
		}
		least := s.Do(method, path, body.Text(body.Least), "Content-Type", body.Media, "Authorization", "Basic YXBwOng=")
		require.False(t, apitest.Lacks(least.Status, []byte(least.Body)), "%s with nothing but the required members: %s", id,
			least.Body)
	})
	s.Must(http.StatusOK, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	s.Must(http.StatusOK, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`, "Authorization", "Bearer x")
	const rule = `{"effect":{"latency":{"lognormal":{"median":"1ms","p99":"2ms"}}}}`
	good := map[string]string{
		"control.AdvanceClock":    `{"until":{"kind":"lightbits.volume","id":"vol1","state":"Creating"}}`,
		"control.CreateFault":     rule,
		"control.ReplaceFaults":   `{"rules":[` + rule + `]}`,
		"control.PutFault":        `{"effect":{"latency":{"normal":{"mean":"1ms","stddev":"0s"}}}}`,
		"control.CreateFaultPlan": `{"operations":{"lightbits.GetVolume":["500"]}}`,
		"control.FireEvent":       `{"event":"ready"}`,
		"control.StartScenario": `{"name":"wait","steps":[{"when":{"resource":{"kind":"lightbits.volume","id":"vol1",
			"state":"Creating"}}}]}`,
		"control.CreateToken":    `{"vendor":"lightbits"}`,
		"control.CreateIdpToken": `{"grant_type":"client_credentials","client_id":"app"}`,
	}
	checked := map[string]bool{}
	each(func(id, method, path string, body *openapitest.Body) {
		if len(body.Required) == 0 {
			return
		}
		send := func(v any) simtest.Response { return s.Do(method, path, body.Text(v), "Content-Type", body.Media) }
		var whole any
		require.NoError(t, json.Unmarshal([]byte(good[id]), &whole), id)
		for _, member := range body.Required {
			if less, had := openapitest.Without(whole, member); had {
				a := send(less)
				require.Equal(t, http.StatusBadRequest, a.Status, "%s without %v: %s", id, member, a.Body)
				checked[member[len(member)-1]] = true
			}
		}
		a := send(whole)
		require.Less(t, a.Status, http.StatusBadRequest, "%s: %s", id, a.Body)
	})
	for _, name := range []string{"kind", "id", "state", "effect", "rules", "median", "p99", "mean", "stddev",
		"operations", "event", "vendor", "grant_type", "steps", "name"} {
		require.True(t, checked[name], name)
	}
}
