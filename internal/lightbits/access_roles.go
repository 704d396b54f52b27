package lightbits

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) roleOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListRoles", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/roles",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("roles", "list"), Endpoint: api.Handle(s.listRoles)},
		{Name: "GetRole", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/roles/{name}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("roles", "get"), Endpoint: api.Handle(s.getRole)},
	}
}

// Role is a role as the API returns it.
type Role struct {
	Name        string `json:"name"`
	ProjectName string `json:"projectName"`
	RulesJSON   string `json:"rulesJson"`
}

// rule allows actions on resources; rulesJson holds a list of rules.
type rule struct {
	Resources []string `json:"resources"`
	Actions   []string `json:"actions"`
	// anywhere means that the permission does not depend on a project: the resource belongs to the cluster, or the
	// handler returns only what the caller may see.
	anywhere bool
}

// The names of the roles. Tokens have them with the project, as in "system:cluster-admin" (facts/lightbits.md 3.3).
const (
	roleClusterAdmin = "cluster-admin"
	roleAdmin        = "admin"
	roleViewer       = "viewer"
)

// inEvery marks the resources of projects in the rules of system roles (facts/lightbits.md 3.3).
const inEvery = ":*"

// clusterRules are the rules of system:cluster-admin. Resources that the facts do not name are spelled like those that
// they do (assumption 20).
var clusterRules = []rule{ //nolint:gochecknoglobals // a description that nothing changes
	{Resources: []string{"versions", "clusterInfos", "cfServiceCredentials", "logs"}, Actions: []string{"get"}},
	{Resources: []string{"clusters"}, Actions: []string{"get", "upgrade"}},
	{Resources: []string{"clusterConfigs"}, Actions: []string{"get", "update", "list"}},
	{Resources: []string{"featureFlags"}, Actions: []string{"get", "enable", "disable", "list"}},
	{Resources: []string{"servers"}, Actions: []string{"create", "get", "list", "delete", "enable", "disable",
		"upgrade"}},
	{Resources: []string{"nvmeDevices"}, Actions: []string{"get", "list", "update", "add", "manage"}},
	{Resources: []string{"nodes"}, Actions: []string{"get", "list", "replace", "start", "stop", "restart"}},
	{Resources: []string{"hosts", "workflows"}, Actions: []string{"get", "list"}},
	{Resources: []string{"adminEndpoints", "idpConfigurations", "idpClientConfs", "authMapEntrys", "policys"},
		Actions: []string{"create", "delete", "get", "list", "update"}},
	{Resources: []string{"encryptions"}, Actions: []string{"enable", "manage", "get"}},
	{Resources: []string{"authentications", "inBandAuths"}, Actions: []string{"enable", "disable"}},
	{Resources: []string{"cfClusters"}, Actions: []string{"create", "delete", "list"}},
	{Resources: []string{"projects" + inEvery, "trustedHosts" + inEvery, "resourcePolicys" + inEvery},
		Actions: []string{"create", "delete", "get", "list", "update"}},
	{Resources: []string{"credentials" + inEvery, "snapshots" + inEvery}, Actions: []string{"create", "delete", "get",
		"list"}},
	{Resources: []string{"volumes" + inEvery}, Actions: []string{"create", "delete", "get", "list", "update",
		"rollback"}},
	{Resources: []string{"trustedHostSecrets" + inEvery}, Actions: []string{"get", "update"}},
	{Resources: []string{"roles" + inEvery}, Actions: []string{"get", "list"}},
	{Resources: []string{"events" + inEvery}, Actions: []string{"list"}},
}

// projectRules are the rules of <project>:admin. Clients need project roles to read clusterInfos and nodes, although
// one of the vendor's pages says otherwise (facts/lightbits.md 3.3, assumption 21).
var projectRules = []rule{ //nolint:gochecknoglobals // a description that nothing changes
	{Resources: []string{"versions", "clusterInfos"}, Actions: []string{"get"}, anywhere: true},
	{Resources: []string{"nodes", "policys", "projects"}, Actions: []string{"get", "list"}, anywhere: true},
	{Resources: []string{"roles"}, Actions: []string{"get", "list"}},
	{Resources: []string{"credentials", "snapshots"}, Actions: []string{"create", "delete", "get", "list"}},
	{Resources: []string{"volumes"}, Actions: []string{"create", "delete", "get", "list", "update", "rollback"}},
	{Resources: []string{"trustedHosts", "resourcePolicys"}, Actions: []string{"create", "delete", "get", "list",
		"update"}},
	{Resources: []string{"trustedHostSecrets"}, Actions: []string{"get", "update"}},
	{Resources: []string{"events"}, Actions: []string{"list"}},
}

