package lightbits

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// AuthMode says how strictly callers are checked.
type AuthMode string

// The modes. Lenient refuses a call without a token, takes an opaque one for a cluster administrator's and checks a JWT
// in full; strict takes nothing but valid JWTs; off takes everybody for a cluster administrator. The zero value is
// lenient.
const (
	AuthLenient AuthMode = "lenient"
	AuthStrict  AuthMode = "strict"
	AuthOff     AuthMode = "off"
)

// ParseAuthMode reads a mode as a user writes it; "" is lenient.
func ParseAuthMode(text string) (AuthMode, error) {
	switch mode := AuthMode(text); mode {
	case "":
		return AuthLenient, nil
	case AuthLenient, AuthStrict, AuthOff:
		return mode, nil
	}
	return "", fmt.Errorf("auth mode %q: must be lenient, strict or off", text)
}

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

// authorize finds out who asks and whether the operation is theirs to call. The version needs a token like everything
// else: its page is marked so, and every role may read it (assumption 22). A cluster that is cut off answers nobody.
func (s *Service) authorize(tx *store.Tx, r *api.Request) error {
	if err := unreachable(tx); err != nil {
		return err
	}
	need := r.Operation.Needs
	if need == (api.Permission{}) {
		return nil
	}
	p, err := s.authenticate(tx, r)
	if err != nil {
		return err
	}
	r.Principal = p
	if p.ClusterAdmin || p.mayAnywhere(need) {
		return nil
	}
	project := projectOf(r)
	switch {
	case project != "" && p.may(project, need):
		return nil
	case project != "" || !p.mayOwn(need):
		return p.denied(project, need)
	}
	return unnamedProject(p, need)
}

// unnamedProject refuses a request of a caller with roles in projects only that names none.
func unnamedProject(p *Principal, need api.Permission) error {
	if need.Action == "list" {
		return p.denied("", need)
	}
	return refusal.New(refusal.InvalidArgument, "projectName is missing")
}

// authenticate answers whose token the request carries.
func (s *Service) authenticate(tx *store.Tx, r *api.Request) (*Principal, error) {
	if s.auth == AuthOff {
		return s.anybody, nil
	}
	header := r.HTTP.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	switch {
	case header == "":
		return nil, unauthenticated("no token: the header Authorization is missing; Bearer and a JWT are expected in it")
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return nil, unauthenticated("no token: the header Authorization must hold Bearer and a JWT")
	case isJWT(token):
		if p, federated, err := s.federatedPrincipal(tx, token); federated {
			return p, err
		}
		return principalOf(tx, token)
	case s.auth == AuthStrict:
		return nil, unauthenticated("the token is not a JWT")
	}
	return s.opaque, nil
}

func unauthenticated(format string, args ...any) error {
	return refusal.New(refusal.Unauthenticated, format, args...)
}

// projectOf answers the project that a request names: in its path, else in its query, else in its body, in the order
// in which the binding lets one win over the other (facts/lightbits.md 2.2). A body that is not JSON names none; the
// binding refuses it before the handler is reached.
func projectOf(r *api.Request) string {
	if project := r.Param("projectName"); project != "" {
		return project
	}
	if r.Operation.Needs.Resource == "projects" {
		return r.Param("name") // of the project itself
	}
	if r.HTTP.URL.RawQuery != "" {
		if project := r.Query().Get("projectName"); project != "" {
			return project
		}
	}
	if r.HTTP.Method == http.MethodGet || r.HTTP.Method == http.MethodDelete {
		return ""
	}
	var body struct {
		ProjectName string `json:"projectName"`
	}
	if err := wire.Unmarshal(r.Body(), &body); err != nil {
		return ""
	}
	return body.ProjectName
}

// inProject refuses what the caller may not do in the project that the handler's question names, and a project that is
// not there: 404 where the operation's page has it, else 400. "" is all projects to a list, which is for system roles,
// and 400 to anything else.
func (s *Service) inProject(tx *store.Tx, r *api.Request, project, resource, action string) error {
	p, need := principal(r), can(resource, action)
	switch {
	case project == "" && action == "list" && p.may("", need):
		return nil
	case project == "":
		return unnamedProject(p, need)
	case !p.may(project, need):
		return p.denied(project, need)
	case projects.Has(tx, project):
		return nil
	case r.Operation.Documents(http.StatusNotFound):
		return refusal.New(refusal.NotFound, "project %q does not exist", project)
	}
	return refusal.New(refusal.InvalidArgument, "project %q does not exist", project)
}

// namedProject is inProject for operations that are about one project whatever their action.
func (s *Service) namedProject(tx *store.Tx, r *api.Request, project, resource, action string) error {
	if project == "" {
		return refusal.New(refusal.InvalidArgument, "projectName is missing")
	}
	return s.inProject(tx, r, project, resource, action)
}
