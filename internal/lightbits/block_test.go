package lightbits

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

const (
	volumesPath   = "/api/v2/projects/default/volumes"
	snapshotsPath = "/api/v2/projects/default/snapshots"
)

// blockServer is a server without authentication, with helpers for tests of blocks.
type blockServer struct {
	testing.TB
	*server
}

func newBlockServer(t *testing.T, options ...option) *blockServer {
	t.Helper()
	return &blockServer{TB: t, server: newServer(t, append(options, withAuth(api.AuthOff))...)}
}

// withNodes gives the cluster n servers with one node each, of eight devices of that size in bytes.
func withNodes(n int, disk uint64) option {
	return withSeed(func(_ *Service, tx *store.Tx) error {
		if err := clusterTable.Put(tx, &clusterRow{UUID: tx.NewUUID().String(), Name: cluster,
			MaxReplicas: 3}); err != nil {
			return err
		}
		for i := range n {
			name := fmt.Sprintf("server%02d", i)
			if err := usageTable.Put(tx, &nodeUsage{
				UUID: tx.NewUUID().String(), Name: name + "-0", Server: name, Domains: []string{name},
				Serving: true, Synced: true, Attached: true, Disks: physics.Disks{Count: 8, Bytes: 8 * disk,
					Coded: true},
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// see reads the cluster; try changes it and returns the error.
func (h *blockServer) see(fn func(tx *store.Tx)) {
	h.Helper()
	h.view(func(tx *store.Tx) error {
		fn(tx)
		return nil
	})
}

func (h *blockServer) try(fn func(tx *store.Tx) error) error {
	return h.engine.Update(api.DefaultWorld, "test", func(tx *store.Tx) error { return fn(tx.In(cluster)) })
}

// act runs an action with JSON parameters.
func (h *blockServer) act(action api.Action, params string) (answer any, err error) {
	err = h.try(func(tx *store.Tx) error {
		answer, err = action.Run(tx, json.RawMessage(params))
		return err
	})
	return answer, err
}

// created sends a POST and returns the UUID of what it created.
func (h *blockServer) created(path, body string) string {
	h.Helper()
	status, answer := h.do(http.MethodPost, path, "", body)
	require.Equal(h, http.StatusOK, status, answer)
	var resource struct{ UUID string }
	require.NoError(h, json.Unmarshal([]byte(answer), &resource))
	require.NotEmpty(h, resource.UUID)
	return resource.UUID
}

// ok sends a request that must succeed and returns the body of the response.
func (h *blockServer) ok(method, path, body string) string {
	h.Helper()
	status, answer := h.do(method, path, "", body)
	require.Equal(h, http.StatusOK, status, answer)
	return answer
}

func (h *blockServer) newVolume(name, size string, replicas int, compression string) string {
	h.Helper()
	return h.created(volumesPath, fmt.Sprintf(
		`{"name":%q,"size":%q,"replicaCount":%d,"compression":%q,"acl":{"values":["ALLOW_NONE"]}}`, name, size,
		replicas, compression))
}

func (h *blockServer) newSnapshot(name, volume string) string {
	h.Helper()
	return h.created(snapshotsPath, fmt.Sprintf(`{"name":%q,"sourceVolumeUUID":%q}`, name, volume))
}

func (h *blockServer) newClone(name, snapshot string) string {
	h.Helper()
	var source struct {
		Size         string
		ReplicaCount int
	}
	require.NoError(h, json.Unmarshal([]byte(h.ok(http.MethodGet, snapshotsPath+"/"+snapshot, "")), &source))
	return h.created(volumesPath, fmt.Sprintf(
		`{"name":%q,"size":%q,"replicaCount":%d,"sourceSnapshotUUID":%q,"acl":{"values":["ALLOW_NONE"]}}`,
		name, source.Size, source.ReplicaCount, snapshot))
}

// write writes count blocks of a volume.
func (h *blockServer) write(volume string, start, count uint64) {
	h.Helper()
	_, err := h.act(h.service.writeVolumeAction(),
		fmt.Sprintf(`{"volume":%q,"offset":%d,"bytes":%d}`, volume, start*lba, count*lba))
	require.NoError(h, err)
}

func (h *blockServer) volume(id string) (v Volume) {
	h.Helper()
	h.see(func(tx *store.Tx) {
		row, err := h.service.volumes.Find(tx, id)
		require.NoError(h, err)
		v = row.Body
	})
	return v
}

func (h *blockServer) snapshot(id string) (sn Snapshot) {
	h.Helper()
	h.see(func(tx *store.Tx) {
		row, err := h.service.snapshots.Find(tx, id)
		require.NoError(h, err)
		sn = row.Body
	})
	return sn
}

// used returns the usage of the nodes, by name.
func (h *blockServer) used() map[string]Usage {
	all := map[string]Usage{}
	h.see(func(tx *store.Tx) {
		for _, u := range usageTable.All(tx, "", "") {
			all[u.Name] = u.Usage
		}
	})
	return all
}

func TestBlocks_VolumeStatistics(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	plain, packed := h.newVolume("plain", "1GiB", 2, "false"), h.newVolume("packed", "1GiB", 1, "true")
	require.Equal(t, VolumeStatistics{}, *h.volume(plain).Statistics)

	h.write(plain, 10, 100)
	h.write(plain, 50, 100)
	const blocks = 140
	want := VolumeStatistics{
		LogicalUsedStorage: blocks * lba, PhysicalUsedStorage: blocks * lba, CompressionRatio: 1,
		TotalCompressionRatio: 1,
		PhysicalCapacity:      blocks * lba, PhysicalOwnedCapacity: blocks * lba, PhysicalOwnedMemory: blocks * 8,
		PhysicalMemory: blocks * 8, UserWritten: blocks * lba,
	}
	require.Equal(t, want, *h.volume(plain).Statistics)

	h.write(packed, 0, 10)
	got := *h.volume(packed).Statistics
	require.Equal(t, uint64(10*lba), got.LogicalUsedStorage)
	require.Equal(t, uint64(5*lba), got.PhysicalUsedStorage)
	require.InDelta(t, 2, got.CompressionRatio, 0)

	var sum Usage
	for _, u := range h.used() {
		sum = sum.Add(u)
	}
	require.Equal(t, int64((2*blocks+10)*lba), sum.LogicalUsed, "each replica counts on its node")
	require.Equal(t, int64((2*blocks+5)*lba), sum.PhysicalUsed)

	h.ok(http.MethodPut, volumesPath+"/"+packed, `{"compression":"false"}`)
	h.write(packed, 5, 10)
	got = *h.volume(packed).Statistics
	require.Equal(t, uint64(15*lba), got.LogicalUsedStorage)
	require.Equal(t, uint64(10*lba+5*lba/2), got.PhysicalUsedStorage,
		"blocks written before stay compressed (assumption 70)")
}

func TestBlocks_SnapshotStatistics(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	v := h.newVolume("v", "1GiB", 1, "false")
	h.write(v, 0, 100)
	sn := h.newSnapshot("s", v)
	require.Zero(t, h.volume(v).Statistics.PhysicalOwnedCapacity, "the snapshot has the same blocks")
	require.Equal(t, SnapshotStatistics{PhysicalCapacity: 100 * lba, PhysicalMemory: 800, UserWritten: 100 * lba},
		*h.snapshot(sn).Statistics)

	h.write(v, 0, 30)
	require.Equal(t, uint64(30*lba), h.snapshot(sn).Statistics.PhysicalOwnedCapacity,
		"only the snapshot has the old blocks")
	got := h.volume(v).Statistics
	require.Equal(t, uint64(100*lba), got.LogicalUsedStorage)
	require.Equal(t, uint64(30*lba), got.UserWritten)
	require.Equal(t, uint64(30*lba), got.PhysicalOwnedCapacity)

	h.ok(http.MethodPut, volumesPath+"/"+v+"/rollback", fmt.Sprintf(`{"srcSnapshotUUID":%q}`, sn))
	require.Zero(t, h.volume(v).Statistics.PhysicalOwnedCapacity)
	require.Equal(t, int64(100*lba), h.used()["server00-0"].PhysicalUsed)

	h.ok(http.MethodDelete, snapshotsPath+"/"+sn, "")
	require.Equal(t, uint64(100*lba), h.volume(v).Statistics.PhysicalOwnedCapacity, "only the volume is left")
	h.ok(http.MethodDelete, volumesPath+"/"+v, "")
	require.Zero(t, h.used()["server00-0"])
}

// A write by a host is not a modification through the API: the ETag stays (assumption 72).
func TestBlocks_WriteKeepsETag(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	v := h.newVolume("v", "1GiB", 3, "false")
	before := h.volume(v)
	h.write(v, 0, 5)
	sn := h.newSnapshot("s", v)
	h.write(v, 0, 5)
	h.ok(http.MethodDelete, snapshotsPath+"/"+sn, "")
	after := h.volume(v)
	require.NotEqual(t, before.Statistics, after.Statistics)
	after.Statistics = before.Statistics
	require.Equal(t, before, after)
}

func TestBlocks_ShrinkDropsBlocks(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	v := h.newVolume("v", "1MiB", 1, "false")
	h.write(v, 0, 256)
	h.ok(http.MethodPut, volumesPath+"/"+v, `{"size":"512KiB","Force":true}`)
	require.Equal(t, uint64(128*lba), h.volume(v).Statistics.LogicalUsedStorage)
	require.Equal(t, int64(128*lba), h.used()["server00-0"].LogicalUsed)
	h.ok(http.MethodPut, volumesPath+"/"+v, `{"size":"1MiB"}`)
	require.Equal(t, uint64(128*lba), h.volume(v).Statistics.LogicalUsedStorage, "growing does not restore blocks")
}

func TestBlocks_NewVolumeHasNoRow(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	h.newVolume("v", "1GiB", 3, "false")
	h.see(func(tx *store.Tx) {
		for key := range blockTable.Scan(tx, "", "") {
			require.Fail(t, "a volume that was never written has a row", "%q", key)
		}
	})
}

func TestBlockCodec_DamagedRow(t *testing.T) {
	t.Parallel()
	codec := blockCodec()
	row := blockRow{
		holder: holderVolume, project: "p", uuid: "u", chain: "c", seq: 3, writing: 5,
		extents: physics.Extents{{Start: 0, Count: 2, Generation: 4}, {Start: 2, Count: 1, Generation: 5},
			{Start: 1 << 40, Count: 9, Generation: 4}},
	}
	raw, err := codec.Append(nil, &row)
	require.NoError(t, err)
	var back blockRow
	require.NoError(t, codec.Decode(raw, &back))
	require.Equal(t, row, back)
	for n := range raw {
		require.Error(t, codec.Decode(raw[:n], &blockRow{}), "cut after %d bytes", n)
	}
	require.Error(t, codec.Decode(append(raw, 1), &blockRow{}))
}
