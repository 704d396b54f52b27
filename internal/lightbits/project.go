package lightbits

import (
	"net/http"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) projectOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListProjects", Method: http.MethodGet, Path: "/api/v2/projects",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("projects",
				"list"), Endpoint: api.Handle(s.listProjects)},
		{Name: "CreateProject", Method: http.MethodPost, Path: "/api/v2/projects",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("projects",
				"create"), Endpoint: api.Handle(s.createProject)},
		{Name: "GetProject", Method: http.MethodGet, Path: "/api/v2/projects/{name}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("projects",
				"get"), Endpoint: api.Handle(s.getProject)},
		{Name: "DeleteProject", Method: http.MethodDelete, Path: "/api/v2/projects/{name}",
			Statuses: []int{200, 400, 401, 403, 404, 412, 500}, Needs: can("projects",
				"delete"), Endpoint: api.Handle(s.deleteProject)},
		{Name: "UpdateProject", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("projects",
				"update"), Endpoint: api.Handle(s.updateProject)},
	}
}

// Project is a project as the API returns it.
type Project struct {
	UUID            string           `json:"UUID"`
	Name            string           `json:"name"`
	Description     string           `json:"description"`
	DefaultPolicies []*DefaultPolicy `json:"defaultPolicies"`
}

// The projects of every cluster (facts/lightbits.md 3.2).
const (
	systemProject  = "system"
	defaultProject = "default"
)

// projectRow is a project with its ETag, a counter of its changes, which no message has (assumption 24).
type projectRow struct {
	Project
	ETag uint64 `json:"etag"`
	By   string `json:"by,omitempty"` // who changed it last; empty if nobody has since the fixture
}

var projects = store.NewTable("lightbits.project", func(p *projectRow) string { return p.Name },
	store.JSON[projectRow]())

// project returns the project of that name, or NotFound. Its lists are shared and must not be changed.
func (s *Service) project(tx *store.Tx, name string) (Project, error) {
	row, err := projects.Shared(tx, name)
	if err != nil {
		return Project{}, refusal.New(refusal.NotFound, "project %q does not exist", name)
	}
	return row.Project, nil
}

// projectNames returns the names of the cluster's projects, sorted.
func (s *Service) projectNames(tx *store.Tx) []string {
	var names []string
	for name := range projects.Scan(tx, "", "") {
		names = append(names, name)
	}
	return names
}

// seedProject creates a project with the cluster's default QoS policy, which must exist. It does nothing if the project
// exists.
func (s *Service) seedProject(tx *store.Tx, name, description string) error {
	if projects.Has(tx, name) {
		return nil
	}
	_, err := s.insertProject(tx, Project{Name: name, Description: description})
	return err
}

// insertProject stores a new project. If it has no default QoS policy it gets the cluster's.
func (s *Service) insertProject(tx *store.Tx, p Project) (Project, error) {
	p.UUID = tx.NewUUID().String()
	p.DefaultPolicies = slices.DeleteFunc(p.DefaultPolicies, func(d *DefaultPolicy) bool { return d.PolicyUUID == "" })
	if defaultQoS(&p) == "" {
		if policy, err := s.clusterDefaultQoS(tx); err == nil {
			p.DefaultPolicies = append(p.DefaultPolicies,
				&DefaultPolicy{PolicyType: PolicyTypeQosRateLimit, PolicyUUID: policy.UUID})
		}
	}
	return p, projects.Insert(tx, &projectRow{Project: p, ETag: 1, By: tx.By})
}

// maxDescription is the greatest length of a description, in bytes (seeds/002 "Create project").
const maxDescription = 256

func checkDescription(text string) error {
	if len(text) > maxDescription {
		return refusal.New(refusal.InvalidArgument, "the description has %d bytes; at most %d are allowed", len(text),
			maxDescription)
	}
	return nil
}
