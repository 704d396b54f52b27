package lightbits

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func TestPolicyMachine(t *testing.T) {
	m := New(Options{}).policies
	require.Empty(t, m.Check())
	golden := filepath.Join("testdata", "grids", "lightbits.policy.txt")
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), m.Describe().Grid())
}

// policy gets a policy through the API.
func (s *server) policy(path, token string) (int, Policy) {
	s.t.Helper()
	status, body := s.do(http.MethodGet, "/api/v2/policies"+path, token, "")
	var p Policy
	require.NoError(s.t, json.Unmarshal([]byte(body), &p), body)
	return status, p
}

func TestCreatePolicy(t *testing.T) {
	s := newServer(t)
	s.run("rounds IOPS up", func(t *testing.T) {
		body := s.ok(http.MethodPost, "/api/v2/policies",
			`{"name":"gold","description":"d","qoSRateLimitPolicy":{"policyVisibility":"Scoped",`+
				`"projectsNamesScope":["default"],"limitIOPS":{"writeIOPSLimit":400,"readIOPSLimit":"512"}}}`)
		var p Policy
		require.NoError(t, json.Unmarshal([]byte(body), &p))
		require.JSONEq(t, `{"UUID":"`+p.UUID+`","name":"gold","description":"d","state":"Creating",`+
			`"QoSRateLimitPolicy":{"projectsNamesScope":["default"],"policyVisibility":"Scoped",`+
			`"limitIOPS":{"writeIOPSLimit":512,"readIOPSLimit":512}}}`, body)
		s.advance(time.Second)
		status, got := s.policy("/"+p.UUID, admin)
		require.Equal(t, 200, status)
		require.Equal(t, PolicyActive, got.State)
		_, byName := s.policy("/?name=gold", admin)
		require.Equal(t, got, byName)
	})
	for name, c := range map[string]struct {
		body   string
		status int
		words  string
	}{
		"existing name":        {`{"name":"gold"}`, 409, "already exists"},
		"no body":              {``, 400, "name is missing"},
		"invalid name":         {`{"name":"a b"}`, 400, "illegal characters"},
		"description too long": {`{"name":"p","description":"` + strings.Repeat("x", 257) + `"}`, 400, "at most 256"},
		"scoped without projects": {`{"name":"p","qoSRateLimitPolicy":{"policyVisibility":"Scoped"}}`, 400,
			"projectsNamesScope is missing"},
		"unknown visibility": {`{"name":"p","qoSRateLimitPolicy":{"policyVisibility":"Everyone"}}`, 400,
			"policyVisibility"},
		"unknown project": {`{"name":"p","qoSRateLimitPolicy":{"policyVisibility":"Scoped",` +
			`"projectsNamesScope":["default","none"]}}`, 404, `project \"none\" does not exist`},
		"negative limit": {`{"name":"p","qoSRateLimitPolicy":{"limitIOPS":{"writeIOPSLimit":-1}}}`, 400, ""},
		"limit too large": {`{"name":"p","qoSRateLimitPolicy":{"limitIOPS":{"readIOPSLimit":4294967041}}}`, 400,
			"at most 4294967040"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := s.do(http.MethodPost, "/api/v2/policies", admin, c.body)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.words)
		})
	}
	s.run("without limits", func(t *testing.T) {
		s.ok(http.MethodPost, "/api/v2/policies", `{"name":"plain"}`)
	})
	s.run("the last of two limits applies", func(t *testing.T) {
		body := s.ok(http.MethodPost, "/api/v2/policies", `{"name":"two","qoSRateLimitPolicy":`+
			`{"limitBw":{"writeBWLimit":7},"limitIOPSPerGB":{"readIOPSPerGBLimit":9}}}`)
		require.Contains(t, body, `"limitIOPSPerGB":{"readIOPSPerGBLimit":9}`)
		require.NotContains(t, body, "limitBw")
	})
}

