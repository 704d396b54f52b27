package lightbits

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoles(t *testing.T) {
	s := newServer(t)
	status, body := s.do(http.MethodGet, "/api/v2/projects/default/roles", admin, "")
	require.Equal(t, 200, status, body)
	var list listRolesResponse
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list.Roles, 2)
	require.Equal(t, "admin", list.Roles[0].Name)
	require.Equal(t, "viewer", list.Roles[1].Name)
	for _, r := range list.Roles {
		require.Equal(t, "default", r.ProjectName)
		var rules []rule
		require.NoError(t, json.Unmarshal([]byte(r.RulesJSON), &rules))
		require.Equal(t, r.Name == "admin", ruleFor(rules, can("volumes", "create")) != nil)
		require.NotNil(t, ruleFor(rules, can("volumes", "list")))
		require.Nil(t, ruleFor(rules, can("servers", "list")))
		status, body := s.do(http.MethodGet, "/api/v2/projects/default/roles/"+r.Name, admin, "")
		require.Equal(t, 200, status, body)
		var got getRoleResponse
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		require.Equal(t, r, got.Role)
	}
	_, body = s.do(http.MethodGet, "/api/v2/projects/system/roles/viewer", admin, "")
	require.Contains(t, body, `{\"resources\":[\"volumes:*\"],\"actions\":[\"get\",\"list\"]}`)
	require.NotContains(t, body, `\"create\"`)
	_, body = s.do(http.MethodGet, "/api/v2/projects/system/roles/cluster-admin", admin, "")
	require.Contains(t, body, `\"adminEndpoints\"`)

	for path, want := range map[string]int{
		"/api/v2/projects/default/roles/cluster-admin": 404, "/api/v2/projects/system/roles/admin": 404,
		"/api/v2/projects/none/roles/admin": 404, "/api/v2/projects/none/roles": 400,
		"/api/v2/projects/default/roles/": 400,
	} {
		status, body := s.do(http.MethodGet, path, admin, "")
		require.Equal(t, want, status, "%s: %s", path, body)
	}
}
