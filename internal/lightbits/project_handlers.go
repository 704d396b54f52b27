package lightbits

import (
	"errors"
	"slices"
	"strconv"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type listProjectsRequest struct{}

type listProjectsResponse struct {
	Projects []*Project `json:"projects"`
}

// listProjects: seeds/002 "List projects", ordered by name. A caller whose roles are in projects sees these only.
func (s *Service) listProjects(tx *store.Tx, r *api.Request, _ *listProjectsRequest) (listProjectsResponse, error) {
	var answer listProjectsResponse
	for name, row := range projects.All(tx, "", "") {
		if principal(r).In(name) {
			answer.Projects = append(answer.Projects, &row.Project)
		}
	}
	return answer, nil
}

type createProjectRequest struct {
	Name            string           `json:"name" required:"the project name is missing"`
	Description     string           `json:"description"`
	DefaultPolicies []*DefaultPolicy `json:"defaultPolicies"`
}

// createProject: seeds/002 "Create project".
func (s *Service) createProject(tx *store.Tx, _ *api.Request, q *createProjectRequest) (Project, error) {
	if err := checkName("project", q.Name); err != nil {
		return Project{}, err
	}
	if err := checkDescription(q.Description); err != nil {
		return Project{}, err
	}
	if err := s.checkDefaults(tx, q.Name, q.DefaultPolicies); err != nil {
		return Project{}, err
	}
	p, err := s.insertProject(tx, Project{Name: q.Name, Description: q.Description, DefaultPolicies: q.DefaultPolicies})
	if errors.Is(err, store.ErrExists) {
		return Project{}, refusal.New(refusal.AlreadyExists, "project %q already exists", q.Name)
	}
	return p, err
}

// checkProjectRef returns InvalidArgument for a name that no project can have.
func checkProjectRef(name string) error {
	if name == "" {
		return refusal.New(refusal.InvalidArgument, "projectName is missing")
	}
	return checkName("project", name)
}

type projectRequest struct {
	Name string `json:"name"`
}

// getProject: seeds/002 "Get project".
func (s *Service) getProject(tx *store.Tx, r *api.Request, q *projectRequest) (Project, error) {
	if err := checkProjectRef(q.Name); err != nil {
		return Project{}, err
	}
	if err := s.namedProject(tx, r, q.Name, "projects", "get"); err != nil {
		return Project{}, err
	}
	return s.project(tx, q.Name)
}

// deleteProject: seeds/002 "Delete project". The project's credentials, trusted hosts and authorization map entries are
// deleted with it. It returns InvalidArgument for system and default, and for a project that has volumes or snapshots
// (assumption 26).
func (s *Service) deleteProject(tx *store.Tx, r *api.Request, q *projectRequest) (api.Empty, error) {
	var none api.Empty
	if err := checkProjectRef(q.Name); err != nil {
		return none, err
	}
	if err := s.namedProject(tx, r, q.Name, "projects", "delete"); err != nil {
		return none, err
	}
	row, err := projects.Get(tx, q.Name)
	if err != nil {
		return none, err
	}
	if err := r.IfMatch(strconv.FormatUint(row.ETag, 10), row.By); err != nil {
		return none, err
	}
	if q.Name == systemProject || q.Name == defaultProject {
		return none, refusal.New(refusal.InvalidArgument,
			"project %q is not allowed to be deleted: every cluster has it", q.Name)
	}
	if err := s.purgeFailed(tx, q.Name); err != nil {
		return none, err
	}
	if err := deleteCredentialsOf(tx, q.Name); err != nil {
		return none, err
	}
	if err := deleteTrustedHostsOf(tx, q.Name); err != nil {
		return none, err
	}
	if err := deleteAuthMapOf(tx, q.Name); err != nil {
		return none, err
	}
	if err := s.unscope(tx, q.Name); err != nil {
		return none, err
	}
	if err := s.dropResourcePoliciesOf(tx, q.Name); err != nil {
		return none, err
	}
	return none, projects.Delete(tx, q.Name)
}

// purgeFailed removes the Failed volumes and snapshots of a project, which hold nothing and which clients cannot delete
// (assumption 302). The error is InvalidArgument if the project has others.
func (s *Service) purgeFailed(tx *store.Tx, project string) error {
	refuse := func(what string) error {
		s.projectPending(tx, project)
		return refusal.New(refusal.InvalidArgument, "project %q is not allowed to be deleted: it has %s", project, what)
	}
	var volumes []statemachine.Row[Volume]
	for _, row := range s.volumes.Table().All(tx, scopedKey(project, ""), "") {
		if row.Body.State != VolumeFailed {
			return refuse("volumes")
		}
		volumes = append(volumes, row)
	}
	var snapshots []statemachine.Row[Snapshot]
	for _, row := range s.snapshots.Table().All(tx, scopedKey(project, ""), "") {
		if row.Body.State != SnapshotFailed {
			return refuse("snapshots")
		}
		snapshots = append(snapshots, row)
	}
	for i := range volumes {
		if err := s.volumes.Fire(tx, &volumes[i], "purge"); err != nil {
			return err
		}
	}
	for i := range snapshots {
		if err := s.snapshots.Fire(tx, &snapshots[i], "purge"); err != nil {
			return err
		}
	}
	return nil
}

type updateProjectRequest struct {
	ProjectName     string           `json:"projectName"`
	DefaultPolicies []*DefaultPolicy `json:"defaultPolicies" required:"{path} is missing"`
}

// updateProject: seeds/002 "Update Project Default Policy". Defaults of other types
// stay as they are.
func (s *Service) updateProject(tx *store.Tx, r *api.Request, q *updateProjectRequest) (api.Empty, error) {
	var none api.Empty
	if err := s.namedProject(tx, r, q.ProjectName, "projects", "update"); err != nil {
		return none, err
	}
	if err := s.checkDefaults(tx, q.ProjectName, q.DefaultPolicies); err != nil {
		return none, err
	}
	row, err := projects.Get(tx, q.ProjectName)
	if err != nil {
		return none, err
	}
	for _, d := range q.DefaultPolicies {
		row.DefaultPolicies = slices.DeleteFunc(row.DefaultPolicies,
			func(old *DefaultPolicy) bool { return old.PolicyType == d.PolicyType })
	}
	row.DefaultPolicies = append(row.DefaultPolicies, q.DefaultPolicies...)
	row.DefaultPolicies = slices.DeleteFunc(row.DefaultPolicies,
		func(d *DefaultPolicy) bool { return d.PolicyUUID == "" })
	row.ETag, row.By = row.ETag+1, tx.By
	return none, projects.Put(tx, &row)
}
