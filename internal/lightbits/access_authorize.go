package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

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
