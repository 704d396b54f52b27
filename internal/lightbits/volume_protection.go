package lightbits

import (
	"slices"
	"strconv"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// upOf counts the nodes whose replicas count for protection: those that serve and are up to date, or, where none is up
// to date, those that serve, for then theirs is the latest there is.
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

// rebuildProgress is how far the replicas of those nodes are brought up to date, in percent; rebuildNone where there is
// nothing to do or nothing being done (assumption 46).
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

// reprotect brings the protection and the rebuild progress of all volumes on a node up to date, and records what
// changed. It does not change their ETags, since nobody modified them (assumption 45).
func (s *Service) reprotect(tx *store.Tx, nodeUUID string) error {
	all := s.usages(tx)
	for _, key := range slices.Collect(s.volumes.Table().KeysBy(tx, volumesByNode, nodeUUID)) {
		row, err := s.volumes.Get(tx, key)
		if err != nil {
			return err
		}
		v := &row.Body
		if v.State == VolumeCreating || v.State == VolumeFailed {
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
		if err := s.logEvent(tx, protectionEventNames[now], events.AboutVolume(v.ProjectName, v.UUID, v.Name)); err != nil {
			return err
		}
	}
	return nil
}

// protectionEventNames is what a volume's new protection is called in the event log.
var protectionEventNames = map[ProtectionState]events.Name{
	ProtectionFullyProtected: events.VolumeFullyProtected, ProtectionDegraded: events.VolumeDegraded,
	ProtectionReadOnly: events.VolumeReadOnly, ProtectionNotAvailable: events.VolumeNotAvailable,
}
