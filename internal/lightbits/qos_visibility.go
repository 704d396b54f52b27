package lightbits

import (
	"slices"

	"storagesim/internal/store"
)

// PolicyVisibility says which projects may use a policy.
type PolicyVisibility string

// The visibilities: no project, those in projectsNamesScope, all.
const (
	VisibilityUnavailable PolicyVisibility = "Unavailable"
	VisibilityScoped      PolicyVisibility = "Scoped"
	VisibilityGlobal      PolicyVisibility = "Global"
)

// EnumNumbers implements wire.Enum.
func (PolicyVisibility) EnumNumbers() map[string]int32 {
	return map[string]int32{"Unavailable": 0, "Scoped": 1, "Global": 2}
}

// opensTo says whether a project may use the policy.
func (p *Policy) opensTo(project string) bool {
	q := p.QoSRateLimitPolicy
	return q != nil && (q.PolicyVisibility == VisibilityGlobal ||
		q.PolicyVisibility == VisibilityScoped && slices.Contains(q.ProjectsNamesScope, project))
}

// shownTo answers the policy as the caller may see it, or false. Callers with roles in projects do not see what none of
// these may use, nor the visibility and scope of what they see (facts/lightbits.md 4.4, assumption 28).
func (p Policy) shownTo(caller *Principal) (*Policy, bool) {
	if caller.System() {
		return &p, true
	}
	if !slices.ContainsFunc(caller.grants, func(g grant) bool { return p.opensTo(g.project) }) {
		return nil, false
	}
	limits := *p.QoSRateLimitPolicy
	limits.PolicyVisibility, limits.ProjectsNamesScope = VisibilityUnavailable, nil
	p.QoSRateLimitPolicy = &limits
	return &p, true
}

// unscope takes a project that is going away out of the scopes of all policies, so that a later one of the same name
// does not inherit them.
func (s *Service) unscope(tx *store.Tx, project string) error {
	for _, row := range s.policies.Table().All(tx, "", "") {
		q := row.Body.QoSRateLimitPolicy
		if q == nil || !slices.Contains(q.ProjectsNamesScope, project) {
			continue
		}
		q.ProjectsNamesScope = slices.DeleteFunc(q.ProjectsNamesScope, func(name string) bool { return name == project })
		if err := s.policies.Save(tx, &row); err != nil {
			return err
		}
	}
	return nil
}

// belongsTo says whether a project may use the policy or has it as its default.
func (p *Policy) belongsTo(project *Project) bool {
	return p.opensTo(project.Name) || defaultQoS(project) == p.UUID
}
