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
	if err := s.countDevices(tx, d.NodeUUID, r); err != nil {
		return err
	}
	node, err := s.nodes.Get(tx, d.NodeUUID)
	if err != nil {
		return err
	}
	if node.Body.InLocalRebuild || !node.Body.Ec {
		return s.eachNode(tx, &Server{NodesUUIDs: []string{d.NodeUUID}}, "fail",
			statemachine.State(NodeActive), nodeRebuilding, statemachine.State(NodeActivating))
	}
	if node.Life.State == statemachine.State(NodeInactive) {
		return nil
	}
	node.Body.InLocalRebuild, node.Body.LocalRebuildProgress = true, 0
	if err := s.nodes.Touch(tx, &node); err != nil {
		return err
	}
	if err := s.logEvent(tx, eventNodeLocalStart, nodeSubject(node.Body.UUID, node.Body.Name)); err != nil {
		return err
	}
	for _, other := range s.devicesOf(tx, d.NodeUUID) {
		if other.Body.Serial != d.Serial && other.Life.State == statemachine.State(DeviceHealthy) {
			if err := s.nvmeDevices.Fire(tx, &other, "rebuild"); err != nil {
				return err
			}
		}
	}
	return nil
}

// deviceRebuilt: when the last device has done its part, the node is whole again and may lose another one.
func (s *Service) deviceRebuilt(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	node, err := s.nodes.Get(tx, r.Body.NodeUUID)
	if err != nil {
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
