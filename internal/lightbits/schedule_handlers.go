package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type createResourcePolicyRequest struct {
	Name           string          `json:"name" required:"the resource policy name is missing"`
	ResourceUUID   string          `json:"resourceUUID"`
	ResourceName   string          `json:"resourceName"`
	ProjectName    string          `json:"projectName"`
	SchedulePolicy *SchedulePolicy `json:"schedulePolicy" required:"the mandatory argument {path} is missing"`
	Description    string          `json:"description"`
}

// createResourcePolicy: seeds/002 "Create a resource policy". The response is the policy in Creating.
func (s *Service) createResourcePolicy(tx *store.Tx, r *api.Request, q *createResourcePolicyRequest) (ResourcePolicy,
	error) {
	var none ResourcePolicy
	if err := s.inProject(tx, r, q.ProjectName, "resourcePolicys", "create"); err != nil {
		return none, err
	}
	if err := checkName("resource policy", q.Name); err != nil {
		return none, err
	}
	if len(q.Name) > maxResourcePolicyName {
		return none, refusal.New(refusal.InvalidArgument,
			"the resource policy name has %d bytes; at most %d are allowed", len(q.Name), maxResourcePolicyName)
	}
	if err := checkDescription(q.Description); err != nil {
		return none, err
	}
	if err := q.SchedulePolicy.check(tx); err != nil {
		return none, err
	}
	if err := q.SchedulePolicy.SnapshotSchedulePolicy.checkDue(tx.Now); err != nil {
		return none, err
	}
	for range s.resourcePolicies.Table().KeysBy(tx, resourcePoliciesByName, scopedKey(q.ProjectName, q.Name)) {
		return none, refusal.New(refusal.AlreadyExists,
			"a resource policy with the name %q already exists in project %s", q.Name, q.ProjectName)
	}
	id, name, err := s.resource(tx, q)
	if err != nil {
		return none, err
	}
	return s.insertResourcePolicy(tx, ResourcePolicy{
		Name: q.Name, ResourceUUID: id, ResourceName: name, ProjectName: q.ProjectName,
		SchedulePolicy: q.SchedulePolicy, Description: q.Description,
	})
}

func (s *Service) insertResourcePolicy(tx *store.Tx, p ResourcePolicy) (ResourcePolicy, error) {
	p.UUID = tx.NewUUID().String()
	row, err := s.resourcePolicies.Create(tx, p, statemachine.State(ResourcePolicyCreating))
	return row.Body, err
}

// maxPoliciesOfResource is the maximum number of schedules of one volume (assumption 233).
const maxPoliciesOfResource = 16

// resource finds the resource of the policy: a volume of the project. The name counts only without a UUID. The
// definition requires neither; a policy without them is for a project's default (assumption 231).
func (s *Service) resource(tx *store.Tx, q *createResourcePolicyRequest) (id, name string, err error) {
	if q.ResourceUUID == "" && q.ResourceName == "" {
		return "", "", nil
	}
	row, err := s.findVolume(tx, q.ProjectName, volumeRef{UUID: q.ResourceUUID, Name: q.ResourceName})
	if err != nil {
		return "", "", err
	}
	if !holdsName(row.Life.State) {
		return "", "", refusal.New(refusal.InvalidArgument,
			"volume %s is %s and cannot have a resource policy", row.Body.Name, row.Body.State)
	}
	id, name = row.Body.UUID, row.Body.Name
	n := 0
	for range s.resourcePolicies.Table().KeysBy(tx, resourcePoliciesByResource, id) {
		n++
	}
	if n >= maxPoliciesOfResource {
		return "", "", refusal.New(refusal.InvalidArgument, "%s has %d resource policies; more are not allowed", name,
			n)
	}
	return id, name, nil
}

type resourcePolicyRequest struct {
	UUID        string `json:"UUID"`
	ProjectName string `json:"projectName"`
}

// getResourcePolicy: seeds/002 "Get resource policy".
func (s *Service) getResourcePolicy(tx *store.Tx, r *api.Request, q *resourcePolicyRequest) (ResourcePolicy, error) {
	if err := s.inProject(tx, r, q.ProjectName, "resourcePolicys", "get"); err != nil {
		return ResourcePolicy{}, err
	}
	row, err := s.findResourcePolicy(tx, q.ProjectName, q.UUID)
	if err != nil {
		return ResourcePolicy{}, err
	}
	return *s.shownResourcePolicy(tx, &row), nil
}

// shownResourcePolicy returns the policy with the current name of its volume, and marks it as observed.
func (s *Service) shownResourcePolicy(tx *store.Tx, row *statemachine.Row[ResourcePolicy]) *ResourcePolicy {
	s.resourcePolicies.Observed(tx, row)
	if volume, err := s.volumes.Get(tx, scopedKey(row.Body.ProjectName, row.Body.ResourceUUID)); err == nil {
		row.Body.ResourceName = volume.Body.Name
	}
	return &row.Body
}

type listResourcePoliciesRequest struct {
	UUID        string `json:"UUID"`
	ProjectName string `json:"projectName"`
	VolumeUUID  string `json:"volumeUUID"`
}

type listResourcePoliciesResponse struct {
	ResourcePolicies        []*ResourcePolicy `json:"resourcePolicies"`
	DefaultResourcePolicies []*DefaultPolicy  `json:"defaultResourcePolicies"`
}

