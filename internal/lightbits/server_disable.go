package lightbits

import (
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

type disableServerRequest struct {
	serverRef
	ForceDisable            bool           `json:"ForceDisable"`
	EvictData               bool           `json:"evictData"`
	PermanentFailureTimeout *wire.Duration `json:"permanentFailureTimeout"`
}

// Limits of DisableServer: how many servers an eviction needs, and the minimum permanentFailureTimeout
// (facts/lightbits.md 4.7).
const (
	evictionServers     = 4
	minPermanentFailure = time.Hour
)

// disableServer: seeds/002 "Disable server", which is refused if it "can lead to risk of service loss state". With
// evictData its replicas are moved away first, while it continues to serve.
func (s *Service) disableServer(tx *store.Tx, _ *api.Request, q *disableServerRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findServer(tx, q.serverRef)
	if err != nil {
		return none, err
	}
	v := &row.Body
	second := opDisableServer
	if q.EvictData {
		second = opEvictServer
	}
	if err := s.mayStart(tx, second, v.UUID); err != nil {
		return none, err
	}
	if err := s.servers.Refuse("DisableServer", &row); err != nil {
		return none, err
	}
	if t := q.PermanentFailureTimeout; t != nil {
		if d := time.Duration(*t); d != 0 && d < minPermanentFailure {
			return none, refusal.New(refusal.InvalidArgument,
				"permanentFailureTimeout %s is invalid: at least %s is expected, or 0s for never", d,
				minPermanentFailure)
		}
		v.ServerPermanenetFailureTimeout = *t
		if err := s.setOptions(tx, v.UUID, func(p *serverOptions) { p.Never = *t == 0 }); err != nil {
			return none, err
		}
	}
	if q.EvictData {
		if err := s.mayEvict(tx, v, q.ForceDisable); err != nil {
			return none, err
		}
		if err := s.evict(tx, v); err != nil {
			return none, err
		}
		return none, s.servers.Fire(tx, &row, "disable")
	}
	if exposed := s.volumesAtRisk(tx, v.NodesUUIDs); exposed > 0 && !q.ForceDisable {
		return none, refusal.New(refusal.InvalidArgument,
			"disabling server %s leads to a risk of service loss: %d volumes would stop taking reads or writes, "+
				"at once or with the loss of one more server; ForceDisable overrides this", v.Name, exposed).
			Because(AtRisk{Server: v.UUID, Volumes: exposed, Member: "ForceDisable"})
	}
	return none, s.servers.Fire(tx, &row, "disable")
}

// mayEvict checks the preconditions of an eviction (facts/lightbits.md 4.7 "evict").
func (s *Service) mayEvict(tx *store.Tx, v *Server, forced bool) error {
	if !s.flagEnabled(tx, flagEvictData) {
		return refusal.New(refusal.InvalidArgument, "evictData needs the feature flag %s, which is off", flagEvictData)
	}
	servers := 0
	for range s.servers.Table().All(tx, "", "") {
		servers++
	}
	if servers < evictionServers {
		return refusal.New(refusal.InvalidArgument, "evictData needs a cluster of at least %d servers, this one has %d",
			evictionServers, servers)
	}
	if single := s.singleReplicas(tx, v); single > 0 && !forced {
		return refusal.New(refusal.InvalidArgument,
			"server %s holds %d volumes or snapshots with a single replica; ForceDisable evicts them too", v.Name,
			single)
	}
	return nil
}
