package lightbits

import (
	"slices"

	"storagesim/internal/store"
)

// PolicyVisibility is which projects may use a policy.
type PolicyVisibility string

// The visibilities: no project, those in projectsNamesScope, all.
const (
	VisibilityUnavailable PolicyVisibility = "Unavailable"
	VisibilityScoped      PolicyVisibility = "Scoped"
	VisibilityGlobal      PolicyVisibility = "Global"
)

// EnumNumbers returns the vendor's numbers.
func (PolicyVisibility) EnumNumbers() map[string]int32 {
	return map[string]int32{"Unavailable": 0, "Scoped": 1, "Global": 2}
}

// opensTo reports whether a project may use the policy.
func (p *Policy) opensTo(project string) bool {
	q := p.QoSRateLimitPolicy
	return p.Name == unlimitedPolicy || q != nil && (q.PolicyVisibility == VisibilityGlobal ||
		q.PolicyVisibility == VisibilityScoped && slices.Contains(q.ProjectsNamesScope, project))
}

// shownTo returns the policy as the caller may see it, or false if the caller may not. A caller whose roles are in
// projects sees the policies that one of these may use, without visibility and scope (facts/lightbits.md 4.4,
// assumption 28).
func (p Policy) shownTo(caller *Principal) (*Policy, bool) {
	if caller.System() {
		return &p, true
	}
	if !slices.ContainsFunc(caller.grants, func(g grant) bool { return p.opensTo(g.project) }) {
		return nil, false
	}
	if p.QoSRateLimitPolicy == nil {
		return &p, true
	}
	limits := *p.QoSRateLimitPolicy
	limits.PolicyVisibility, limits.ProjectsNamesScope = VisibilityUnavailable, nil
	p.QoSRateLimitPolicy = &limits
	return &p, true
}

// unscope removes a project that is being deleted from the scopes of all policies, so that a later project of the same
// name does not inherit them.
func (s *Service) unscope(tx *store.Tx, project string) error {
	for _, row := range s.policies.Table().All(tx, "", "") {
		q := row.Body.QoSRateLimitPolicy
		if q == nil || !slices.Contains(q.ProjectsNamesScope, project) {
			continue
		}
		q.ProjectsNamesScope = slices.DeleteFunc(q.ProjectsNamesScope,
			func(name string) bool { return name == project })
		if err := s.policies.Save(tx, &row); err != nil {
			return err
		}
	}
	return nil
}

// belongsTo reports whether a project may use the policy or has it as its default.
func (p *Policy) belongsTo(project *Project) bool {
	return p.opensTo(project.Name) || defaultQoS(project) == p.UUID
}
