package lightbits

import (
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
	model, err := s.resourcePolicies.Get(tx, scopedKey(v.ProjectName, id))
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

// checkDefaultSchedule returns InvalidArgument unless id is an Active resource policy of the project, or "", which
// removes the default (assumption 231).
func (s *Service) checkDefaultSchedule(tx *store.Tx, project, id string) error {
	if id == "" {
		return nil
	}
	row, err := s.findResourcePolicy(tx, project, id)
	if refusal.Is(err, refusal.NotFound) {
		return refusal.New(refusal.InvalidArgument,
			"resource policy %q does not exist in project %q; a project's default snapshot policy is one of its own",
			id, project)
	}
	if err != nil {
		return err
	}
	if row.Body.State != ResourcePolicyActive {
		return refusal.New(refusal.InvalidArgument,
			"resource policy %q is %s; only an Active one can be a default", row.Body.Name, row.Body.State)
	}
	return nil
}
