package lightbits

import (
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// deviceFails: a node with erasure coding rebuilds the lost data on its other devices. Without it, or when another
// device is lost before that is done, the node goes down (facts/lightbits.md 4.8).
func (s *Service) deviceFails(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	d.FailureTime, d.RebuildCompletionTime = tx.Now, time.Time{}
	if err := s.logDevice(tx, events.NVMeDeviceFailed, d); err != nil {
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
