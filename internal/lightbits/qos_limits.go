package lightbits

import (
	"encoding/json"
	"math"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// QoSRateLimitPolicy is which projects may use a policy, and at most one limit; without one there is no limit.
type QoSRateLimitPolicy struct {
	ProjectsNamesScope []string           `json:"projectsNamesScope"`
	PolicyVisibility   PolicyVisibility   `json:"policyVisibility"`
	LimitIOPS          *QoSLimitIOPS      `json:"limitIOPS,group=QoSLimit"`
	LimitBw            *QoSLimitBW        `json:"limitBw,group=QoSLimit"`
	LimitIOPSPerGB     *QoSLimitIOPSPerGB `json:"limitIOPSPerGB,group=QoSLimit"`
}

// QoSLimitIOPS is in operations a second, multiples of 256; 0 is unlimited.
type QoSLimitIOPS struct {
	WriteIOPSLimit uint32 `json:"writeIOPSLimit"`
	ReadIOPSLimit  uint32 `json:"readIOPSLimit"`
}

// QoSLimitBW is in MB/s; 0 is unlimited.
type QoSLimitBW struct {
	WriteBWLimit uint32 `json:"writeBWLimit"`
	ReadBWLimit  uint32 `json:"readBWLimit"`
}

// QoSLimitIOPSPerGB is in operations a second for each GB of a volume's size; 0 is unlimited.
type QoSLimitIOPSPerGB struct {
	WriteIOPSPerGBLimit uint32 `json:"writeIOPSPerGBLimit"`
	ReadIOPSPerGBLimit  uint32 `json:"readIOPSPerGBLimit"`
}

// checkLimits checks the scope and the limits of a policy and rounds IOPS limits up, as the product does. It returns
// InvalidArgument, or NotFound for an unknown project.
func (s *Service) checkLimits(tx *store.Tx, q *QoSRateLimitPolicy) error {
	if q.PolicyVisibility == VisibilityScoped && len(q.ProjectsNamesScope) == 0 {
		return refusal.New(refusal.InvalidArgument, "projectsNamesScope is missing: "+
			"with policyVisibility Scoped it lists the projects that may use the policy")
	}
	for _, name := range q.ProjectsNamesScope {
		if _, err := s.project(tx, name); err != nil {
			return err
		}
	}
	if q.LimitIOPS == nil {
		return nil
	}
	for _, limit := range []*uint32{&q.LimitIOPS.WriteIOPSLimit, &q.LimitIOPS.ReadIOPSLimit} {
		if *limit > maxIOPS {
			return refusal.New(refusal.InvalidArgument, "the IOPS limit %d is too large; it must be at most %d", *limit,
				uint32(maxIOPS))
		}
		*limit = (*limit + iopsStep - 1) / iopsStep * iopsStep
	}
	return nil
}

// exclusiveLimits returns InvalidArgument for a request with two limits, which are "mutually exclusive arguments"
// (seeds/002 "Update a policy"). It reads the body, since decoding keeps only the last of them.
func exclusiveLimits(body []byte) error {
	var q struct {
		Limits struct {
			IOPS      json.RawMessage `json:"limitIOPS"`
			BW        json.RawMessage `json:"limitBw"`
			IOPSPerGB json.RawMessage `json:"limitIOPSPerGB"`
		} `json:"qoSRateLimitPolicy"`
	}
	if err := wire.UnmarshalFirst(body, &q); err != nil {
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	given := 0
	for _, limit := range [...]json.RawMessage{q.Limits.IOPS, q.Limits.BW, q.Limits.IOPSPerGB} {
		if len(limit) > 0 {
			given++
		}
	}
	if given > 1 {
		return refusal.New(refusal.InvalidArgument, "mutually exclusive arguments were provided: "+
			"only one of limitIOPS, limitBw and limitIOPSPerGB may be given")
	}
	return nil
}

// IOPS limits are rounded up to multiples of iopsStep (facts/lightbits.md 4.4); maxIOPS is the greatest one.
const (
	iopsStep = 256
	maxIOPS  = math.MaxUint32 / iopsStep * iopsStep
)

// with returns the policy after an update. A limit of the update replaces the limit of the policy, of any kind. The
// visibility "Unavailable" applies only if the update names it (assumption 30).
func (q *QoSRateLimitPolicy) with(given *QoSRateLimitPolicy) *QoSRateLimitPolicy {
	merged := *given
	if q == nil {
		return &merged
	}
	if merged.PolicyVisibility == "" {
		merged.PolicyVisibility = q.PolicyVisibility
	}
	if len(merged.ProjectsNamesScope) == 0 {
		merged.ProjectsNamesScope = q.ProjectsNamesScope
	}
	if merged.LimitIOPS == nil && merged.LimitBw == nil && merged.LimitIOPSPerGB == nil {
		merged.LimitIOPS, merged.LimitBw, merged.LimitIOPSPerGB = q.LimitIOPS, q.LimitBw, q.LimitIOPSPerGB
	}
	return &merged
}
