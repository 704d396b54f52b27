package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// authorize authenticates the caller and checks the permission that the operation needs. The version needs a token like
// everything else, as its page says, and every role may read it (assumption 22). A cluster that is cut off refuses
// every request.
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

// unnamedProject refuses a request without a project by a caller who has roles only in projects.
func unnamedProject(p *Principal, need api.Permission) error {
	if need.Action == "list" {
		return p.denied("", need)
	}
	return refusal.New(refusal.InvalidArgument, "projectName is missing")
}

// projectOf returns the project that a request names in its path, its query or its body, in this order, as the binding
// does (facts/lightbits.md 2.2). For a body that is not JSON it returns ""; the binding refuses such a request before
// it reaches the handler.
func projectOf(r *api.Request) string {
	if project := r.Param("projectName"); project != "" {
		return project
	}
	if r.Operation.Needs.Resource == "projects" {
		return r.Param("name") // the project itself
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
	if err := wire.UnmarshalFirst(r.Body(), &body); err != nil {
		return ""
	}
	return body.ProjectName
}

// inProject refuses if the caller lacks a permission in the project, or if the project does not exist: with 404 if the
// operation's page has one, otherwise with 400. For a list the project "" means all projects, which system roles may
// list; for any other action it is a 400.
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

// namedProject is inProject for operations that always need a project.
func (s *Service) namedProject(tx *store.Tx, r *api.Request, project, resource, action string) error {
	if project == "" {
		return refusal.New(refusal.InvalidArgument, "projectName is missing")
	}
	return s.inProject(tx, r, project, resource, action)
}
