package lightbits

import (
	"crypto/subtle"
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) inBandAuthOperations() []api.Operation {
	return []api.Operation{
		{Name: "DisableClusterInBandAuth", Method: http.MethodPost, Path: "/api/v2/cluster/inBandAuth/disable",
			Statuses: []int{200, 401, 403}, Needs: can("inBandAuths", "disable"),
			Endpoint: api.Handle(s.disableClusterInBandAuth)},
		{Name: "EnableClusterInBandAuth", Method: http.MethodPost, Path: "/api/v2/cluster/inBandAuth/enable",
			Statuses: []int{200, 401, 403}, Needs: can("inBandAuths", "enable"),
			Endpoint: api.Handle(s.enableClusterInBandAuth)},
	}
}

// InBandAuthMode is whether hosts must authenticate (spec enum ClusterInfo.AuthenticationMode).
type InBandAuthMode string

// The modes.
const (
	InBandAuthEnabled  InBandAuthMode = "Enabled"
	InBandAuthDisabled InBandAuthMode = "Disabled"
)

var inBandAuthModeNames = map[string]int32{"UnKnown": 0, "Enabled": 2, "Disabled": 3}

// EnumNumbers implements wire.Enum with the numbers and the spelling of the vendor's definition.
func (InBandAuthMode) EnumNumbers() map[string]int32 { return inBandAuthModeNames }

func (c *clusterRow) inBandAuthMode() InBandAuthMode {
	if c.InBandAuth {
		return InBandAuthEnabled
	}
	return InBandAuthDisabled
}

func inBandSwitch(c *clusterRow) *bool { return &c.InBandAuth }

// defaultSubsystem is the only valid subsystemNqnName.
const defaultSubsystem = "DefaultSubSystem"

type inBandAuthRequest struct {
	SubsystemNqnName string `json:"subsystemNqnName"`
}

func (q *inBandAuthRequest) check() error {
	if q.SubsystemNqnName != "" && q.SubsystemNqnName != defaultSubsystem {
		return refusal.New(refusal.InvalidArgument, "subsystemNqnName %q is not supported; only %s is",
			q.SubsystemNqnName, defaultSubsystem)
	}
	return nil
}

// inBandAllowed refuses with InvalidArgument while the feature flag is off (assumption 208).
func (s *Service) inBandAllowed(tx *store.Tx) error {
	if s.flagEnabled(tx, flagInBandAuth) {
		return nil
	}
	return refusal.New(refusal.InvalidArgument, "the feature flag %s is off; enable it first", flagInBandAuth)
}

// enableClusterInBandAuth: seeds/002 "Enable In-Band cluster authentication". Connected hosts stay connected
// (assumption 209).
func (s *Service) enableClusterInBandAuth(tx *store.Tx, _ *api.Request, q *inBandAuthRequest) (api.Empty, error) {
	if err := q.check(); err != nil {
		return api.Empty{}, err
	}
	if err := s.inBandAllowed(tx); err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, s.switchCluster(tx, inBandSwitch, true)
}

// disableClusterInBandAuth: seeds/002 "Disable In-Band cluster authentication".
func (s *Service) disableClusterInBandAuth(tx *store.Tx, _ *api.Request, q *inBandAuthRequest) (api.Empty, error) {
	if err := q.check(); err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, s.switchCluster(tx, inBandSwitch, false)
}

func sameSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// inBandAuthenticated checks the secrets of a connection in both directions: the cluster accepts only a trusted host of
// the volume's project with the right host secret, and a host with a target secret accepts only a cluster with the same
// one. Nothing is checked while in-band authentication is disabled. The refusals contain no secrets.
func (s *Service) inBandAuthenticated(tx *store.Tx, v *Volume, p *hostParams) error {
	c, err := s.cluster(tx)
	if err != nil || !c.InBandAuth {
		return err
	}
	denied := func(format string, args ...any) error { return refusal.New(refusal.PermissionDenied, format, args...) }
	for _, h := range trustedHosts.By(tx, byNQN, scopedKey(v.ProjectName, p.HostNQN)) {
		switch {
		case h.AuthRequired == "false":
			return nil
		case h.Secrets.Host == "":
			return denied("trusted host %s has no hostSecret; in-band authentication needs one", h.Name)
		case p.HostSecret == "":
			return denied("in-band authentication is enabled, but host %s sent no hostSecret", p.HostNQN)
		case !sameSecret(h.Secrets.Host, p.HostSecret):
			return denied("in-band authentication failed: the hostSecret is not the one of trusted host %s", h.Name)
		case p.TargetSecret != "" && !sameSecret(h.Secrets.Target, p.TargetSecret):
			return denied(
				"the host does not trust the cluster: its targetSecret is not the one of trusted host %s, which is %s",
				h.Name, h.Secrets.TargetType)
		}
		return nil
	}
	return denied("in-band authentication is enabled and project %s has no trusted host with the NQN %s", v.ProjectName,
		p.HostNQN)
}