func TestListPolicies_Filters(t *testing.T) {
	s := newServer(t, withKeys(t))
	uuids := map[string]string{
		unlimitedPolicy: s.policyUUID(unlimitedPolicy),
		"scoped": s.newPolicy(Policy{Name: "scoped",
			QoSRateLimitPolicy: &QoSRateLimitPolicy{PolicyVisibility: VisibilityScoped,
				ProjectsNamesScope: []string{"acme"}}}),
		"hidden": s.newPolicy(Policy{Name: "hidden", QoSRateLimitPolicy: &QoSRateLimitPolicy{}}),
	}
	none := []string(nil)
	all := []string{"hidden", unlimitedPolicy, "scoped"}
	open := []string{unlimitedPolicy, "scoped"}
	viewer, other := as(t, "acme:viewer"), as(t, "default:admin")
	for name, c := range map[string]struct {
		token, query string
		names        []string // nil is 404
	}{
		"administrator":                     {admin, "", all},
		"viewer of system":                  {as(t, "system:viewer"), "", all},
		"by name":                           {admin, "?name=hidden", []string{"hidden"}},
		"by UUID":                           {admin, "?UUID=" + uuids["scoped"], []string{"scoped"}},
		"by UUID and name":                  {admin, "?UUID=" + uuids["scoped"] + "&name=scoped", []string{"scoped"}},
		"UUID and name of two policies":     {admin, "?UUID=" + uuids["scoped"] + "&name=hidden", none},
		"unknown name":                      {admin, "?name=none", none},
		"unknown UUID":                      {admin, "?UUID=00000000-0000-4000-8000-000000000000", none},
		"project in the scope":              {admin, "?projectName=acme", open},
		"project outside the scope":         {admin, "?projectName=default", []string{unlimitedPolicy}},
		"unknown project":                   {admin, "?projectName=none", none},
		"project outside the scope by name": {admin, "?projectName=default&name=scoped", none},
		"viewer in the scope":               {viewer, "", open},
		"viewer in the scope by project":    {viewer, "?projectName=acme", open},
		"viewer of a hidden policy":         {viewer, "?name=hidden", none},
		"caller outside the scope":          {other, "", []string{unlimitedPolicy}},
		"caller outside the scope by UUID":  {other, "?UUID=" + uuids["scoped"], none},
	} {
		s.run(name, func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/policies"+c.query, c.token, "")
			if c.names == nil {
				require.Equal(t, 404, status, body)
				return
			}
			require.Equal(t, 200, status, body)
			var answer listPoliciesResponse
			require.NoError(t, json.Unmarshal([]byte(body), &answer))
			var names []string
			for _, p := range answer.Policies {
				require.Equal(t, uuids[p.Name], p.UUID)
				names = append(names, p.Name)
			}
			require.ElementsMatch(t, c.names, names)
		})
	}
	s.run("project of others is 403", func(t *testing.T) {
		status, body := s.do(http.MethodGet, "/api/v2/policies?projectName=acme", other, "")
		require.Equal(t, 403, status, body)
	})
}

func TestGetPolicy_Visibility(t *testing.T) {
	s := newServer(t, withKeys(t))
	scoped := s.newPolicy(Policy{Name: "scoped",
		QoSRateLimitPolicy: &QoSRateLimitPolicy{PolicyVisibility: VisibilityScoped,
			ProjectsNamesScope: []string{"acme"}, LimitBw: &QoSLimitBW{WriteBWLimit: 5}}})
	hidden := s.newPolicy(Policy{Name: "hidden", QoSRateLimitPolicy: &QoSRateLimitPolicy{}})
	_, full := s.policy("/"+scoped, admin)
	require.Equal(t, VisibilityScoped, full.QoSRateLimitPolicy.PolicyVisibility)
	require.Equal(t, []string{"acme"}, full.QoSRateLimitPolicy.ProjectsNamesScope)
	_, part := s.policy("/"+scoped, as(t, "acme:admin"))
	require.Equal(t, &QoSRateLimitPolicy{LimitBw: &QoSLimitBW{WriteBWLimit: 5}}, part.QoSRateLimitPolicy)
	for _, c := range []struct {
		token, path string
		status      int
	}{
		{as(t, "acme:admin"), "/" + hidden, 404},
		{as(t, "default:admin"), "/" + scoped, 404}, {as(t, "default:admin"), "/?name=scoped", 404},
		{admin, "/" + scoped + "?projectName=acme", 200}, {admin, "/" + scoped + "?projectName=default", 404},
		{admin, "/" + scoped + "?projectName=none", 404},
		{as(t, "default:admin"), "/" + scoped + "?projectName=acme", 403},
		{admin, "/", 400}, {admin, "/none", 400}, {admin, "/" + someUUID, 404}, {admin, "/?name=none", 404},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.path), func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/policies"+c.path, c.token, "")
			require.Equal(t, c.status, status, "%s: %s", c.path, body)
		})
	}
	defaults := `{"defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"` + hidden + `"}]}`
	s.do(http.MethodPut, "/api/v2/projects/default", admin, defaults)
	status, body := s.do(http.MethodGet, "/api/v2/policies/"+hidden+"?projectName=default", admin, "")
	require.Equal(t, 200, status, "a project can read its default policy: %s", body)
}

