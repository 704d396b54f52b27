package lightbits

import (
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// Principal is the caller of a request. It is immutable, since requests share it.
type Principal struct {
	Subject      string
	Roles        []string // "<project>:<role>", as the token claims them
	ClusterAdmin bool

	grants []grant
}

// grant is a role in a project with its rules.
type grant struct {
	project string
	rules   []rule
}

func newPrincipal(subject string, roles ...string) *Principal {
	p := &Principal{Subject: subject, Roles: roles}
	for _, claimed := range roles {
		project, name, _ := strings.Cut(claimed, ":")
		if rules := rulesOf(project, name); rules != nil {
			p.grants = append(p.grants, grant{project: project, rules: rules})
			p.ClusterAdmin = p.ClusterAdmin || project == systemProject && name == roleClusterAdmin
		}
	}
	return p
}

// System reports whether the caller has a role in the project system, that is for the whole cluster.
func (p *Principal) System() bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool { return g.project == systemProject })
}

// In reports whether the caller has a role in the project or for the whole cluster.
func (p *Principal) In(project string) bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool {
		return g.project == systemProject ||
			g.project == project
	})
}

// may reports whether the caller has a permission in a project; "" means in all projects.
func (p *Principal) may(project string, need api.Permission) bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool {
		return (g.project == systemProject || g.project == project) && ruleFor(g.rules, need) != nil
	})
}

// mayAnywhere reports whether the caller has a permission that does not depend on a project.
func (p *Principal) mayAnywhere(need api.Permission) bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool {
		r := ruleFor(g.rules, need)
		return r != nil && (r.anywhere || g.project == systemProject)
	})
}

// mayOwn reports whether the caller has a permission in at least one project.
func (p *Principal) mayOwn(need api.Permission) bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool { return ruleFor(g.rules, need) != nil })
}

// principal returns the caller of a request. It has no roles if the operation needs no token.
func principal(r *api.Request) *Principal {
	if p, ok := r.Principal.(*Principal); ok {
		return p
	}
	return &Principal{}
}

// MissingPermission is the cause of a 403: the caller's roles do not include a permission.
type MissingPermission struct {
	Subject  string   `json:"subject"`
	Roles    []string `json:"roles"`
	Resource string   `json:"resource"`
	Action   string   `json:"action"`
	Project  string   `json:"project,omitempty"`
}

// CauseKind returns refusal.Permission.
func (MissingPermission) CauseKind() refusal.CauseKind { return refusal.Permission }

// WouldWork returns the suggestion that explain shows.
func (m MissingPermission) WouldWork() string {
	where := "in every project"
	if m.Project != "" {
		where = "in the project " + m.Project
	}
	return fmt.Sprintf("a token with a role that may %s %s %s; POST /_sim/tokens mints one", m.Action, m.Resource,
		where)
}

func (p *Principal) denied(project string, need api.Permission) error {
	where := ""
	if project != "" {
		where = fmt.Sprintf(" in project %q", project)
	}
	return refusal.New(refusal.PermissionDenied,
		"permission denied: %s:%s%s is required, but the roles %s do not grant it",
		need.Resource, need.Action, where, strings.Join(p.Roles, ", ")).
		Because(MissingPermission{Subject: p.Subject, Roles: p.Roles, Resource: need.Resource, Action: need.Action,
			Project: project})
}
