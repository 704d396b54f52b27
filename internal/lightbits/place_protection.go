package lightbits

import (
	"slices"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// ProtectionState is how well a volume is protected (spec enum ProtectionStateEnum).
type ProtectionState string

// The states of protection (facts/lightbits.md 4.1). A volume that is being created is Unknown.
const (
	ProtectionUnknown        ProtectionState = "Unknown"
	ProtectionFullyProtected ProtectionState = "FullyProtected"
	ProtectionDegraded       ProtectionState = "Degraded"
	ProtectionReadOnly       ProtectionState = "ReadOnly"
	ProtectionNotAvailable   ProtectionState = "NotAvailable"
)

var protectionStateNames = map[string]int32{"Unknown": 0, "FullyProtected": 1, "Degraded": 2, "ReadOnly": 3, "NotAvailable": 4}

// EnumNumbers returns the vendor's numbers.
func (ProtectionState) EnumNumbers() map[string]int32 { return protectionStateNames }

// protect sets the protection state and the rebuild progress of a volume from the states of its nodes (facts/lightbits.md
// 4.1). A node that has recovered counts again once its replicas are rebuilt.
func (s *Service) protect(tx *store.Tx, v *Volume) {
	nodes := s.members(tx, v.NodeList)
	v.ProtectionState, v.RebuildProgress = ProtectionState(physics.ProtectionOf(len(v.NodeList), upOf(nodes))), rebuildProgress(nodes)
}

// protection returns how well the data on those nodes is protected.
func (s *Service) protection(tx *store.Tx, nodeUUIDs []string) physics.Protection {
	return physics.ProtectionOf(len(nodeUUIDs), upOf(s.members(tx, nodeUUIDs)))
}

// upToDate reports whether one of those nodes serves replicas that are up to date.
func (s *Service) upToDate(tx *store.Tx, nodeUUIDs []string) bool {
	return slices.ContainsFunc(s.members(tx, nodeUUIDs), func(u nodeUsage) bool { return u.Serving && u.Synced })
}

func (s *Service) members(tx *store.Tx, nodeUUIDs []string) []nodeUsage {
	nodes := make([]nodeUsage, 0, len(nodeUUIDs))
	for _, id := range nodeUUIDs {
		if u, err := usageTable.Get(tx, id); err == nil {
			nodes = append(nodes, u)
		}
	}
	return nodes
}

// readable reports whether one of those nodes has a replica that can be copied.
func (s *Service) readable(tx *store.Tx, nodes []string) bool {
	return s.protection(tx, nodes).Reads()
}
