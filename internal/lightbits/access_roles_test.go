package lightbits

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

func TestListRoles(t *testing.T) {
	s := newServer(t)
	status, body := s.do(http.MethodGet, "/api/v2/projects/default/roles", admin, "")
	require.Equal(t, 200, status, body)
	var list listRolesResponse
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list.Roles, 2)
	for i, name := range []string{"admin", "viewer"} {
		r := list.Roles[i]
		require.Equal(t, name, r.Name)
		require.Equal(t, "default", r.ProjectName)
		var rules []rule
		require.NoError(t, json.Unmarshal([]byte(r.RulesJSON), &rules))
		for action, granted := range map[api.Permission]bool{
			can("volumes", "create"): name == "admin", can("volumes", "list"): true, can("servers", "list"): false,
		} {
			t.Run(fmt.Sprintf("%s/%s %s is %t", name, action.Action, action.Resource, granted), func(t *testing.T) {
				require.Equal(t, granted, ruleFor(rules, action) != nil)
			})
		}
		t.Run(name+"/GetRole returns the same role", func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/projects/default/roles/"+name, admin, "")
			require.Equal(t, 200, status, body)
			var got getRoleResponse
			require.NoError(t, json.Unmarshal([]byte(body), &got))
			require.Equal(t, r, got.Role)
		})
	}
}

func TestGetRole(t *testing.T) {
	s := newServer(t)
	s.run("viewer of system only reads", func(t *testing.T) {
		_, body := s.do(http.MethodGet, "/api/v2/projects/system/roles/viewer", admin, "")
		require.Contains(t, body, `{\"resources\":[\"volumes:*\"],\"actions\":[\"get\",\"list\"]}`)
		require.NotContains(t, body, `\"create\"`)
	})
	s.run("cluster-admin has admin endpoints", func(t *testing.T) {
		_, body := s.do(http.MethodGet, "/api/v2/projects/system/roles/cluster-admin", admin, "")
		require.Contains(t, body, `\"adminEndpoints\"`)
	})
	for name, c := range map[string]struct {
		path   string
		status int
	}{
		"cluster-admin outside system is 404": {"default/roles/cluster-admin", 404},
		"admin of system is 404":              {"system/roles/admin", 404},
		"role of an unknown project is 404":   {"none/roles/admin", 404},
		"roles of an unknown project are 400": {"none/roles", 400},
		"empty name is 400":                   {"default/roles/", 400},
	} {
		s.run(name, func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/projects/"+c.path, admin, "")
			require.Equal(t, c.status, status, body)
		})
	}
}
