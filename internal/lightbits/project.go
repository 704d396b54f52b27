package lightbits

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) projectOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListProjects", Method: http.MethodGet, Path: "/api/v2/projects",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("projects", "list"), Endpoint: api.Handle(s.listProjects)},
		{Name: "CreateProject", Method: http.MethodPost, Path: "/api/v2/projects",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("projects", "create"), Endpoint: api.Handle(s.createProject)},
		{Name: "GetProject", Method: http.MethodGet, Path: "/api/v2/projects/{name}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("projects", "get"), Endpoint: api.Handle(s.getProject)},
		{Name: "DeleteProject", Method: http.MethodDelete, Path: "/api/v2/projects/{name}",
			Statuses: []int{200, 400, 401, 403, 404, 412, 500}, Needs: can("projects", "delete"), Endpoint: api.Handle(s.deleteProject)},
		{Name: "UpdateProject", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("projects", "update"), Endpoint: api.Handle(s.updateProject)},
	}
}

// Project is a project as the API answers it.
type Project struct {
	UUID            string           `json:"UUID"`
	Name            string           `json:"name"`
	Description     string           `json:"description"`
	DefaultPolicies []*DefaultPolicy `json:"defaultPolicies"`
}

// DefaultPolicy is the policy of one type that a project's new things get.
type DefaultPolicy struct {
	PolicyType PolicyType `json:"policyType" required:"a default policy without policyType: snapshot or qosRateLimit is expected"`
	PolicyUUID string     `json:"policyUUID"`
}

// PolicyType says what a default policy is about.
type PolicyType string

// The types.
const (
	PolicyTypeUnknown      PolicyType = "unknown"
	PolicyTypeSnapshot     PolicyType = "snapshot"
	PolicyTypeQosRateLimit PolicyType = "qosRateLimit"
)

// EnumNumbers implements wire.Enum.
func (PolicyType) EnumNumbers() map[string]int32 {
	return map[string]int32{"unknown": 0, "snapshot": 1, "qosRateLimit": 2}
}

// Projects that every cluster has (facts/lightbits.md 3.2).
const (
	systemProject  = "system"
	defaultProject = "default"
)

// projectRow is a project with its ETag, which no message shows: a counter of its changes (assumption 24).
type projectRow struct {
	Project
	ETag uint64 `json:"etag"`
	By   string `json:"by,omitempty"` // who changed it last; nobody since the fixture where it is empty
}

var projects = store.NewTable("lightbits.project", func(p *projectRow) string { return p.Name }, store.JSON[projectRow]())

// project answers a project, whose lists are not to be changed, or a refusal NotFound.
func (s *Service) project(tx *store.Tx, name string) (Project, error) {
	row, err := projects.Shared(tx, name)
	if err != nil {
		return Project{}, refusal.New(refusal.NotFound, "project %q does not exist", name)
	}
	return row.Project, nil
}

// projectNames lists the projects of the transaction's cluster in order.
func (s *Service) projectNames(tx *store.Tx) []string {
	var names []string
	for name := range projects.Scan(tx, "", "") {
		names = append(names, name)
	}
	return names
}

// seedProject makes a project with the cluster's default QoS policy, which is to be seeded before it, or does nothing
// where it is there already.
func (s *Service) seedProject(tx *store.Tx, name, description string) error {
	if projects.Has(tx, name) {
		return nil
	}
	_, err := s.insertProject(tx, Project{Name: name, Description: description})
	return err
}

// insertProject stores a new project. Where it has no default QoS policy it gets the cluster's.
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

// defaultQoS answers the UUID of the project's default QoS policy, or "".
func defaultQoS(p *Project) string { return defaultOf(p, PolicyTypeQosRateLimit) }

// defaultOf answers the UUID of the project's default policy of that type, or "".
func defaultOf(p *Project, of PolicyType) string {
	for _, d := range p.DefaultPolicies {
		if d.PolicyType == of {
			return d.PolicyUUID
		}
	}
	return ""
}

type listProjectsRequest struct{}

type listProjectsResponse struct {
	Projects []*Project `json:"projects"`
}

// listProjects: seeds/002 "List projects", in the order of their names. Callers with roles in projects see those.
func (s *Service) listProjects(tx *store.Tx, r *api.Request, _ *listProjectsRequest) (listProjectsResponse, error) {
	var answer listProjectsResponse
	for name, row := range projects.All(tx, "", "") {
		if principal(r).In(name) {
			answer.Projects = append(answer.Projects, &row.Project)
		}
	}
	return answer, nil
}

// projectName is what the vendor's own driver takes for one (facts/lightbits.md 4.19, assumption 25).
var projectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// maxDescription is the length of descriptions in bytes (seeds/002 "Create project").
const maxDescription = 256

