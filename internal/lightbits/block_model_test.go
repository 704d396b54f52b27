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

// modelBlock is a block of the model. Every write creates new ones.
type modelBlock struct {
	lba, write uint64
	compressed bool
}

// modelObject is a volume or snapshot of the model, block by block.
type modelObject struct {
	id, chain string
	snapshot  bool
	source    string // snapshots: the volume
	born      int
	blocks    map[uint64]modelBlock
}

// blockModel runs random operations through the API and on plain maps.
type blockModel struct {
	*blockServer
	rand    *rand.Rand
	objects []*modelObject // oldest first
	born    int
	writes  uint64

	volumes   map[string]Volume // as they are stored
	snapshots map[string]Snapshot
}

const (
	modelLBAs    = 192
	modelObjects = 14
)

func TestBlocks_EqualModel(t *testing.T) {
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

// load reads all volumes and snapshots, and removes from the model those that no longer exist: a snapshot with clones
// is removed later than it is deleted.
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
	m.objects = slices.DeleteFunc(m.objects, func(object *modelObject) bool {
		_, isVolume := m.volumes[object.id]
		_, isSnapshot := m.snapshots[object.id]
		return !isVolume && !isSnapshot
	})
	for id := range holding {
		require.True(m, slices.ContainsFunc(m.objects, func(object *modelObject) bool { return object.id == id }),
			"%s was deleted, but its blocks remain", id)
	}
}

func (m *blockModel) available(object *modelObject) bool {
	return m.volumes[object.id].State == VolumeAvailable || m.snapshots[object.id].State == SnapshotAvailable
}

// pick returns a random volume or snapshot that is Available, or nil.
func (m *blockModel) pick(snapshot bool) *modelObject {
	var all []*modelObject
	for _, object := range m.objects {
		if object.snapshot == snapshot && m.available(object) {
			all = append(all, object)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[m.rand.IntN(len(all))]
}

func (m *blockModel) add(object modelObject) {
	m.born++
	object.born = m.born
	m.objects = append(m.objects, &object)
}

// step runs a random operation.
func (m *blockModel) step() {
	m.Helper()
	name := fmt.Sprintf("n%d", m.born)
	v, sn := m.pick(false), m.pick(true)
	full := len(m.objects) >= modelObjects
	switch op := m.rand.IntN(20); {
	case v == nil || op == 0 && !full:
		id := m.newVolume(name, fmt.Sprint(modelLBAs*lba), 1+m.rand.IntN(3), fmt.Sprint(m.rand.IntN(2) == 0))
		m.add(modelObject{id: id, chain: id, blocks: map[uint64]modelBlock{}})
	case op < 9 && !full:
		m.stepWrite(v)
	case op < 12 && !full:
		m.add(modelObject{id: m.newSnapshot(name, v.id), chain: v.chain, snapshot: true, source: v.id,
			blocks: maps.Clone(v.blocks)})
	case op == 12:
		m.ok(http.MethodPut, volumesPath+"/"+v.id, fmt.Sprintf(`{"compression":"%t"}`, m.rand.IntN(2) == 0))
	case op == 13 || full && op%2 == 0:
		m.ok(http.MethodDelete, volumesPath+"/"+v.id, "")
	case sn == nil:
	case op < 16 && !full:
		m.add(modelObject{id: m.newClone(name, sn.id), chain: sn.chain, blocks: maps.Clone(sn.blocks)})
	case op == 16 || full:
		m.ok(http.MethodDelete, snapshotsPath+"/"+sn.id, "")
	default:
		m.stepRollback(sn)
	}
}

func (m *blockModel) stepWrite(v *modelObject) {
	m.Helper()
	start := m.rand.Uint64N(modelLBAs)
	n := 1 + m.rand.Uint64N(modelLBAs-start)
	m.write(v.id, start, n)
	m.writes++
	for at := start; at < start+n; at++ {
		v.blocks[at] = modelBlock{at, m.writes, m.volumes[v.id].Compression == "true"}
	}
}

func (m *blockModel) stepRollback(sn *modelObject) {
	m.Helper()
	for _, object := range m.objects {
		if object.id == sn.source && m.available(object) {
			m.ok(http.MethodPut, volumesPath+"/"+object.id+"/rollback", fmt.Sprintf(`{"srcSnapshotUUID":%q}`, sn.id))
			object.blocks = maps.Clone(sn.blocks)
		}
	}
}

// checkStatistics compares statistics and nodes with the model, which counts layers block by block.
func (m *blockModel) checkStatistics() {
	m.Helper()
	type chained struct {
		chain string
		modelBlock
	}
	holders := map[chained][]*modelObject{} // oldest first, snapshots before volumes
	for _, snapshots := range []bool{true, false} {
		for _, object := range m.objects {
			for _, b := range object.blocks {
				if object.snapshot == snapshots {
					holders[chained{object.chain, b}] = append(holders[chained{object.chain, b}], object)
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
	for _, object := range m.objects {
		m.checkThing(object, layers[object.id], owned[object.id])
	}
	m.see(func(tx *store.Tx) {
		for id, u := range usageTable.All(tx, "", "") {
			require.Equal(m, nodes[id].LogicalUsed, u.LogicalUsed)
			require.Equal(m, nodes[id].PhysicalUsed, u.PhysicalUsed)
		}
	})
}

func (m *blockModel) checkThing(object *modelObject, layer, owned physics.Blocks) {
	m.Helper()
	if object.snapshot {
		require.Equal(m, SnapshotStatistics{
			PhysicalCapacity: layer.Physical(), PhysicalOwnedCapacity: owned.Physical(), UserWritten: layer.Logical(),
			PhysicalMemory: layer.Count() * 8, PhysicalOwnedMemory: owned.Count() * 8,
		}, *m.snapshots[object.id].Statistics, "snapshot %s", object.id)
		return
	}
	st := m.volumes[object.id].Statistics
	require.Equal(m, uint64(len(object.blocks)*lba), st.LogicalUsedStorage, "volume %s", object.id)
	require.Equal(m, layer.Logical(), st.UserWritten, "layer of volume %s", object.id)
	require.Equal(m, layer.Physical(), st.PhysicalCapacity)
	require.Equal(m, owned.Physical(), st.PhysicalOwnedCapacity)
}

// checkDiff compares the difference of two snapshots of one chain, from the API, with the model.
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
