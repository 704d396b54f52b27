package lightbits

import (
	"errors"
	"fmt"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// followDefaultPolicy gives a new volume a copy of the project's default resource policy, if there is one, with its
// schedule and retention time (assumption 231).
func (s *Service) followDefaultPolicy(tx *store.Tx, v *Volume) error {
	row, err := projects.Shared(tx, v.ProjectName)
	if err != nil {
		return err
	}
	id := defaultOf(&row.Project, PolicyTypeSnapshot)
	if id == "" {
		return nil
	}
	model, err := s.resourcePolicies.Find(tx, id)
	if err != nil {
		return ignoreNotFound(err)
	}
	name := model.Body.Name
	name = fmt.Sprintf("%s-%s", name[:min(len(name), maxResourcePolicyName-len(v.UUID)-1)], v.UUID)
	_, err = s.insertResourcePolicy(tx, ResourcePolicy{
		Name: name, ResourceUUID: v.UUID, ResourceName: v.Name, ProjectName: v.ProjectName,
		SchedulePolicy: model.Body.SchedulePolicy.clone(), Description: model.Body.Description,
	})
	return err
}

// checkDefaultSchedule returns InvalidArgument unless id is an Active resource policy of the project, or of another
// project and without a resource, or "", which removes the default (assumption 231).
func (s *Service) checkDefaultSchedule(tx *store.Tx, project, id string) error {
	if id == "" {
		return nil
	}
	row, err := s.resourcePolicies.Find(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return refusal.New(refusal.InvalidArgument, "resource policy %q does not exist", id)
	}
	if err != nil {
		return err
	}
	if row.Body.ProjectName != project && !s.unbound(tx, &row.Body) {
		return refusal.New(refusal.InvalidArgument, "resource policy %q is for a volume of project %q; a project's "+
			"default snapshot policy is one of its own, or one without a resource", row.Body.Name, row.Body.ProjectName)
	}
	if row.Body.State != ResourcePolicyActive {
		return refusal.New(refusal.InvalidArgument,
			"resource policy %q is %s; only an Active one can be a default", row.Body.Name, row.Body.State)
	}
	return nil
}