func checkDescription(text string) error {
	if len(text) > maxDescription {
		return refusal.New(refusal.InvalidArgument, "the description has %d bytes; at most %d are allowed", len(text), maxDescription)
	}
	return nil
}

type createProjectRequest struct {
	Name            string           `json:"name" required:"the project name is missing"`
	Description     string           `json:"description"`
	DefaultPolicies []*DefaultPolicy `json:"defaultPolicies"`
}

// createProject: seeds/002 "Create project".
func (s *Service) createProject(tx *store.Tx, _ *api.Request, q *createProjectRequest) (Project, error) {
	if !projectName.MatchString(q.Name) {
		return Project{}, refusal.New(refusal.InvalidArgument, "project name %q contains illegal characters: 1 to 63 lower-case "+
			"letters, digits, '-' and '.' are allowed, with a letter or digit at either end", q.Name)
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

// checkDefaults refuses default policies that are not there or cannot be used, and two of one type.
func (s *Service) checkDefaults(tx *store.Tx, project string, defaults []*DefaultPolicy) error {
	seen := map[PolicyType]bool{}
	for _, d := range defaults {
		if d == nil || d.PolicyUUID == "" && d.PolicyType != PolicyTypeSnapshot {
			return refusal.New(refusal.InvalidArgument, "a default policy without policyUUID")
		}
		if seen[d.PolicyType] {
			return refusal.New(refusal.InvalidArgument, "two default policies of type %s; a project has one of each", d.PolicyType)
		}
		seen[d.PolicyType] = true
		switch d.PolicyType {
		case PolicyTypeQosRateLimit:
			row, err := s.policies.Get(tx, d.PolicyUUID)
			if errors.Is(err, store.ErrNotFound) {
				return refusal.New(refusal.InvalidArgument, "QoS policy %q does not exist", d.PolicyUUID)
			}
			if err != nil {
				return err
			}
			if err := usable(&row.Body); err != nil {
				return err
			}
		case PolicyTypeSnapshot:
			if err := s.checkDefaultSchedule(tx, project, d.PolicyUUID); err != nil {
				return err
			}
		default:
			return refusal.New(refusal.InvalidArgument, "a default policy without policyType: %s or %s is expected",
				PolicyTypeSnapshot, PolicyTypeQosRateLimit)
		}
	}
	return nil
}

type projectRequest struct {
	Name string `json:"name"`
}

// getProject: seeds/002 "Get project".
func (s *Service) getProject(tx *store.Tx, r *api.Request, q *projectRequest) (Project, error) {
	if err := s.namedProject(tx, r, q.Name, "projects", "get"); err != nil {
		return Project{}, err
	}
	return s.project(tx, q.Name)
}

// deleteProject: seeds/002 "Delete project". The project's credentials, trusted hosts
// and authorization map entries go with it. Not to be deleted are system and
// default, and a project that has volumes or snapshots (assumption 26).
func (s *Service) deleteProject(tx *store.Tx, r *api.Request, q *projectRequest) (api.Empty, error) {
	var none api.Empty
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
		return none, refusal.New(refusal.InvalidArgument, "project %q is not allowed to be deleted: every cluster has it", q.Name)
	}
	for range s.volumes.Table().Scan(tx, scopedKey(q.Name, ""), "") {
		return none, refusal.New(refusal.InvalidArgument, "project %q is not allowed to be deleted: it has volumes", q.Name)
	}
	for range s.snapshots.Table().Scan(tx, scopedKey(q.Name, ""), "") {
		return none, refusal.New(refusal.InvalidArgument, "project %q is not allowed to be deleted: it has snapshots", q.Name)
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
	if err := s.dropResourcePolicies(tx, row.UUID); err != nil {
		return none, err
	}
	return none, projects.Delete(tx, q.Name)
}

type updateProjectRequest struct {
	ProjectName     string           `json:"projectName"`
	DefaultPolicies []*DefaultPolicy `json:"defaultPolicies" required:"{path} is missing"`
}

// updateProject: seeds/002 "Update Project Default Policy". Defaults of types that are not given stay as they are.
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
		row.DefaultPolicies = slices.DeleteFunc(row.DefaultPolicies, func(old *DefaultPolicy) bool { return old.PolicyType == d.PolicyType })
	}
	row.DefaultPolicies = append(row.DefaultPolicies, q.DefaultPolicies...)
	row.DefaultPolicies = slices.DeleteFunc(row.DefaultPolicies, func(d *DefaultPolicy) bool { return d.PolicyUUID == "" })
	row.ETag, row.By = row.ETag+1, tx.By
	return none, projects.Put(tx, &row)
}
