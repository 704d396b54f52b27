package lightbits

import (
	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// rebuildable reports whether a node can rebuild: it must serve and have devices left.
func (s *Service) rebuildable(tx *store.Tx, node string) bool {
	u, err := usageTable.Get(tx, node)
	return err == nil && u.Serving && u.Disks.Count > 0
}

// localRebuildStarts starts the rebuild of lost data on the healthy devices of a node.
func (s *Service) localRebuildStarts(tx *store.Tx, node *statemachine.Row[Node]) error {
	node.Body.InLocalRebuild, node.Body.LocalRebuildProgress = true, 0
	if err := s.nodes.Touch(tx, node); err != nil {
		return err
	}
	if err := s.logEvent(tx, events.NodeLocalRebuildStarted,
		events.AboutNode(node.Body.UUID, node.Body.Name)); err != nil {
		return err
	}
	return s.eachDevice(tx, node.Body.UUID, "rebuild", DeviceHealthy)
}

// wantLocalRebuild makes a node that serves or has a device again rebuild the data of its lost devices right after the
// transaction.
func (s *Service) wantLocalRebuild(tx *store.Tx, r *statemachine.Row[Node]) error {
	if s.unlessLost(tx, r) != "" {
		return nil
	}
	return s.nodes.After(tx, r, "mend", tx.Now)
}

// unlessLost returns Stay for a node that starts no local rebuild: it has no erasure coding, has lost nothing, or
// already rebuilds.
func (s *Service) unlessLost(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if !r.Body.Ec || r.Body.InLocalRebuild || s.lostParts(tx, r.Body.UUID) == 0 || !s.rebuildable(tx, r.Body.UUID) {
		return statemachine.Stay
	}
	return ""
}

// nodeMends starts the local rebuild that wantLocalRebuild scheduled.
func (s *Service) nodeMends(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.localRebuildStarts(tx, r); err != nil {
		return err
	}
	now, err := s.nodes.Get(tx, r.Body.UUID) // without a delay the rebuild is complete now
	r.Body.InLocalRebuild, r.Body.LocalRebuildProgress = now.Body.InLocalRebuild, now.Body.LocalRebuildProgress
	return err
}

// haltLocalRebuild stops the local rebuild of a node that no longer serves. Its progress is lost (assumption 303). The
// caller stores n.
func (s *Service) haltLocalRebuild(tx *store.Tx, n *Node) error {
	n.InLocalRebuild, n.LocalRebuildProgress = false, 0
	return s.eachDevice(tx, n.UUID, "halt", DeviceRebuilding)
}

// deviceRebuilt ends the part of one device in a local rebuild. After the last one the rebuild is complete, and the
// node may lose another device.
func (s *Service) deviceRebuilt(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	node, err := s.nodes.Get(tx, r.Body.NodeUUID)
	if err != nil || !node.Body.InLocalRebuild {
		return err
	}
	busy, done := 0, 1
	var failed []statemachine.Row[NvmeDevice]
	for _, other := range s.devicesOf(tx, r.Body.NodeUUID) {
		switch {
		case other.Body.Serial == r.Body.Serial:
		case other.Life.State == statemachine.State(DeviceRebuilding):
			busy++
		case other.Life.State == statemachine.State(DeviceHealthy):
			done++
		case isLost(&other):
			failed = append(failed, other)
		}
	}
	node.Body.LocalRebuildProgress = uint32(100 * done / (done + busy))
	if busy > 0 {
		return s.nodes.Touch(tx, &node)
	}
	node.Body.InLocalRebuild, node.Body.LocalRebuildProgress = false, 0
	if err := s.nodes.Touch(tx, &node); err != nil {
		return err
	}
	for i := range failed {
		failed[i].Body.RebuildCompletionTime = tx.Now
		if err := s.nvmeDevices.Touch(tx, &failed[i]); err != nil {
			return err
		}
		if err := s.logDevice(tx, events.NVMeDeviceRebuilt, &failed[i].Body); err != nil {
			return err
		}
	}
	gone, err := dropLost(tx, node.Body.UUID)
	if err != nil {
		return err
	}
	for _, p := range gone {
		if err := s.logEvent(tx, events.NVMeDeviceRebuilt, events.AboutDevice(p.Serial, p.Name)); err != nil {
			return err
		}
	}
	return s.logEvent(tx, events.NodeLocalRebuildCompleted, events.AboutNode(node.Body.UUID, node.Body.Name))
}
