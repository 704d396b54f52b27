package lightbits

import (
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// Principal is who asks. It does not change once it is made: requests share it.
type Principal struct {
	Subject      string
	Roles        []string // "<project>:<role>", as the token claims them
	ClusterAdmin bool

	grants []grant
}

// grant is a role that counts.
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

// System says whether the caller has a role of the whole cluster.
func (p *Principal) System() bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool { return g.project == systemProject })
}

// In says whether the caller has a role in the project, or one of the whole cluster.
func (p *Principal) In(project string) bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool { return g.project == systemProject || g.project == project })
}

// may says whether the caller may do it in that project; "" stands for all of them.
func (p *Principal) may(project string, need api.Permission) bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool {
		return (g.project == systemProject || g.project == project) && ruleFor(g.rules, need) != nil
	})
}

// mayAnywhere says whether the caller may do it whatever the project.
func (p *Principal) mayAnywhere(need api.Permission) bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool {
		r := ruleFor(g.rules, need)
		return r != nil && (r.anywhere || g.project == systemProject)
	})
}

// mayOwn says whether the caller may do it in some project at least.
func (p *Principal) mayOwn(need api.Permission) bool {
	return slices.ContainsFunc(p.grants, func(g grant) bool { return ruleFor(g.rules, need) != nil })
}

// principal answers who asks; somebody without any role where the operation needs no token.
func principal(r *api.Request) *Principal {
	if p, ok := r.Principal.(*Principal); ok {
		return p
	}
	return &Principal{}
}

// MissingPermission is the cause of a 403.
type MissingPermission struct {
	Subject  string   `json:"subject"`
	Roles    []string `json:"roles"`
	Resource string   `json:"resource"`
	Action   string   `json:"action"`
	Project  string   `json:"project,omitempty"`
}

// CauseKind is refusal.Permission.
func (MissingPermission) CauseKind() refusal.CauseKind { return refusal.Permission }

// WouldWork is what explain says.
func (m MissingPermission) WouldWork() string {
	where := "in every project"
	if m.Project != "" {
		where = "in the project " + m.Project
	}
	return fmt.Sprintf("a token with a role that may %s %s %s; POST /_sim/tokens mints one", m.Action, m.Resource, where)
}

func (p *Principal) denied(project string, need api.Permission) error {
	where := ""
	if project != "" {
		where = fmt.Sprintf(" in project %q", project)
	}
	return refusal.New(refusal.PermissionDenied, "permission denied: %s:%s%s is needed, which the roles %s do not give",
		need.Resource, need.Action, where, strings.Join(p.Roles, ", ")).
		Because(MissingPermission{Subject: p.Subject, Roles: p.Roles, Resource: need.Resource, Action: need.Action, Project: project})
}
