package lightbits

import (
	"errors"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// DefaultPolicy is the policy of one type that new volumes of a project get.
type DefaultPolicy struct {
	PolicyType PolicyType `json:"policyType" required:"a default policy has no policyType: snapshot or qosRateLimit is expected"`
	PolicyUUID string     `json:"policyUUID"`
}

// PolicyType is the type of a default policy.
type PolicyType string

// The types.
const (
	PolicyTypeUnknown      PolicyType = "unknown"
	PolicyTypeSnapshot     PolicyType = "snapshot"
	PolicyTypeQosRateLimit PolicyType = "qosRateLimit"
)

// EnumNumbers returns the vendor's numbers.
func (PolicyType) EnumNumbers() map[string]int32 {
	return map[string]int32{"unknown": 0, "snapshot": 1, "qosRateLimit": 2}
}

// defaultOf returns the UUID of the project's default policy of that type, or "".
func defaultOf(p *Project, of PolicyType) string {
	for _, d := range p.DefaultPolicies {
		if d.PolicyType == of {
			return d.PolicyUUID
		}
	}
	return ""
}

// checkDefaults returns InvalidArgument for a default policy that does not exist or cannot be used, and for two of one
// type.
func (s *Service) checkDefaults(tx *store.Tx, project string, defaults []*DefaultPolicy) error {
	seen := map[PolicyType]bool{}
	for _, d := range defaults {
		if d == nil || d.PolicyUUID == "" && d.PolicyType != PolicyTypeSnapshot {
			return refusal.New(refusal.InvalidArgument, "a default policy has no policyUUID")
		}
		if seen[d.PolicyType] {
			return refusal.New(refusal.InvalidArgument,
				"two default policies of type %s; a project has one of each type", d.PolicyType)
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
			return refusal.New(refusal.InvalidArgument, "a default policy has no policyType: %s or %s is expected",
				PolicyTypeSnapshot, PolicyTypeQosRateLimit)
		}
	}
	return nil
}
