package lightbits

import (
	"slices"
	"time"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) logDevice(tx *store.Tx, kind eventName, d *NvmeDevice) error {
	return s.logEvent(tx, kind, deviceSubject(d.Serial, d.Name))
}

func (s *Service) deviceAdding(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	return s.logDevice(tx, eventDeviceAdding, &r.Body)
}

func (s *Service) deviceAdded(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	d.DeviceUsage = UsageData
	if err := s.logDevice(tx, eventDeviceHealthy, d); err != nil {
		return err
	}
	return s.countDevices(tx, d.NodeUUID, r)
}

func (s *Service) deviceReleased(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	d.NodeUUID, d.DeviceUsage, d.FailureTime, d.RebuildCompletionTime = "", UsageUnManaged, time.Time{}, time.Time{}
	return s.logDevice(tx, eventDeviceUnmanaged, d)
}

// deviceNotAdded: a device that fails before it was added held nothing, and belongs to nobody.
func (s *Service) deviceNotAdded(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	d.NodeUUID, d.FailureTime = "", tx.Now
	return s.logDevice(tx, eventDeviceFailed, d)
}

// deviceFails: a node with erasure coding rebuilds the lost data on its other devices. Without it, or when another
// device is lost before that is done, the node goes down (facts/lightbits.md 4.8).
func (s *Service) deviceFails(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	d.FailureTime, d.RebuildCompletionTime = tx.Now, time.Time{}
	if err := s.logDevice(tx, eventDeviceFailed, d); err != nil {
		return err
	}
	if d.NodeUUID == "" {
		return nil
	}
	if err := s.nvmeDevices.Touch(tx, r); err != nil { // what follows reads all devices of the node
		return err
	}
	if err := s.countDevices(tx, d.NodeUUID, r); err != nil {
		return err
	}
	node, err := s.nodes.Get(tx, d.NodeUUID)
	if err != nil {
		return err
	}
	if node.Body.Ec && !node.Body.InLocalRebuild && len(s.lostDevices(tx, d.NodeUUID)) == 1 {
		if s.unlessRebuildable(tx, r) != "" {
			return nil
		}
		return s.localRebuildStarts(tx, r)
	}
	return s.eachNode(tx, &Server{NodesUUIDs: []string{d.NodeUUID}}, "fail",
		statemachine.State(NodeActive), nodeRebuilding, statemachine.State(NodeActivating))
}

// lostDevices are the failed devices of a node whose data has not been rebuilt on the others.
func (s *Service) lostDevices(tx *store.Tx, node string) []statemachine.Row[NvmeDevice] {
	return slices.DeleteFunc(s.devicesOf(tx, node), func(r statemachine.Row[NvmeDevice]) bool {
		return r.Life.State != statemachine.State(DeviceFailed) || !r.Body.RebuildCompletionTime.IsZero()
	})
}

// unlessRebuildable: only a node that serves, and has devices left, rebuilds; one that comes back begins then.
func (s *Service) unlessRebuildable(tx *store.Tx, r *statemachine.Row[NvmeDevice]) statemachine.Event {
	u, err := usageTable.Get(tx, r.Body.NodeUUID)
	if err != nil || !u.Serving || u.Disks.Count == 0 {
		return statemachine.Stay
	}
	if node, err := s.nodes.Get(tx, r.Body.NodeUUID); err != nil || node.Body.InLocalRebuild {
		return statemachine.Stay
	}
	return ""
}

// localRebuildStarts: the other devices of a failed one's node take over its data.
func (s *Service) localRebuildStarts(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	node, err := s.nodes.Get(tx, r.Body.NodeUUID)
	if err != nil {
		return err
	}
	node.Body.InLocalRebuild, node.Body.LocalRebuildProgress = true, 0
	if err := s.nodes.Touch(tx, &node); err != nil {
		return err
	}
	if err := s.logEvent(tx, eventNodeLocalStart, nodeSubject(node.Body.UUID, node.Body.Name)); err != nil {
		return err
	}
	if err := s.eachDevice(tx, node.Body.UUID, "rebuild", DeviceHealthy); err != nil {
		return err
	}
	if now, err := s.nvmeDevices.Get(tx, r.Body.Serial); err == nil { // without delay it is done by now
		r.Body.RebuildCompletionTime = now.Body.RebuildCompletionTime
	}
	return nil
}

// wantLocalRebuild lets a node that serves again rebuild what its failed devices held, as soon as the transaction is through.
func (s *Service) wantLocalRebuild(tx *store.Tx, n *Node) error {
	if !n.Ec {
		return nil
	}
	for _, lost := range s.lostDevices(tx, n.UUID) {
		return s.nvmeDevices.After(tx, &lost, "rebuild", tx.Now)
	}
	return nil
}

// haltLocalRebuild: a node that does not serve does not rebuild either; what is done is lost (assumption 303). The caller
// stores n.
func (s *Service) haltLocalRebuild(tx *store.Tx, n *Node) error {
	n.InLocalRebuild, n.LocalRebuildProgress = false, 0
	return s.eachDevice(tx, n.UUID, "halt", DeviceRebuilding)
}

// eachDevice moves those devices of a node that are in a state.
func (s *Service) eachDevice(tx *store.Tx, node string, on statemachine.Event, in NvmeDeviceState) error {
	for _, row := range s.devicesOf(tx, node) {
		if row.Life.State != statemachine.State(in) {
			continue
		}
		if err := s.nvmeDevices.Fire(tx, &row, on); err != nil {
			return err
		}
	}
	return nil
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
		case other.Life.State == statemachine.State(DeviceFailed) && other.Body.RebuildCompletionTime.IsZero():
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
		if err := s.logDevice(tx, eventDeviceRebuilt, &failed[i].Body); err != nil {
			return err
		}
	}
	return s.logEvent(tx, eventNodeLocalEnd, nodeSubject(node.Body.UUID, node.Body.Name))
}

func (s *Service) devicesOf(tx *store.Tx, nodeUUID string) []statemachine.Row[NvmeDevice] {
	var list []statemachine.Row[NvmeDevice]
	for _, row := range s.nvmeDevices.Table().By(tx, devicesByNode, nodeUUID) {
		list = append(list, row)
	}
	return list
}

// countDevices writes down a node's managed and healthy devices. Moving, if any, is a device that is not stored yet in
// its new state.
func (s *Service) countDevices(tx *store.Tx, nodeUUID string, moving *statemachine.Row[NvmeDevice]) error {
	u, err := usageTable.Get(tx, nodeUUID)
	if err != nil {
		return err
	}
	rows := s.devicesOf(tx, nodeUUID)
	if moving != nil {
		rows = append(slices.DeleteFunc(rows, func(r statemachine.Row[NvmeDevice]) bool { return r.Body.Serial == moving.Body.Serial }), *moving)
	}
	wasFull := u.full()
	u.Disks = physics.Disks{Coded: u.Disks.Coded}
	for _, r := range rows {
		if r.Life.State == statemachine.State(DeviceHealthy) || r.Life.State == statemachine.State(DeviceRebuilding) {
			u.Disks.Count++
			u.Disks.Bytes += r.Body.Size
		}
	}
	if err := usageTable.Put(tx, &u); err != nil {
		return err
	}
	return s.noteFullness(tx, &u, wasFull)
}
