package lightbits

import (
	"errors"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type listPoliciesRequest struct {
	UUID        string `json:"UUID"`
	Name        string `json:"name"`
	ProjectName string `json:"projectName"`
}

type listPoliciesResponse struct {
	Policies []*Policy `json:"policies"`
}

// listPolicies: seeds/002 "List policies", ordered by UUID. A policy must match all filters. It returns NotFound if
// none does. The policies of a project are those that it may use, and its
// default.
func (s *Service) listPolicies(tx *store.Tx, r *api.Request, q *listPoliciesRequest) (listPoliciesResponse, error) {
	var answer listPoliciesResponse
	var project Project
	if q.ProjectName != "" {
		if err := s.inProject(tx, r, q.ProjectName, "policys", "list"); err != nil {
			return answer, err
		}
		var err error
		if project, err = s.project(tx, q.ProjectName); err != nil {
			return answer, err
		}
	}
	for id, row := range s.policies.Table().All(tx, "", "") {
		if q.UUID != "" && id != q.UUID || q.Name != "" && row.Body.Name != q.Name ||
			q.ProjectName != "" && !row.Body.belongsTo(&project) {
			continue
		}
		if shown, ok := row.Body.shownTo(principal(r)); ok {
			s.policies.Observed(tx, &row)
			answer.Policies = append(answer.Policies, shown)
		}
	}
	if len(answer.Policies) == 0 && *q != (listPoliciesRequest{}) {
		return answer, refusal.New(refusal.NotFound,
			"no policy has UUID %q, name %q and project %q (empty filters match all)", q.UUID, q.Name, q.ProjectName)
	}
	return answer, nil
}

type getPolicyRequest struct {
	UUID        string `json:"UUID"`
	Name        string `json:"name"`
	ProjectName string `json:"projectName"`
}

// getPolicy: seeds/002 "Get policy". With a project it returns NotFound for a policy that is not one of the project's.
func (s *Service) getPolicy(tx *store.Tx, r *api.Request, q *getPolicyRequest) (Policy, error) {
	row, err := s.findPolicy(tx, q.UUID, q.Name)
	if err != nil {
		return Policy{}, err
	}
	if q.ProjectName != "" {
		if err := s.inProject(tx, r, q.ProjectName, "policys", "get"); err != nil {
			return Policy{}, err
		}
		project, err := s.project(tx, q.ProjectName)
		if err != nil {
			return Policy{}, err
		}
		if !row.Body.belongsTo(&project) {
			return Policy{}, noPolicy(q.UUID, q.Name)
		}
	}
	shown, ok := row.Body.shownTo(principal(r))
	if !ok {
		return Policy{}, noPolicy(q.UUID, q.Name)
	}
	s.policies.Observed(tx, &row)
	return *shown, nil
}

type createPolicyRequest struct {
	Name               string              `json:"name" required:"the policy name is missing"`
	Description        string              `json:"description"`
	QoSRateLimitPolicy *QoSRateLimitPolicy `json:"qoSRateLimitPolicy,group=policy"`
}

// createPolicy: seeds/002 "Create a policy". The response is the policy in Creating. A policy without limits is
// unlimited; one without a visibility may be used by no project.
func (s *Service) createPolicy(tx *store.Tx, _ *api.Request, q *createPolicyRequest) (Policy, error) {
	if err := checkName("policy", q.Name); err != nil {
		return Policy{}, err
	}
	if err := checkDescription(q.Description); err != nil {
		return Policy{}, err
	}
	limits := q.QoSRateLimitPolicy
	if limits == nil {
		limits = &QoSRateLimitPolicy{}
	}
	if err := s.checkLimits(tx, limits); err != nil {
		return Policy{}, err
	}
	row, err := s.policies.Create(tx, Policy{
		UUID: tx.NewUUID().String(), Name: q.Name, Description: q.Description, QoSRateLimitPolicy: limits,
	}, statemachine.State(PolicyCreating))
	if errors.Is(err, store.ErrExists) {
		return Policy{}, refusal.New(refusal.AlreadyExists, "policy with name %q already exists", q.Name)
	}
	return row.Body, err
}

type updatePolicyRequest struct {
	UUID               string              `json:"UUID"`
	Name               string              `json:"name"`
	Description        string              `json:"description"`
	QoSRateLimitPolicy *QoSRateLimitPolicy `json:"qoSRateLimitPolicy,group=policy"`
}

// updatePolicy: seeds/002 "Update a policy". Members that are absent stay as they are. New limits take effect at once;
// the policy is Updating for a while. The name selects the policy if there is no UUID; it cannot be changed. Changing
// the limits of the built-in policy is the request of the page that "is not supported": NotFound.
func (s *Service) updatePolicy(tx *store.Tx, r *api.Request, q *updatePolicyRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findPolicy(tx, q.UUID, q.Name)
	if err != nil {
		return none, err
	}
	if q.Description == "" && q.QoSRateLimitPolicy == nil {
		return none, refusal.New(refusal.InvalidArgument,
			"nothing to update: description or qoSRateLimitPolicy must be given")
	}
	if err := checkDescription(q.Description); err != nil {
		return none, err
	}
	if err := exclusiveLimits(r.Body()); err != nil {
		return none, err
	}
	if row.Body.Name == unlimitedPolicy && q.QoSRateLimitPolicy != nil {
		return none, refusal.New(refusal.NotFound,
			"the request is not supported: the limits of the built-in policy %s cannot be changed", unlimitedPolicy)
	}
	if err := s.policies.Refuse("UpdatePolicy", &row); err != nil {
		return none, err
	}
	if q.Description != "" {
		row.Body.Description = q.Description
	}
	if q.QoSRateLimitPolicy != nil {
		merged := row.Body.QoSRateLimitPolicy.with(q.QoSRateLimitPolicy)
		if err := s.checkLimits(tx, merged); err != nil {
			return none, err
		}
		row.Body.QoSRateLimitPolicy = merged
	}
	return none, s.policies.Fire(tx, &row, "update")
}

type deletePolicyRequest struct {
	UUID string `json:"UUID"`
	Name string `json:"name"`
}

// deletePolicy: seeds/002 "Delete policy". It returns InvalidArgument for a policy that is in use and for the built-in
// one (assumption 31).
func (s *Service) deletePolicy(tx *store.Tx, _ *api.Request, q *deletePolicyRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findPolicy(tx, q.UUID, q.Name)
	if err != nil {
		return none, err
	}
	if row.Body.Name == unlimitedPolicy {
		return none, refusal.New(refusal.InvalidArgument, "the built-in policy %s cannot be deleted", unlimitedPolicy)
	}
	if err := s.policies.Refuse("DeletePolicy", &row); err != nil {
		return none, err
	}
	if user := s.policyInUse(tx, row.Body.UUID); user != "" {
		return none, refusal.New(refusal.InvalidArgument, "policy %q is in use by %s and cannot be deleted",
			row.Body.Name, user)
	}
	return none, s.policies.Fire(tx, &row, "delete")
}
