package lightbits

import (
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// deviceFails starts the rebuild of the lost data on the node's other devices, if the node has erasure coding. Without
// it, or if another device is lost before the rebuild is complete, the node goes down (facts/lightbits.md 4.8).
func (s *Service) deviceFails(tx *store.Tx, r *statemachine.Row[NvmeDevice]) error {
	d := &r.Body
	d.FailureTime, d.RebuildCompletionTime = tx.Now, time.Time{}
	if err := s.logDevice(tx, events.NVMeDeviceFailed, d); err != nil {
		return err
	}
	if d.NodeUUID == "" {
		return nil
	}
	if err := s.nvmeDevices.Touch(tx, r); err != nil { // the code below reads all devices of the node
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
		if !s.rebuildable(tx, d.NodeUUID) { // it rebuilds after it comes back
			return nil
		}
		if err := s.localRebuildStarts(tx, &node); err != nil {
			return err
		}
		now, err := s.nvmeDevices.Get(tx, d.Serial)
		d.RebuildCompletionTime = now.Body.RebuildCompletionTime // without a delay the rebuild is complete now
		return err
	}
	return s.eachNode(tx, &Server{NodesUUIDs: []string{d.NodeUUID}}, "degrade",
		statemachine.State(NodeActive), nodeRebuilding, statemachine.State(NodeActivating))
}

// lostPart is a device that left its node before its data was rebuilt on the others (assumption 364).
type lostPart struct {
	Node   string `json:"node"`
	Serial string `json:"serial"`
	Name   string `json:"name"`
}

// lostTable has the lost devices, ordered by node.
var lostTable = store.NewTable("lightbits.lostparts", func(p *lostPart) string { return scopedKey(p.Node, p.Serial) },
	store.JSON[lostPart]())

// keepLost records that the data of a failed device, which leaves its node, has not been rebuilt there.
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

// dropLost deletes the lost parts of a node and returns them.
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

// isLost reports whether a device has failed and its data has not been rebuilt on the others.
func isLost(r *statemachine.Row[NvmeDevice]) bool {
	return r.Life.State == statemachine.State(DeviceFailed) && r.Body.RebuildCompletionTime.IsZero()
}

// lostParts counts the devices whose data a node has to rebuild, including those that have left it.
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
