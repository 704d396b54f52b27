package lightbits

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// policyUUID returns the UUID of the policy of that name.
func (s *server) policyUUID(name string) string {
	s.t.Helper()
	var uuid string
	s.view(func(tx *store.Tx) error {
		row, err := s.service.policyByName(tx, name)
		uuid = row.Body.UUID
		return err
	})
	return uuid
}

// newPolicy creates an Active policy and returns its UUID.
func (s *server) newPolicy(p Policy) string {
	s.t.Helper()
	s.update(func(tx *store.Tx) error { return s.service.seedPolicy(tx, p) })
	return s.policyUUID(p.Name)
}

func TestCreateProject(t *testing.T) {
	s := newServer(t)
	other := s.newPolicy(Policy{Name: "gold", QoSRateLimitPolicy: &QoSRateLimitPolicy{}})
	s.update(func(tx *store.Tx) error {
		_, err := s.service.policies.Create(tx, Policy{UUID: someUUID, Name: "young"},
			statemachine.State(PolicyCreating))
		return err
	})
	status, body := s.do(http.MethodPost, "/api/v2/projects", admin, `{"name":"p1","description":"first"}`)
	require.Equal(t, 200, status, body)
	var p Project
	require.NoError(t, json.Unmarshal([]byte(body), &p))
	require.Len(t, p.UUID, 36)
	require.Equal(t, Project{UUID: p.UUID, Name: "p1", Description: "first",
		DefaultPolicies: []*DefaultPolicy{{PolicyTypeQosRateLimit, s.policyUUID(unlimitedPolicy)}}}, p)
	_, got := s.do(http.MethodGet, "/api/v2/projects/p1", admin, "")
	require.JSONEq(t, body, got)
	_, got = s.do(http.MethodGet, "/api/v2/projects/?name=p1", admin, "")
	require.JSONEq(t, body, got)

	status, body = s.do(http.MethodPost, "/api/v2/projects", admin,
		`{"name":"p2","defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"`+other+`"}]}`)
	require.Equal(t, 200, status, body)
	require.Contains(t, body, `"defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"`+other+`"}]`)

	for _, c := range []struct {
		body   string
		status int
		words  string
	}{
		{`{"name":"p1"}`, 409, "already exists"},
		{``, 400, "name is missing"},
		{`{"name":"P_3"}`, 200, ""},
		{`{"name":"p/3"}`, 400, "illegal characters"},
		{`{"name":"` + strings.Repeat("a", 257) + `"}`, 400, "illegal characters"},
		{`{"name":"` + strings.Repeat("a", 256) + `","description":"` + strings.Repeat("x", 256) + `"}`, 200, ""},
		{`{"name":"p4","description":"` + strings.Repeat("x", 257) + `"}`, 400, "257 bytes; at most 256"},
		{`{"name":"p4","defaultPolicies":[{"policyType":"qosRateLimit"}]}`, 400, "has no policyUUID"},
		{`{"name":"p4","defaultPolicies":[{"policyUUID":"` + other + `"}]}`, 400, "has no policyType"},
		{`{"name":"p4","defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"none"}]}`, 400, "does not exist"},
		{`{"name":"p4","defaultPolicies":[{"policyType":"snapshot","policyUUID":"` + other + `"}]}`, 400,
			"does not exist"},
		{`{"name":"p4","defaultPolicies":[{"policyType":"other","policyUUID":"x"}]}`, 400, "policyType"},
		{`{"name":"p4","defaultPolicies":[null]}`, 400, ""},
		{`{"name":"p4","defaultPolicies":[{"policyType":2,"policyUUID":"` + other + `"},{"policyType":2,"policyUUID":"` +
			other + `"}]}`, 400, "two default policies"},
		{`{"name":"p4","defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"` + someUUID + `"}]}`, 400,
			"is Creating"},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.words), func(t *testing.T) {
			status, body := s.do(http.MethodPost, "/api/v2/projects", admin, c.body)
			require.Equal(t, c.status, status, "%s: %s", c.body, body)
			require.Contains(t, body, c.words)
		})
	}
	status, _ = s.do(http.MethodGet, "/api/v2/projects/p4", admin, "")
	require.Equal(t, 404, status)
	status, _ = s.do(http.MethodGet, "/api/v2/projects/", admin, "")
	require.Equal(t, 400, status)
}

func TestListProjects(t *testing.T) {
	s := newServer(t, withKeys(t))
	names := func(token string) []string {
		status, body := s.do(http.MethodGet, "/api/v2/projects", token, "")
		require.Equal(t, 200, status, body)
		var answer listProjectsResponse
		require.NoError(t, json.Unmarshal([]byte(body), &answer))
		var names []string
		for _, p := range answer.Projects {
			names = append(names, p.Name)
		}
		return names
	}
	require.Equal(t, []string{"acme", "default", "system"}, names(admin))
	require.Equal(t, []string{"acme", "default", "system"}, names(as(t, "system:viewer")))
	require.Equal(t, []string{"acme"}, names(as(t, "acme:viewer")))
	require.Nil(t, names(as(t, "gone:admin")))
}