func TestUpdatePolicy(t *testing.T) {
	s := newServer(t)
	scope := &QoSRateLimitPolicy{PolicyVisibility: VisibilityScoped, ProjectsNamesScope: []string{"default"},
		LimitIOPS: &QoSLimitIOPS{512, 512}}
	uuid := s.newPolicy(Policy{Name: "gold", Description: "old", QoSRateLimitPolicy: scope})
	update := func(path, body string) (int, string) {
		return s.do(http.MethodPut, "/api/v2/policies/"+path, admin, body)
	}

	s.run("new limit replaces the old one", func(t *testing.T) {
		status, body := update(uuid, `{"name":"ignored","qoSRateLimitPolicy":{"limitBw":{"readBWLimit":5}}}`)
		require.Equal(t, 200, status, body)
		require.Equal(t, `{}`, body)
		_, p := s.policy("/"+uuid, admin)
		require.Equal(t, Policy{UUID: uuid, Name: "gold", Description: "old", State: PolicyUpdating,
			QoSRateLimitPolicy: &QoSRateLimitPolicy{
				PolicyVisibility: VisibilityScoped, ProjectsNamesScope: []string{"default"},
				LimitBw: &QoSLimitBW{ReadBWLimit: 5}}}, p)
	})
	s.run("while it is Updating", func(t *testing.T) {
		status, body := update(uuid, `{"description":"new"}`)
		require.Equal(t, 400, status, body)
		require.Contains(t, body, "is Updating")
	})
	s.advance(time.Second)
	var p Policy
	s.run("by name", func(t *testing.T) {
		status, body := update("",
			`{"name":"gold","description":"new","qoSRateLimitPolicy":{"policyVisibility":"Unavailable"}}`)
		require.Equal(t, 200, status, body)
		s.advance(time.Second)
		_, p = s.policy("/"+uuid, admin)
		require.Equal(t, PolicyActive, p.State)
		require.Equal(t, "new", p.Description)
		require.False(t, p.opensTo("default"))
		require.Equal(t, &QoSLimitBW{ReadBWLimit: 5}, p.QoSRateLimitPolicy.LimitBw)
	})
	for name, c := range map[string]struct {
		path, body string
		status     int
		words      string
	}{
		"unknown UUID": {someUUID, `{"description":"x"}`, 404, "does not exist"},
		"invalid UUID": {"none", `{"description":"x"}`, 400, "a UUID is expected"},
		"two limits": {uuid, `{"qoSRateLimitPolicy":{"limitIOPS":{"readIOPSLimit":256},"limitBw":{"readBWLimit":9}}}`, 400,
			"mutually exclusive arguments were provided"},
		"unknown name":         {"", `{"name":"none","description":"x"}`, 404, "does not exist"},
		"no UUID and no name":  {"", `{"description":"x"}`, 400, "policy is missing"},
		"no body":              {uuid, ``, 400, "nothing to update"},
		"description too long": {uuid, `{"description":"` + strings.Repeat("x", 257) + `"}`, 400, "at most 256"},
		"unknown project":      {uuid, `{"qoSRateLimitPolicy":{"projectsNamesScope":["none"]}}`, 404, "does not exist"},
		"built-in policy": {s.policyUUID(unlimitedPolicy), `{"qoSRateLimitPolicy":{"limitBw":{"readBWLimit":5}}}`, 404,
			"the request is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := update(c.path, c.body)
			require.Equal(t, c.status, status, "%s: %s", c.body, body)
			require.Contains(t, body, c.words)
		})
	}
	_, after := s.policy("/"+uuid, admin)
	require.Equal(t, p, after, "a refused update changes nothing")
}

