package lightbits

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// modelBlock is a block of the model: every write makes new ones.
type modelBlock struct {
	lba, write uint64
	compressed bool
}

// modelThing is a volume or snapshot of the model, block by block.
type modelThing struct {
	id, chain string
	snapshot  bool
	source    string // snapshots: the volume
	born      int
	blocks    map[uint64]modelBlock
}

// blockModel plays random operations on the wire and on plain maps.
type blockModel struct {
	*blockServer
	rand   *rand.Rand
	things []*modelThing // those that are there, oldest first
	born   int
	writes uint64

	volumes   map[string]Volume // as they are stored
	snapshots map[string]Snapshot
}

const (
	modelLBAs   = 192
	modelThings = 14
)

func TestBlocks_Model(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := &blockModel{
		blockServer: newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40)),
		rand:        rand.New(rand.NewPCG(seed, 2)),
	}
	for range 300 {
		m.load()
		m.step()
		m.load()
		m.checkStatistics()
		m.checkDiff()
	}
}

// load reads everything, and takes out of the model what has left the cluster: a snapshot with clones goes later than
// it is deleted.
func (m *blockModel) load() {
	m.volumes, m.snapshots = map[string]Volume{}, map[string]Snapshot{}
	holding := map[string]bool{}
	m.see(func(tx *store.Tx) {
		for _, row := range m.service.volumes.Table().All(tx, "", "") {
			m.volumes[row.Body.UUID] = row.Body
		}
		for _, row := range m.service.snapshots.Table().All(tx, "", "") {
			m.snapshots[row.Body.UUID] = row.Body
		}
		for _, b := range blockTable.All(tx, "", "") {
			holding[b.uuid] = true
		}
	})
	m.things = slices.DeleteFunc(m.things, func(thing *modelThing) bool {
		_, isVolume := m.volumes[thing.id]
		_, isSnapshot := m.snapshots[thing.id]
		return !isVolume && !isSnapshot
	})
	for id := range holding {
		require.True(m, slices.ContainsFunc(m.things, func(thing *modelThing) bool { return thing.id == id }), "blocks outlive %s", id)
	}
}

func (m *blockModel) available(thing *modelThing) bool {
	return m.volumes[thing.id].State == VolumeAvailable || m.snapshots[thing.id].State == SnapshotAvailable
}