func TestDeleteProject(t *testing.T) {
	s := newServer(t, withKeys(t))
	gold := s.newPolicy(Policy{Name: "gold", QoSRateLimitPolicy: &QoSRateLimitPolicy{
		PolicyVisibility: VisibilityScoped, ProjectsNamesScope: []string{"default", "acme"}}})
	remove := func(name string, header ...string) (int, string) {
		return s.do(http.MethodDelete, "/api/v2/projects/"+name, admin, "", header...)
	}
	for name, c := range map[string]struct {
		project string
		header  []string
		status  int
		words   string
	}{
		"system is 400":          {"system", nil, 400, "every cluster has it"},
		"default is 400":         {"default", nil, 400, "every cluster has it"},
		"unknown project is 404": {"none", nil, 404, "does not exist"},
		"empty name is 400":      {"", nil, 400, "missing"},
		"stale If-Match is 412":  {"acme", []string{"If-Match: 2"}, 412, `"code":9`},
		"ETag is checked first":  {"default", []string{"If-Match: 2"}, 412, `"code":9`},
	} {
		s.run(name, func(t *testing.T) {
			status, body := remove(c.project, c.header...)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.words)
		})
	}
	s.run("project with a volume is 400", func(t *testing.T) {
		s.update(func(tx *store.Tx) error {
			_, err := s.service.volumes.Create(tx, Volume{UUID: "v1", ProjectName: "acme", Name: "v1"},
				statemachine.State(VolumeAvailable))
			return err
		})
		status, body := remove("acme")
		require.Equal(t, 400, status, body)
		require.Contains(t, body, "it has volumes")
	})
	s.run("project with a snapshot is 400", func(t *testing.T) {
		s.update(func(tx *store.Tx) error {
			row, err := s.service.volumes.Find(tx, "v1")
			if err != nil {
				return err
			}
			_, err = s.service.snapshots.Create(tx, Snapshot{UUID: "s1", ProjectName: "acme", Name: "s1"},
				statemachine.State(SnapshotAvailable))
			if err != nil {
				return err
			}
			return s.service.volumes.Remove(tx, &row)
		})
		status, body := remove("acme")
		require.Equal(t, 400, status, body)
		require.Contains(t, body, "it has snapshots")
	})
	s.run("empty project is deleted", func(t *testing.T) {
		s.update(func(tx *store.Tx) error {
			row, err := s.service.snapshots.Find(tx, "s1")
			if err != nil {
				return err
			}
			return s.service.snapshots.Remove(tx, &row)
		})
		status, body := remove("acme", "If-Match: 1")
		require.Equal(t, 200, status, body)
		require.Equal(t, `{}`, body)
		status, _ = s.do(http.MethodGet, "/api/v2/projects/acme", admin, "")
		require.Equal(t, 404, status)
	})
	s.run("new project of the same name has no credentials", func(t *testing.T) {
		status, body := s.do(http.MethodPost, "/api/v2/projects", admin, `{"name":"acme"}`)
		require.Equal(t, 200, status, body)
		_, body = s.do(http.MethodGet, "/api/v2/projects/acme/credentials", admin, "")
		require.Equal(t, `{}`, body)
	})
	s.run("policy no longer has the project in its scope", func(t *testing.T) {
		_, body := s.do(http.MethodGet, "/api/v2/policies/"+gold, admin, "")
		require.Contains(t, body, `"projectsNamesScope":["default"]`)
	})
}

func TestUpdateProject(t *testing.T) {
	s := newServer(t)
	gold := s.newPolicy(Policy{Name: "gold", QoSRateLimitPolicy: &QoSRateLimitPolicy{}})
	defaults := `{"defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"` + gold + `"}]}`
	s.run("default policies are replaced", func(t *testing.T) {
		status, body := s.do(http.MethodPut, "/api/v2/projects/default", admin, defaults)
		require.Equal(t, 200, status, body)
		require.Equal(t, `{}`, body)
		_, body = s.do(http.MethodGet, "/api/v2/projects/default", admin, "")
		require.Contains(t, body, `"defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"`+gold+`"}]`)
	})
	s.run("ETag has changed", func(t *testing.T) {
		status, body := s.do(http.MethodDelete, "/api/v2/projects/default", admin, "", "If-Match: 1")
		require.Equal(t, 412, status, body)
	})
	for name, c := range map[string]struct{ project, body, words string }{
		"body without defaultPolicies is 400": {"default", `{}`, "defaultPolicies is missing"},
		"unknown project is 400":              {"none", defaults, "does not exist"},
		"no project name is 400":              {"", defaults, "projectName is missing"},
		"unknown policy is 400": {"system",
			`{"defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"none"}]}`, "does not exist"},
	} {
		s.run(name, func(t *testing.T) {
			status, body := s.do(http.MethodPut, "/api/v2/projects/"+c.project, admin, c.body)
			require.Equal(t, 400, status, body)
			require.Contains(t, body, c.words)
		})
	}
	s.run("project name in the body", func(t *testing.T) {
		status, body := s.do(http.MethodPut, "/api/v2/projects/", admin, `{"projectName":"system",`+defaults[1:])
		require.Equal(t, 200, status, body)
	})
}