func TestDeletePolicy(t *testing.T) {
	s := newServer(t)
	limits := &QoSRateLimitPolicy{PolicyVisibility: VisibilityGlobal}
	free := s.newPolicy(Policy{Name: "free", QoSRateLimitPolicy: limits})
	used := s.newPolicy(Policy{Name: "used", QoSRateLimitPolicy: limits})
	standard := s.newPolicy(Policy{Name: "standard", QoSRateLimitPolicy: limits})
	s.do(http.MethodPut, "/api/v2/projects/default", admin,
		`{"defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"`+standard+`"}]}`)
	s.update(func(tx *store.Tx) error {
		_, err := s.service.volumes.Create(tx,
			Volume{UUID: "v1", ProjectName: "default", Name: "v1",
				QosPolicyUUID: used}, statemachine.State(VolumeAvailable))
		return err
	})
	s.do(http.MethodPost, "/api/v2/policies", admin, `{"name":"young"}`)
	for _, c := range []struct {
		name, path string
		status     int
		words      string
	}{
		{"unknown UUID", someUUID, 404, "does not exist"},
		{"invalid UUID", "none", 400, "a UUID is expected"},
		{"unknown name", "?name=none", 404, "does not exist"},
		{"no UUID and no name", "", 400, "policy is missing"},
		{"built-in policy", s.policyUUID(unlimitedPolicy), 400, "built-in"},
		{"built-in policy by name", "?name=" + unlimitedPolicy, 400, "built-in"},
		{"used by a volume", used, 400, "in use by a volume"},
		{"default of a project", standard, 400, "in use by project default"},
		{"policy in Creating", "?name=young", 400, "is Creating"},
		{"unused policy", free, 200, "{}"},
		{"deleted policy", free, 404, "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := s.do(http.MethodDelete, "/api/v2/policies/"+c.path, admin, "")
			require.Equal(t, c.status, status, "%s: %s", c.path, body)
			require.Contains(t, body, c.words)
		})
	}
	s.advance(time.Second)
	status, body := s.do(http.MethodDelete, "/api/v2/policies/?name=young", admin, "")
	require.Equal(t, 200, status, body)
}

func TestEffectivePolicy(t *testing.T) {
	s := newServer(t, withKeys(t))
	scoped := s.newPolicy(Policy{Name: "scoped",
		QoSRateLimitPolicy: &QoSRateLimitPolicy{PolicyVisibility: VisibilityScoped,
			ProjectsNamesScope: []string{"acme"}}})
	hidden := s.newPolicy(Policy{Name: "hidden", QoSRateLimitPolicy: &QoSRateLimitPolicy{}})
	old := s.newPolicy(Policy{Name: "old", QoSRateLimitPolicy: &QoSRateLimitPolicy{PolicyVisibility: VisibilityGlobal}})
	s.update(func(tx *store.Tx) error {
		row, err := s.service.policies.Get(tx, old)
		if err != nil {
			return err
		}
		return s.service.policies.Fire(tx, &row, "deprecate")
	})
	s.do(http.MethodPut, "/api/v2/projects/default", admin,
		`{"defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"`+hidden+`"}]}`)
	for name, c := range map[string]struct {
		project, uuid, name string
		want                string // the name of the policy, or words of the refusal
	}{
		"default of the cluster":           {"acme", "", "", unlimitedPolicy},
		"default of the project":           {"default", "", "", "hidden"},
		"UUID in the scope":                {"acme", scoped, "", "scoped"},
		"name in the scope":                {"acme", "", "scoped", "scoped"},
		"name of a global policy":          {"default", "", unlimitedPolicy, unlimitedPolicy},
		"UUID outside the scope":           {"default", scoped, "", "no QoS policy"},
		"name outside the scope":           {"default", "", "scoped", "no QoS policy"},
		"UUID of the project's own hidden": {"default", hidden, "", "no QoS policy"},
		"unknown UUID":                     {"acme", "none", "", "no QoS policy"},
		"unknown name":                     {"acme", "", "none", "no QoS policy"},
		"deprecated policy":                {"acme", old, "", "is Deprecated"},
		"unknown project":                  {"none", "", "", "does not exist"},
	} {
		s.run(name, func(t *testing.T) {
			s.view(func(tx *store.Tx) error {
				p, err := s.service.effectivePolicy(tx, c.project, c.uuid, c.name)
				if err != nil {
					require.ErrorContains(t, err, c.want)
					return nil
				}
				require.Equal(t, c.want, p.Name)
				return nil
			})
		})
	}
}
