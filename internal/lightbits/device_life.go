package lightbits

import (
	"slices"
	"strconv"
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// nvmeDeviceMachine is the life cycle of a device (facts/lightbits.md 4.8).
func (s *Service) nvmeDeviceMachine() *statemachine.Machine[NvmeDevice] {
	type row = statemachine.Row[NvmeDevice]
	const (
		none, healthy, adding = statemachine.State(DeviceNone), statemachine.State(DeviceHealthy),
			statemachine.State(DeviceAdding)
		rebuilding, failed = statemachine.State(DeviceRebuilding), statemachine.State(DeviceFailed)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[NvmeDevice]{
		Kind: "lightbits.nvmeDevice", Initial: in(none, healthy), Zero: zero,
		Key: func(d *NvmeDevice) string { return d.Serial }, Name: func(d *NvmeDevice) string { return d.Name },
		Mirror: func(d *NvmeDevice, l statemachine.Life) {
			d.State, d.ETag = NvmeDeviceState(l.State), strconv.FormatUint(l.Version, 10)
		},
		Guards: []statemachine.Guard{
			{Operation: "AddNvmeDevice", In: in(adding, rebuilding), Kind: refusal.Aborted, Message: msgDeviceBusy},
			{Operation: "AddNvmeDevice", In: in(failed), Kind: refusal.InvalidArgument,
				Message: "NVMe device {id} is {state} and cannot be added to a node"},
			{Operation: "UpdateNvmeDevice", In: in(adding), Kind: refusal.Aborted, Message: msgDeviceBusy},
		},
		Indexes: []store.Index[row]{
			{Name: devicesByNode, Keys: func(r *row) []string { return someKey(r.Body.NodeUUID) }},
			{Name: devicesByServer, Keys: func(r *row) []string { return someKey(r.Body.ServerUUID) }},
		},
		Rules: []statemachine.Rule[NvmeDevice]{
			{From: in(none), On: "add", To: adding, Do: s.deviceAdding},
			{From: in(adding), On: "added", To: healthy, After: "add", Do: s.deviceAdded},
			{From: in(healthy), On: "rebuild", To: rebuilding},
			{From: in(rebuilding), On: "halt", To: healthy},
			{From: in(rebuilding), On: "rebuilt", To: healthy, After: "rebuild", Do: s.deviceRebuilt,
				Units: s.deviceUnits},
			{From: in(healthy, rebuilding), On: "fail", To: failed, Do: s.deviceFails},
			{From: in(adding), On: "fail", To: failed, Do: s.deviceNotAdded},
			{From: in(failed), On: "release", To: none, Do: s.deviceReleased},
		},
		Delays: map[string]statemachine.DelayDefault{
			"add": {Fast: "300ms", Realistic: "30s"}, "rebuild": {Fast: "500ms", Realistic: "1m"},
		},
	})
}

const msgDeviceBusy = "there is a user operation in progress on NVMe device {id}: it is {state}"

func (s *Service) logDevice(tx *store.Tx, kind events.Name, d *NvmeDevice) error {
	return s.logEvent(tx, kind, events.AboutDevice(d.Serial, d.Name))
}

func (s *Service) deviceAdding(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	return s.logDevice(tx, events.NVMeDeviceAdding, &r.Body)
}

func (s *Service) deviceAdded(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	d.DeviceUsage = UsageData
	if err := s.logDevice(tx, events.NVMeDeviceHealthy, d); err != nil {
		return err
	}
	if err := s.countDevices(tx, d.NodeUUID, r); err != nil {
		return err
	}
	node, err := s.nodes.Get(tx, d.NodeUUID)
	if err != nil || node.Body.State != NodeActive {
		return err
	}
	return s.wantLocalRebuild(tx, &node) // it may not have had a device to rebuild on (assumption 371)
}

func (s *Service) deviceReleased(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	if err := s.keepLost(tx, d); err != nil {
		return err
	}
	d.NodeUUID, d.DeviceUsage, d.FailureTime, d.RebuildCompletionTime = "", UsageUnManaged, time.Time{}, time.Time{}
	return s.logDevice(tx, events.NVMeDeviceUnmanaged, d)
}

// deviceNotAdded releases a device that fails while it is being added. It holds no data.
func (s *Service) deviceNotAdded(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	d.NodeUUID, d.FailureTime = "", tx.Now
	return s.logDevice(tx, events.NVMeDeviceFailed, d)
}

// eachDevice fires an event at those devices of a node that are in a state.
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

func (s *Service) devicesOf(tx *store.Tx, nodeUUID string) []statemachine.Row[NvmeDevice] {
	var list []statemachine.Row[NvmeDevice]
	for _, row := range s.nvmeDevices.Table().By(tx, devicesByNode, nodeUUID) {
		list = append(list, row)
	}
	return list
}

// countDevices updates the number and size of a node's managed and healthy devices. Moving, if not nil, is a device
// whose new state is not stored yet.
func (s *Service) countDevices(tx *store.Tx, nodeUUID string, moving *statemachine.Row[NvmeDevice]) error {
	u, err := usageTable.Get(tx, nodeUUID)
	if err != nil {
		return err
	}
	rows := s.devicesOf(tx, nodeUUID)
	if moving != nil {
		rows = append(slices.DeleteFunc(rows,
			func(r statemachine.Row[NvmeDevice]) bool { return r.Body.Serial == moving.Body.Serial }), *moving)
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
