package lightbits

import (
	"errors"
	"iter"
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) resourcePolicyOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListResourcePolicies", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/resourcePolicies",
			Statuses: []int{200, 400, 404, 500}, Needs: can("resourcePolicys",
				"list"), Endpoint: api.Handle(s.listResourcePolicies)},
		{Name: "CreateResourcePolicy", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/resourcePolicies",
			Statuses: []int{200, 400, 404, 409, 500}, Needs: can("resourcePolicys",
				"create"), Endpoint: api.Handle(s.createResourcePolicy)},
		{Name: "GetResourcePolicy", Method: http.MethodGet,
			Path:     "/api/v2/projects/{projectName}/resourcePolicies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("resourcePolicys",
				"get"), Endpoint: api.Handle(s.getResourcePolicy)},
		{Name: "DeleteResourcePolicy", Method: http.MethodDelete,
			Path:     "/api/v2/projects/{projectName}/resourcePolicies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("resourcePolicys",
				"delete"), Endpoint: api.Handle(s.deleteResourcePolicy)},
		{Name: "UpdateResourcePolicy", Method: http.MethodPut,
			Path:     "/api/v2/projects/{projectName}/resourcePolicies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("resourcePolicys",
				"update"), Endpoint: api.Handle(s.updateResourcePolicy)},
	}
}

// ResourcePolicy is a snapshot schedule as the API returns it (facts/lightbits.md 4.5). Its resource is a volume.
// Without a resource it creates no snapshots, but it can be a project's default: then each new volume gets a copy of it
// (assumption 231).
type ResourcePolicy struct {
	UUID           string              `json:"UUID"`
	Name           string              `json:"name"`
	ResourceUUID   string              `json:"resourceUUID"`
	ResourceName   string              `json:"resourceName"`
	ProjectName    string              `json:"projectName"`
	SchedulePolicy *SchedulePolicy     `json:"schedulePolicy"`
	Description    string              `json:"description"`
	State          ResourcePolicyState `json:"state"`
}

// Indexes of resource policies.
const (
	resourcePoliciesByName     = "name"     // project, name: unique
	resourcePoliciesByResource = "resource" // resourceUUID
)

func resourcePolicyKey(p *ResourcePolicy) string { return scopedKey(p.ProjectName, p.UUID) }

// unbound reports whether the policy has no volume. Earlier versions of the simulator stored the project as the
// resource of such a policy.
func (s *Service) unbound(tx *store.Tx, p *ResourcePolicy) bool {
	if p.ResourceUUID == "" {
		return true
	}
	project, err := s.project(tx, p.ProjectName)
	return err == nil && project.UUID == p.ResourceUUID
}

// findResourcePolicy returns the policy of that UUID. It returns NotFound, or InvalidArgument for an empty UUID.
func (s *Service) findResourcePolicy(tx *store.Tx, project, id string) (statemachine.Row[ResourcePolicy], error) {
	if id == "" {
		return statemachine.Row[ResourcePolicy]{},
			refusal.New(refusal.InvalidArgument, "the UUID of the resource policy is missing")
	}
	row, err := s.resourcePolicies.Get(tx, scopedKey(project, id))
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "resource policy %s was not found in project %s", id, project)
	}
	return row, err
}

// dropResourcePolicies removes the policies of a volume that was deleted.
func (s *Service) dropResourcePolicies(tx *store.Tx, volumeUUID string) error {
	return s.removeResourcePolicies(tx, s.resourcePolicies.Table().By(tx, resourcePoliciesByResource, volumeUUID))
}

// dropResourcePoliciesOf removes the policies of a project that is being deleted.
func (s *Service) dropResourcePoliciesOf(tx *store.Tx, project string) error {
	return s.removeResourcePolicies(tx, s.resourcePolicies.Table().All(tx, scopedKey(project, ""), ""))
}

func (s *Service) removeResourcePolicies(tx *store.Tx, rows iter.Seq2[string, statemachine.Row[ResourcePolicy]]) error {
	var lost []statemachine.Row[ResourcePolicy]
	for _, row := range rows {
		lost = append(lost, row)
	}
	for i := range lost {
		if err := s.resourcePolicies.Remove(tx, &lost[i]); err != nil {
			return err
		}
	}
	return nil
}