// pick answers one of the volumes or of the snapshots that are Available, or nil.
func (m *blockModel) pick(snapshot bool) *modelThing {
	var all []*modelThing
	for _, thing := range m.things {
		if thing.snapshot == snapshot && m.available(thing) {
			all = append(all, thing)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[m.rand.IntN(len(all))]
}

func (m *blockModel) add(thing modelThing) {
	m.born++
	thing.born = m.born
	m.things = append(m.things, &thing)
}

// step does something.
func (m *blockModel) step() {
	m.Helper()
	name := fmt.Sprintf("n%d", m.born)
	v, sn := m.pick(false), m.pick(true)
	full := len(m.things) >= modelThings
	switch op := m.rand.IntN(20); {
	case v == nil || op == 0 && !full:
		id := m.newVolume(name, fmt.Sprint(modelLBAs*lba), 1+m.rand.IntN(3), fmt.Sprint(m.rand.IntN(2) == 0))
		m.add(modelThing{id: id, chain: id, blocks: map[uint64]modelBlock{}})
	case op < 9 && !full:
		m.stepWrite(v)
	case op < 12 && !full:
		m.add(modelThing{id: m.newSnapshot(name, v.id), chain: v.chain, snapshot: true, source: v.id, blocks: maps.Clone(v.blocks)})
	case op == 12:
		m.ok(http.MethodPut, volumesPath+"/"+v.id, fmt.Sprintf(`{"compression":"%t"}`, m.rand.IntN(2) == 0))
	case op == 13 || full && op%2 == 0:
		m.ok(http.MethodDelete, volumesPath+"/"+v.id, "")
	case sn == nil:
	case op < 16 && !full:
		m.add(modelThing{id: m.newClone(name, sn.id), chain: sn.chain, blocks: maps.Clone(sn.blocks)})
	case op == 16 || full:
		m.ok(http.MethodDelete, snapshotsPath+"/"+sn.id, "")
	default:
		m.stepRollback(sn)
	}
}

func (m *blockModel) stepWrite(v *modelThing) {
	m.Helper()
	start := m.rand.Uint64N(modelLBAs)
	n := 1 + m.rand.Uint64N(modelLBAs-start)
	m.write(v.id, start, n)
	m.writes++
	for at := start; at < start+n; at++ {
		v.blocks[at] = modelBlock{at, m.writes, m.volumes[v.id].Compression == "true"}
	}
}

func (m *blockModel) stepRollback(sn *modelThing) {
	m.Helper()
	for _, thing := range m.things {
		if thing.id == sn.source && m.available(thing) {
			m.ok(http.MethodPut, volumesPath+"/"+thing.id+"/rollback", fmt.Sprintf(`{"srcSnapshotUUID":%q}`, sn.id))
			thing.blocks = maps.Clone(sn.blocks)
		}
	}
}

// checkStatistics compares statistics and nodes with the model, in which layers are counted block by block.
func (m *blockModel) checkStatistics() {
	m.Helper()
	type chained struct {
		chain string
		modelBlock
	}
	holders := map[chained][]*modelThing{} // each oldest first, snapshots before volumes
	for _, snapshots := range []bool{true, false} {
		for _, thing := range m.things {
			for _, b := range thing.blocks {
				if thing.snapshot == snapshots {
					holders[chained{thing.chain, b}] = append(holders[chained{thing.chain, b}], thing)
				}
			}
		}
	}
	layers, owned, nodes := map[string]physics.Blocks{}, map[string]physics.Blocks{}, map[string]Usage{}
	for b, list := range holders {
		one := physics.Blocks{Plain: 1}
		if b.compressed {
			one = physics.Blocks{Compressed: 1}
		}
		first := list[0].id
		layers[first] = layers[first].Plus(one)
		if len(list) == 1 {
			owned[first] = owned[first].Plus(one)
		}
		for _, node := range append(m.volumes[first].NodeList, m.snapshots[first].NodeList...) {
			nodes[node] = nodes[node].Add(Usage{LogicalUsed: lba, PhysicalUsed: int64(one.Physical())})
		}
	}
	for _, thing := range m.things {
		m.checkThing(thing, layers[thing.id], owned[thing.id])
	}
	m.see(func(tx *store.Tx) {
		for id, u := range usageTable.All(tx, "", "") {
			require.Equal(m, nodes[id].LogicalUsed, u.LogicalUsed)
			require.Equal(m, nodes[id].PhysicalUsed, u.PhysicalUsed)
		}
	})
}

func (m *blockModel) checkThing(thing *modelThing, layer, owned physics.Blocks) {
	m.Helper()
	if thing.snapshot {
		require.Equal(m, SnapshotStatistics{
			PhysicalCapacity: layer.Physical(), PhysicalOwnedCapacity: owned.Physical(), UserWritten: layer.Logical(),
			PhysicalMemory: layer.Count() * 8, PhysicalOwnedMemory: owned.Count() * 8,
		}, *m.snapshots[thing.id].Statistics, "snapshot %s", thing.id)
		return
	}
	st := m.volumes[thing.id].Statistics
	require.Equal(m, uint64(len(thing.blocks)*lba), st.LogicalUsedStorage, "volume %s", thing.id)
	require.Equal(m, layer.Logical(), st.UserWritten, "layer of volume %s", thing.id)
	require.Equal(m, layer.Physical(), st.PhysicalCapacity)
	require.Equal(m, owned.Physical(), st.PhysicalOwnedCapacity)
}

// checkDiff compares two snapshots of one chain on the wire.
func (m *blockModel) checkDiff() {
	m.Helper()
	base, target := m.pick(true), m.pick(true)
	if base == nil || base.chain != target.chain || base.born >= target.born {
		return
	}
	var want []uint64
	for at := range uint64(modelLBAs) {
		if base.blocks[at].write != target.blocks[at].write {
			want = append(want, at)
		}
	}
	require.Equal(m, want, m.changed(target.id, "baseSnapshotUUID", base.id))
}
