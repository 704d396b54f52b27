package lightbits

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// fail-in-place also moves replicas if the flag is enabled, or a node is added, after the failure.
func TestFailInPlace_AfterTheFailure(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
	s.must("fail-node", `{"node":"server00-0"}`)
	s.advance(2 * time.Hour)
	s.ok("POST", "/api/v2/featureFlags/fail-in-place/enable", "")
	s.advance(time.Minute)
	require.Equal(t, "Degraded", s.volumes("default")["v"].ProtectionState, "there is no other node")
	s.ok("POST", "/api/v2/servers",
		`{"serverEndpoints":["http://10.9.0.1:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-000000000001",`+
			`"extendCluster":true}`)
	s.advance(time.Minute)
	v := s.volumes("default")["v"]
	require.Equal(t, "FullyProtected", v.ProtectionState)
	require.Contains(t, v.NodeList, s.node("server03-0").UUID)

	s.ok("POST", "/api/v2/featureFlags/fail-in-place/disable", "")
	s.must("fail-node", `{"node":"server03-0"}`)
	s.must("recover-node", `{"node":"server00-0"}`)
	s.advance(2 * time.Hour)
	require.Equal(t, "Degraded", s.volumes("default")["v"].ProtectionState)
	s.ok("POST", "/api/v2/featureFlags/fail-in-place/enable", "")
	s.advance(time.Minute)
	require.Equal(t, "FullyProtected", s.volumes("default")["v"].ProtectionState)
}

// proactive-rebalance starts at once if it is enabled when a node is already full.
func TestProactiveRebalance_NodeAlreadyFull(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 1, size: 20TiB}, {name: w, "+
		"replicaCount: 1, size: 4TiB}]"))
	s.must("write-volume", `{"volume":"v","bytes":"20TiB"}`)
	v, w := s.volumes("default")["v"], s.volumes("default")["w"]
	if v.NodeList[0] != w.NodeList[0] {
		s.update(func(tx *store.Tx) error {
			c, err := s.service.placedChain(tx, w.UUID)
			require.NoError(t, err)
			return s.service.moveReplica(tx, &c, w.NodeList[0], v.NodeList[0])
		})
	}
	s.must("write-volume", `{"volume":"w","bytes":"3TiB"}`)
	full := func() bool { return decodeWire[Node](t, s, "/api/v2/nodes/"+v.NodeList[0]).ReadOnly }
	require.True(t, full())
	s.advance(time.Minute)
	require.True(t, full())
	s.ok("POST", "/api/v2/featureFlags/proactive-rebalance/enable", "")
	s.advance(10 * time.Minute)
	require.False(t, full())
}

// A volume that is updated, rolled back or cloned during a migration is Migrating until the migration ends.
func TestMigration_OperationsOnVolume(t *testing.T) {
	s := newServer(t, withCluster("servers: 5\nfeatureFlags: {evict-data: true}\nvolumes: [{name: v, replicaCount: 3}]"))
	s.ok("POST", projectPath+"snapshots", `{"name":"s","sourceVolumeName":"v"}`)
	s.advance(time.Second)
	s.hold("lightbits.migration.move", `"1m"`)
	s.ok("POST", "/api/v2/servers/"+s.firstServer()+"/disable", `{"evictData":true}`)
	require.Equal(t, "Migrating", s.volumes("default")["v"].State)

	s.ok("POST", projectPath+"volumes", `{"name":"clone","size":"1GiB","replicaCount":3,"sourceSnapshotName":"s",`+
		`"acl":{"values":["ALLOW_ANY"]}}`)
	s.ok("PUT", projectPath+"volumes/?name=v", `{"size":"8GiB"}`)
	require.Equal(t, "Updating", s.volumes("default")["v"].State)
	s.advance(time.Second)
	require.Equal(t, "Migrating", s.volumes("default")["v"].State)
	require.Equal(t, "Migrating", s.volumes("default")["clone"].State)
	s.ok("PUT", projectPath+"volumes/"+s.volumes("default")["v"].UUID+"/rollback", `{"srcSnapshotName":"s"}`)
	require.Equal(t, "Rollback", s.volumes("default")["v"].State)
	s.advance(time.Second)
	require.Equal(t, "Migrating", s.volumes("default")["v"].State)
	s.advance(time.Minute)
	require.Equal(t, "Available", s.volumes("default")["v"].State)
	require.Equal(t, "Available", s.volumes("default")["clone"].State)
	require.Equal(t, s.volumes("default")["v"].NodeList, s.volumes("default")["clone"].NodeList)
}