// listResourcePolicies: seeds/002 "List resource policies", ordered by UUID, with the project's default policy beside
// them. It returns NotFound for an unknown policy or volume. The filter volumeUUID omits the default, which no volume
// has.
func (s *Service) listResourcePolicies(tx *store.Tx, r *api.Request,
	q *listResourcePoliciesRequest) (listResourcePoliciesResponse, error) {
	var answer listResourcePoliciesResponse
	if err := s.namedProject(tx, r, q.ProjectName, "resourcePolicys", "list"); err != nil {
		return answer, err
	}
	if q.UUID != "" {
		if _, err := s.findResourcePolicy(tx, q.ProjectName, q.UUID); err != nil {
			return answer, err
		}
	}
	if q.VolumeUUID != "" {
		if _, err := s.findVolume(tx, q.ProjectName, volumeRef{UUID: q.VolumeUUID}); err != nil {
			return answer, err
		}
	}
	project, err := s.project(tx, q.ProjectName)
	if err != nil {
		return answer, err
	}
	for _, row := range s.resourcePolicies.Table().All(tx, scopedKey(q.ProjectName, ""), "") {
		if q.UUID != "" && row.Body.UUID != q.UUID || q.VolumeUUID != "" && row.Body.ResourceUUID != q.VolumeUUID {
			continue
		}
		answer.ResourcePolicies = append(answer.ResourcePolicies, s.shownResourcePolicy(tx, &row))
	}
	if id := defaultOf(&project, PolicyTypeSnapshot); id != "" && q.VolumeUUID == "" && (q.UUID == "" || q.UUID == id) {
		answer.DefaultResourcePolicies = []*DefaultPolicy{{PolicyType: PolicyTypeSnapshot, PolicyUUID: id}}
	}
	return answer, nil
}

type updateResourcePolicyRequest struct {
	UUID           string          `json:"UUID"`
	ProjectName    string          `json:"projectName"`
	SchedulePolicy *SchedulePolicy `json:"schedulePolicy"`
	Description    string          `json:"description"`
}

// updateResourcePolicy: seeds/002 "Update a resource policy". Members that are absent stay as they are; a retention
// time of "0s" removes it (assumption 234). Existing snapshots keep their retention time.
func (s *Service) updateResourcePolicy(tx *store.Tx, r *api.Request, q *updateResourcePolicyRequest) (api.Empty,
	error) {
	var none api.Empty
	if err := s.inProject(tx, r, q.ProjectName, "resourcePolicys", "update"); err != nil {
		return none, err
	}
	row, err := s.findResourcePolicy(tx, q.ProjectName, q.UUID)
	if err != nil {
		return none, err
	}
	given := q.SchedulePolicy
	if given == nil {
		given = &SchedulePolicy{}
	}
	if given.SnapshotSchedulePolicy == nil && given.RetentionTime == nil && q.Description == "" {
		return none, refusal.New(refusal.InvalidArgument,
			"nothing to update: retentionTime, schedulePolicy or description must be given")
	}
	if err := checkDescription(q.Description); err != nil {
		return none, err
	}
	if err := s.resourcePolicies.Refuse("UpdateResourcePolicy", &row); err != nil {
		return none, err
	}
	if given.SnapshotSchedulePolicy != nil {
		if err := given.SnapshotSchedulePolicy.check(tx.Now); err != nil {
			return none, err
		}
		if err := given.SnapshotSchedulePolicy.checkDue(tx.Now); err != nil {
			return none, err
		}
		row.Body.SchedulePolicy.SnapshotSchedulePolicy = given.SnapshotSchedulePolicy
	}
	if given.RetentionTime != nil {
		if err := given.checkRetention(); err != nil {
			return none, err
		}
		row.Body.SchedulePolicy.RetentionTime = given.RetentionTime
	}
	if q.Description != "" {
		row.Body.Description = q.Description
	}
	return none, s.resourcePolicies.Fire(tx, &row, "update")
}

// deleteResourcePolicy: seeds/002 "Delete resource policy". The snapshots that it created stay. It returns
// InvalidArgument for the default policy of a project (assumption 231).
func (s *Service) deleteResourcePolicy(tx *store.Tx, r *api.Request, q *resourcePolicyRequest) (api.Empty, error) {
	var none api.Empty
	if err := s.inProject(tx, r, q.ProjectName, "resourcePolicys", "delete"); err != nil {
		return none, err
	}
	row, err := s.findResourcePolicy(tx, q.ProjectName, q.UUID)
	if err != nil {
		return none, err
	}
	if err := s.resourcePolicies.Refuse("DeleteResourcePolicy", &row); err != nil {
		return none, err
	}
	for name, project := range projects.All(tx, "", "") {
		if defaultOf(&project.Project, PolicyTypeSnapshot) == row.Body.UUID {
			return none, refusal.New(refusal.InvalidArgument,
				"resource policy %q is the default of project %q and cannot be deleted", row.Body.Name, name)
		}
	}
	return none, s.resourcePolicies.Fire(tx, &row, "delete")
}

// maxResourcePolicyName is in bytes. The names of snapshots and copies, which are this name with a suffix, fit into
// theirs.
const maxResourcePolicyName = 200