// secrets are the resources that a viewer cannot read: the secrets of hosts, and the root key, which GetClusterRootKey
// exports. The pages name no role for them, so that the least privilege decides (assumption 433).
var secrets = []string{"trustedHostSecrets", "encryptions"} //nolint:gochecknoglobals // a description

// viewed returns the rules reduced to the actions of a viewer, get and list, without secrets.
func viewed(rules []rule) []rule {
	var left []rule
	for _, r := range rules {
		if slices.Contains(secrets, strings.TrimSuffix(r.Resources[0], inEvery)) {
			continue
		}
		r.Actions = slices.DeleteFunc(slices.Clone(r.Actions), func(a string) bool { return a != "get" && a != "list" })
		if len(r.Actions) > 0 {
			left = append(left, r)
		}
	}
	return left
}

// rolesIn returns the names of the roles of a project.
func rolesIn(project string) []string {
	if project == systemProject {
		return []string{roleClusterAdmin, roleViewer}
	}
	return []string{roleAdmin, roleViewer}
}

// rulesOf returns the rules of a project's role, or nil if it has no such role.
func rulesOf(project, name string) []rule {
	rules := projectRules
	if project == systemProject {
		rules = clusterRules
	}
	switch {
	case !slices.Contains(rolesIn(project), name):
		return nil
	case name == roleViewer:
		return viewed(rules)
	}
	return rules
}

// ruleFor returns the rule that grants a permission, or nil.
func ruleFor(rules []rule, need api.Permission) *rule {
	for i := range rules {
		r := &rules[i]
		if !slices.Contains(r.Actions, need.Action) {
			continue
		}
		for _, resource := range r.Resources {
			if strings.TrimSuffix(resource, inEvery) == need.Resource {
				return r
			}
		}
	}
	return nil
}

func role(project, name string) *Role {
	text, _ := json.Marshal(rulesOf(project, name)) // strings always marshal
	return &Role{Name: name, ProjectName: project, RulesJSON: string(text)}
}

type listRolesRequest struct {
	ProjectName string `json:"projectName"`
}

type listRolesResponse struct {
	Roles []*Role `json:"roles"`
}

// listRoles: seeds/002 "List all roles defined in a project". An unknown project is a 400, since the page has no 404.
func (s *Service) listRoles(tx *store.Tx, r *api.Request, q *listRolesRequest) (listRolesResponse, error) {
	var response listRolesResponse
	if err := s.namedProject(tx, r, q.ProjectName, "roles", "list"); err != nil {
		return response, err
	}
	for _, name := range rolesIn(q.ProjectName) {
		response.Roles = append(response.Roles, role(q.ProjectName, name))
	}
	return response, nil
}

type getRoleRequest struct {
	Name        string `json:"name"`
	ProjectName string `json:"projectName"`
}

type getRoleResponse struct {
	Role *Role `json:"role"`
}

// getRole: seeds/002 "Get role".
func (s *Service) getRole(tx *store.Tx, r *api.Request, q *getRoleRequest) (getRoleResponse, error) {
	if err := s.namedProject(tx, r, q.ProjectName, "roles", "get"); err != nil {
		return getRoleResponse{}, err
	}
	if q.Name == "" {
		return getRoleResponse{}, refusal.New(refusal.InvalidArgument, "the role name is missing")
	}
	if rulesOf(q.ProjectName, q.Name) == nil {
		return getRoleResponse{}, refusal.New(refusal.NotFound, "project %q has no role %q; it has: %s",
			q.ProjectName, q.Name, strings.Join(rolesIn(q.ProjectName), ", "))
	}
	return getRoleResponse{Role: role(q.ProjectName, q.Name)}, nil
}
