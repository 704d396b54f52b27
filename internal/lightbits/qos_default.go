package lightbits

import (
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// defaultQoS returns the UUID of the project's default QoS policy, or "".
func defaultQoS(p *Project) string { return defaultOf(p, PolicyTypeQosRateLimit) }

// effectivePolicy returns the policy that a volume of the project gets. That is the policy of the given UUID or name,
// which the project must be allowed to use, whoever the caller is (assumption 29). Without one it is the project's
// default, else the cluster's, else the unlimited policy; a default that is Deprecated or Failed is skipped (assumption
// 237). The error is InvalidArgument, since the page of CreateVolume has no 404.
func (s *Service) effectivePolicy(tx *store.Tx, project, uuid, name string) (Policy, error) {
	if uuid != "" || name != "" {
		row, err := s.findPolicy(tx, uuid, name)
		if refusal.Is(err, refusal.NotFound) || err == nil && !row.Body.opensTo(project) {
			return Policy{}, refusal.New(refusal.InvalidArgument,
				"project %q has no QoS policy %q that it may use", project, uuid+name)
		}
		if err == nil {
			err = usable(&row.Body)
		}
		return row.Body, err
	}
	p, err := s.project(tx, project)
	if err != nil {
		return Policy{}, err
	}
	if uuid = defaultQoS(&p); uuid != "" {
		row, err := s.policies.Get(tx, uuid)
		if err != nil || usable(&row.Body) == nil {
			return row.Body, err
		}
	}
	return s.clusterDefaultQoS(tx)
}

// clusterDefaultQoS returns the policy that DefaultQoSName names, or the unlimited one if that cannot be used.
func (s *Service) clusterDefaultQoS(tx *store.Tx) (Policy, error) {
	for _, name := range []string{s.configText(tx, configDefaultQoS), unlimitedPolicy} {
		for key := range s.policies.Table().KeysBy(tx, policiesByName, name) {
			row, err := s.policies.Table().Shared(tx, key)
			if err != nil {
				return Policy{}, err
			}
			if name == unlimitedPolicy || usable(&row.Body) == nil {
				return row.Body, nil
			}
		}
	}
	return Policy{}, store.ErrNotFound
}

// usable returns InvalidArgument for a policy that is neither Active nor Updating.
func usable(p *Policy) error {
	if p.State == PolicyActive || p.State == PolicyUpdating {
		return nil
	}
	return refusal.New(refusal.InvalidArgument, "policy %q is %s; only an Active policy can be used", p.Name, p.State)
}
