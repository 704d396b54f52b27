package lightbits

import (
	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// rebuildable: only a node that serves, and has devices left, rebuilds.
func (s *Service) rebuildable(tx *store.Tx, node string) bool {
	u, err := usageTable.Get(tx, node)
	return err == nil && u.Serving && u.Disks.Count > 0
}

// localRebuildStarts: the devices of a node that are healthy take over the data of those that are not.
func (s *Service) localRebuildStarts(tx *store.Tx, node *statemachine.Row[Node]) error {
	node.Body.InLocalRebuild, node.Body.LocalRebuildProgress = true, 0
	if err := s.nodes.Touch(tx, node); err != nil {
		return err
	}
	if err := s.logEvent(tx, events.NodeLocalRebuildStarted, events.AboutNode(node.Body.UUID, node.Body.Name)); err != nil {
		return err
	}
	return s.eachDevice(tx, node.Body.UUID, "rebuild", DeviceHealthy)
}

// wantLocalRebuild lets a node that serves again, or has a device again, rebuild what its lost devices held, as soon as the transaction is through.
func (s *Service) wantLocalRebuild(tx *store.Tx, r *statemachine.Row[Node]) error {
	if s.unlessLost(tx, r) != "" {
		return nil
	}
	return s.nodes.After(tx, r, "mend", tx.Now)
}

// unlessLost: a node without erasure coding, one that has lost nothing, and one that rebuilds already have nothing to begin.
func (s *Service) unlessLost(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if !r.Body.Ec || r.Body.InLocalRebuild || s.lostParts(tx, r.Body.UUID) == 0 || !s.rebuildable(tx, r.Body.UUID) {
		return statemachine.Stay
	}
	return ""
}

// nodeMends begins the local rebuild that wantLocalRebuild asked for.
func (s *Service) nodeMends(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.localRebuildStarts(tx, r); err != nil {
		return err
	}
	now, err := s.nodes.Get(tx, r.Body.UUID) // without delay it is done by now
	r.Body.InLocalRebuild, r.Body.LocalRebuildProgress = now.Body.InLocalRebuild, now.Body.LocalRebuildProgress
	return err
}

// haltLocalRebuild: a node that does not serve does not rebuild either; what is done is lost (assumption 303). The caller
// stores n.
func (s *Service) haltLocalRebuild(tx *store.Tx, n *Node) error {
	n.InLocalRebuild, n.LocalRebuildProgress = false, 0
	return s.eachDevice(tx, n.UUID, "halt", DeviceRebuilding)
}

// deviceRebuilt: when the last device has done its part, the node is whole again and may lose another one.
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
