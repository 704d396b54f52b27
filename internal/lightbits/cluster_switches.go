package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) authenticationOperations() []api.Operation {
	return []api.Operation{
		{Name: "DisableFederatedAuthentication", Method: http.MethodPost, Path: "/api/v2/cluster/federatedAuthentication/disable",
			Statuses: []int{200, 401, 403}, Needs: can("authentications", "disable"), Endpoint: api.Handle(s.disableFederatedAuthentication)},
		{Name: "EnableFederatedAuthentication", Method: http.MethodPost, Path: "/api/v2/cluster/federatedAuthentication/enable",
			Statuses: []int{200, 401, 403}, Needs: can("authentications", "enable"), Endpoint: api.Handle(s.enableFederatedAuthentication)},
		{Name: "DisableClusterInBandAuth", Method: http.MethodPost, Path: "/api/v2/cluster/inBandAuth/disable",
			Statuses: []int{200, 401, 403}, Needs: can("inBandAuths", "disable"), Endpoint: api.Handle(s.disableClusterInBandAuth)},
		{Name: "EnableClusterInBandAuth", Method: http.MethodPost, Path: "/api/v2/cluster/inBandAuth/enable",
			Statuses: []int{200, 401, 403}, Needs: can("inBandAuths", "enable"), Endpoint: api.Handle(s.enableClusterInBandAuth)},
	}
}

// switchCluster sets one of the cluster's switches; its ETag moves only if that changes anything.
func (s *Service) switchCluster(tx *store.Tx, which func(*clusterRow) *bool, on bool) error {
	c, err := s.cluster(tx)
	if err != nil || *which(&c) == on {
		return err
	}
	*which(&c) = on
	c.Changes++
	return clusterTable.Put(tx, &c)
}

func federatedSwitch(c *clusterRow) *bool { return &c.Federated }

func inBandSwitch(c *clusterRow) *bool { return &c.InBandAuth }

// enableFederatedAuthentication: seeds/002 "Enable Federated Authentication". It can come before or after the
// configurations, since its page has no refusal for either (assumption 205).
func (s *Service) enableFederatedAuthentication(tx *store.Tx, _ *api.Request, _ *api.Empty) (api.Empty, error) {
	return api.Empty{}, s.switchCluster(tx, federatedSwitch, true)
}

// disableFederatedAuthentication: seeds/002 "Disable Federated Authentication". The configurations stay.
func (s *Service) disableFederatedAuthentication(tx *store.Tx, _ *api.Request, _ *api.Empty) (api.Empty, error) {
	return api.Empty{}, s.switchCluster(tx, federatedSwitch, false)
}

// defaultSubsystem is the only subsystem that in-band authentication can be named for.
const defaultSubsystem = "DefaultSubSystem"

type inBandAuthRequest struct {
	SubsystemNqnName string `json:"subsystemNqnName"`
}

func (q *inBandAuthRequest) check() error {
	if q.SubsystemNqnName != "" && q.SubsystemNqnName != defaultSubsystem {
		return refusal.New(refusal.InvalidArgument, "subsystemNqnName %q is not supported; only %s is", q.SubsystemNqnName, defaultSubsystem)
	}
	return nil
}

// inBandAllowed refuses with InvalidArgument while the feature flag is off: turning it on is the first step
// (assumption 208).
func (s *Service) inBandAllowed(tx *store.Tx) error {
	if s.flagEnabled(tx, flagInBandAuth) {
		return nil
	}
	return refusal.New(refusal.InvalidArgument, "the feature flag %s is off; enable it first", flagInBandAuth)
}

// enableClusterInBandAuth: seeds/002 "Enable In-Band cluster authentication". Hosts that are connected stay so
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
