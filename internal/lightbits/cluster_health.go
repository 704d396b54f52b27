package lightbits

import (
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// ClusterHealth counts volumes by their protection, and inactive nodes.
type ClusterHealth struct {
	State                  HealthState `json:"state"`
	NumDegradedVolumes     uint32      `json:"numDegradedVolumes"`
	NumReadOnlyVolumes     uint32      `json:"numReadOnlyVolumes"`
	NumNotAvailableVolumes uint32      `json:"numNotAvailableVolumes"`
	NumInactiveNodes       uint32      `json:"numInactiveNodes"`
	NumHealthyVolumes      uint32      `json:"numHealthyVolumes"`
}

// HealthState is the health of a cluster or a server (spec enum ClusterHealth.State).
type HealthState string

// The states of health: Warning with inactive or read-only nodes or degraded volumes, Error with volumes that are
// read-only or not available.
const (
	HealthOK      HealthState = "OK"
	HealthWarning HealthState = "Warning"
	HealthError   HealthState = "Error"
)

var healthStateNames = map[string]int32{"None": 0, "OK": 1, "Warning": 2, "Error": 3}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (HealthState) EnumNumbers() map[string]int32 { return healthStateNames }

// clusterHealth computes the health from the nodes and from the number of volumes in each protection group.
func (s *Service) clusterHealth(tx *store.Tx, all map[string]nodeUsage) *ClusterHealth {
	h := &ClusterHealth{State: HealthOK}
	full := 0
	for _, u := range all {
		switch {
		case !u.Attached:
		case !u.Serving:
			h.NumInactiveNodes++
		case u.full():
			full++
		}
	}
	for _, g := range groupTable.All(tx, "", "") {
		switch nodes := g.members(all); physics.ProtectionOf(len(nodes), upOf(nodes)) {
		case physics.FullyProtected:
			h.NumHealthyVolumes += uint32(g.Volumes)
		case physics.Degraded:
			h.NumDegradedVolumes += uint32(g.Volumes)
		case physics.ReadOnly:
			h.NumReadOnlyVolumes += uint32(g.Volumes)
		case physics.NotAvailable:
			h.NumNotAvailableVolumes += uint32(g.Volumes)
		case physics.NoProtection:
		}
	}
	switch {
	case h.NumReadOnlyVolumes+h.NumNotAvailableVolumes > 0:
		h.State = HealthError
	case h.NumInactiveNodes+h.NumDegradedVolumes > 0, full > 0:
		h.State = HealthWarning
	}
	return h
}
