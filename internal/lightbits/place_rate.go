package lightbits

import (
	"bytes"
	"fmt"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// dataUnit is the number of bytes that are moved or rebuilt in one of the delays lightbits.migration.move,
// lightbits.node.rebuild and lightbits.nvmeDevice.rebuild. The profile realistic copies 64 GiB a minute, which is about
// 1 GiB a second. Smaller amounts take one delay, for what a copy needs beside its data (assumption 432).
const dataUnit = 64 << 30

// dataUnits returns the factor of such a delay for an amount of data.
func dataUnits(bytes int64) float64 { return max(1, float64(bytes)/dataUnit) }

// moveUnits returns the duration of a migration. The migrations away from a node share its rate, so that one has to
// wait for those that began before it.
func (s *Service) moveUnits(tx *store.Tx, r *statemachine.Row[migration]) float64 {
	var bytes int64
	for _, other := range s.migrations.Table().By(tx, migrationsFrom, r.Body.From) {
		if other.Life.State == "Moving" && other.Body.Chain != r.Body.Chain {
			bytes += int64(float64(s.chainBytes(tx, other.Body.Chain)) * (1 - s.migrations.Elapsed(tx, &other, "moved")))
		}
	}
	return dataUnits(bytes + s.chainBytes(tx, r.Body.Chain))
}

// chainBytes returns what a replica of a chain occupies.
func (s *Service) chainBytes(tx *store.Tx, chain string) int64 {
	_, all := loadChain(tx, chain).account()
	return int64(all.Physical())
}

// rebuildUnits returns the duration of one step in the rebuild of a node's replicas.
func (s *Service) rebuildUnits(tx *store.Tx, r *statemachine.Row[Node]) float64 {
	u, err := usageTable.Get(tx, r.Body.UUID)
	if err != nil {
		return 1
	}
	return dataUnits(u.PhysicalUsed * progressStep / 100)
}

// deviceUnits returns the duration of a local rebuild: of the data of one device, parity included, which all healthy
// devices of the node rebuild together.
func (s *Service) deviceUnits(tx *store.Tx, r *statemachine.Row[NvmeDevice]) float64 {
	u, err := usageTable.Get(tx, r.Body.NodeUUID)
	if err != nil || u.Disks.Count == 0 {
		return 1
	}
	lost, before := uint64(max(1, s.lostParts(tx, r.Body.NodeUUID))), u.Disks
	before.Count += lost
	return dataUnits(int64(before.WithParity(uint64(max(0, u.PhysicalUsed))) / before.Count * lost))
}

// shownProgress sets the progress members of a node as they are at this instant.
func (s *Service) shownProgress(tx *store.Tx, n *Node) {
	if n.State == NodeActivating {
		if row, err := s.nodes.Get(tx, n.UUID); err == nil {
			n.PowerupProgress += uint32(progressStep * s.nodes.Elapsed(tx, &row, "powerup"))
		}
	}
	if !n.InLocalRebuild {
		return
	}
	done, devices := 0.0, 0
	for _, d := range s.devicesOf(tx, n.UUID) {
		switch NvmeDeviceState(d.Life.State) {
		case DeviceRebuilding:
			done += s.nvmeDevices.Elapsed(tx, &d, "rebuilt")
		case DeviceHealthy:
			done++
		default:
			continue
		}
		devices++
	}
	n.LocalRebuildProgress = uint32(100 * done / float64(max(1, devices)))
}

// shownEviction returns the progress of an eviction at this instant, in percent: of the groups of replicas that it
// moves, each counts as much as has been copied.
func (s *Service) shownEviction(tx *store.Tx, e *eviction, v *Server) uint32 {
	if e.Total == 0 {
		return v.LastEviction.Progress
	}
	left := len(s.chainsOn(tx, v.NodesUUIDs...))
	done := float64(max(e.Total, left) - left)
	for _, node := range v.NodesUUIDs {
		for _, m := range s.migrations.Table().By(tx, migrationsFrom, node) {
			if m.Life.State == "Moving" {
				done += s.migrations.Elapsed(tx, &m, "moved")
			}
		}
	}
	return uint32(100 * done / float64(max(e.Total, left)))
}

// shownVolume records that a response shows a stored volume, and returns its body. The progress of a rebuild is that of
// this instant; the stored one moves in steps.
func (s *Service) shownVolume(tx *store.Tx, key string, row statemachine.Stored) []byte {
	s.volumeObserved(tx, key, row)
	if len(s.busyNodes.Of(tx)) == 0 || bytes.Contains(row.Body, []byte(`"rebuildProgress":"`+rebuildNone+`"`)) {
		return row.Body
	}
	var v Volume
	if wire.Unmarshal(row.Body, &v) != nil {
		return row.Body
	}
	nodes := s.members(tx, v.NodeList)
	for i := range nodes {
		if node, err := s.nodes.Get(tx, nodes[i].UUID); err == nil && node.Life.State == nodeRebuilding {
			nodes[i].Rebuilt += uint64(progressStep * s.nodes.Elapsed(tx, &node, "rebuild"))
		}
	}
	member := `"rebuildProgress":"%s"`
	return bytes.Replace(row.Body, fmt.Appendf(nil, member, v.RebuildProgress),
		fmt.Appendf(nil, member, rebuildProgress(nodes)), 1)
}
