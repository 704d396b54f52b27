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
	if err := s.countDevices(tx, d.NodeUUID, r); err != nil {
		return err
	}
	node, err := s.nodes.Get(tx, d.NodeUUID)
	if err != nil || node.Body.State != NodeActive {
		return err
	}
	return s.wantLocalRebuild(tx, &node) // it may have had no device left to rebuild on (assumption 371)
}

func (s *Service) deviceReleased(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	if err := s.keepLost(tx, d); err != nil {
		return err
	}
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
	if node.Body.Ec && !node.Body.InLocalRebuild && s.lostParts(tx, d.NodeUUID) == 1 {
		if !s.rebuildable(tx, d.NodeUUID) { // it rebuilds when it comes back
			return nil
		}
		if err := s.localRebuildStarts(tx, &node); err != nil {
			return err
		}
		now, err := s.nvmeDevices.Get(tx, d.Serial)
		d.RebuildCompletionTime = now.Body.RebuildCompletionTime // without delay it is done by now
		return err
	}
	return s.eachNode(tx, &Server{NodesUUIDs: []string{d.NodeUUID}}, "fail",
		statemachine.State(NodeActive), nodeRebuilding, statemachine.State(NodeActivating))
}

// lostPart is a device that left its node before what it held was rebuilt on the others (assumption 364).
type lostPart struct {
	Node   string `json:"node"`
	Serial string `json:"serial"`
	Name   string `json:"name"`
}

// lostTable has the parts of a node beside each other.
var lostTable = store.NewTable("lightbits.lostparts", func(p *lostPart) string { return scopedKey(p.Node, p.Serial) }, store.JSON[lostPart]())

// keepLost remembers, of a device that has failed and leaves its node, that what it held has not been rebuilt there.
func (s *Service) keepLost(tx *store.Tx, d *NvmeDevice) error {
	if d.NodeUUID == "" || !d.RebuildCompletionTime.IsZero() {
		return nil
	}
	node, err := s.nodes.Get(tx, d.NodeUUID)
	if err != nil || !node.Body.Ec {
		return err
	}
	return lostTable.Put(tx, &lostPart{Node: d.NodeUUID, Serial: d.Serial, Name: d.Name})
}

// dropLost forgets the parts that a node has lost and answers them.
func dropLost(tx *store.Tx, node string) ([]lostPart, error) {
	var list []lostPart
	for _, p := range lostTable.All(tx, scopedKey(node, ""), "") {
		list = append(list, p)
	}
	for i := range list {
		if err := lostTable.Delete(tx, scopedKey(node, list[i].Serial)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// isLost says of a device that it failed and that its data has not been rebuilt on the others.
func isLost(r *statemachine.Row[NvmeDevice]) bool {
	return r.Life.State == statemachine.State(DeviceFailed) && r.Body.RebuildCompletionTime.IsZero()
}

// lostParts counts the devices whose data a node has to rebuild, those that have left it too.
func (s *Service) lostParts(tx *store.Tx, node string) int {
	count := 0
	for _, r := range s.devicesOf(tx, node) {
		if isLost(&r) {
			count++
		}
	}
	for range lostTable.All(tx, scopedKey(node, ""), "") {
		count++
	}
	return count
}

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
	if err := s.logEvent(tx, eventNodeLocalStart, nodeSubject(node.Body.UUID, node.Body.Name)); err != nil {
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
		if err := s.logDevice(tx, eventDeviceRebuilt, &failed[i].Body); err != nil {
			return err
		}
	}
	gone, err := dropLost(tx, node.Body.UUID)
	if err != nil {
		return err
	}
	for _, p := range gone {
		if err := s.logEvent(tx, eventDeviceRebuilt, deviceSubject(p.Serial, p.Name)); err != nil {
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
