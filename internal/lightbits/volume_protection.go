package lightbits

import (
	"slices"
	"strconv"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// upOf returns the number of nodes whose replicas count for protection: the serving nodes that are up to date, or all
// serving nodes if none is up to date, since their replicas are then the latest.
func upOf(nodes []nodeUsage) int {
	synced, serving := 0, 0
	for i := range nodes {
		if nodes[i].Serving {
			serving++
			if nodes[i].Synced {
				synced++
			}
		}
	}
	if synced == 0 {
		return serving
	}
	return synced
}

// rebuildProgress returns how far the replicas of those nodes are rebuilt, in percent; rebuildNone if no rebuild is
// under way (assumption 46).
func rebuildProgress(nodes []nodeUsage) string {
	least := uint64(100)
	for i := range nodes {
		if nodes[i].Serving && !nodes[i].Synced {
			least = min(least, nodes[i].Rebuilt)
		}
	}
	if least == 100 {
		return rebuildNone
	}
	return strconv.FormatUint(least, 10)
}

// reprotect updates the protection state and the rebuild progress of all volumes on a node, and records changes as
// events. The volumes' ETags stay, since nobody modified the volumes (assumption 45).
func (s *Service) reprotect(tx *store.Tx, nodeUUID string) error {
	all := s.usages(tx)
	for _, key := range slices.Collect(s.volumes.Table().KeysBy(tx, volumesByNode, nodeUUID)) {
		row, err := s.volumes.Get(tx, key)
		if err != nil {
			return err
		}
		v := &row.Body
		if v.State == VolumeCreating {
			if err := s.continueVolume(tx, &row); err != nil {
				return err
			}
			continue
		}
		if v.State == VolumeFailed {
			continue
		}
		nodes := make([]nodeUsage, 0, len(v.NodeList))
		for _, id := range v.NodeList {
			nodes = append(nodes, all[id])
		}
		now, progress := ProtectionState(physics.ProtectionOf(len(nodes), upOf(nodes))), rebuildProgress(nodes)
		was := v.ProtectionState
		if now == was && progress == v.RebuildProgress {
			continue
		}
		v.ProtectionState, v.RebuildProgress = now, progress
		if err := s.volumes.Touch(tx, &row); err != nil {
			return err
		}
		if now == was {
			continue
		}
		if err := s.logVolume(tx, protectionEventNames[now], v); err != nil {
			return err
		}
		if err := s.continueVolume(tx, &row); err != nil {
			return err
		}
		if !servesAgain(was, now) {
			continue
		}
		if err := s.continueSnapshots(tx, v, "ready"); err != nil {
			return err
		}
	}
	return nil
}

// protectionEventNames are the events of a volume's new protection state.
var protectionEventNames = map[ProtectionState]events.Name{
	ProtectionFullyProtected: events.VolumeFullyProtected, ProtectionDegraded: events.VolumeDegraded,
	ProtectionReadOnly: events.VolumeReadOnly, ProtectionNotAvailable: events.VolumeNotAvailable,
}

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

var protectionStateNames = map[string]int32{"Unknown": 0, "FullyProtected": 1, "Degraded": 2, "ReadOnly": 3,
	"NotAvailable": 4}

// EnumNumbers returns the vendor's numbers.
func (ProtectionState) EnumNumbers() map[string]int32 { return protectionStateNames }

// protect sets the protection state and the rebuild progress of a volume from the states of its nodes
// (facts/lightbits.md 4.1). A node that has recovered counts again once its replicas are rebuilt.
func (s *Service) protect(tx *store.Tx, v *Volume) {
	nodes := s.members(tx, v.NodeList)
	v.ProtectionState, v.RebuildProgress = ProtectionState(physics.ProtectionOf(len(v.NodeList),
		upOf(nodes))), rebuildProgress(nodes)
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
