package lightbits

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// refused sends a POST that must be refused with status 400 and a message that contains words.
func (s *server) refused(words, path, body string) {
	s.t.Helper()
	got, answer := s.do("POST", path, admin, body)
	require.Equal(s.t, 400, got, answer)
	require.Contains(s.t, answer, words)
}

// A server with the only replica of a volume is evicted only if the request insists.
func TestDisableServer_SingleReplicasNeedForce(t *testing.T) {
	s := newServer(t, withCluster("servers: 4\nfeatureFlags: {evict-data: true}\nvolumes: [{name: one, "+
		"replicaCount: 1}]"))
	var holder shownNode
	s.get("/api/v2/nodes/"+s.volumes("default")["one"].NodeList[0], &holder)
	path := "/api/v2/servers/" + holder.ServerUUID + "/disable"
	s.refused("1 volumes or snapshots with a single replica; ForceDisable evicts them too", path, `{"evictData":true}`)
	s.ok("POST", path, `{"evictData":true,"ForceDisable":true}`)
	s.advance(time.Minute)
	require.Equal(t, EvictionCompleted, decodeWire[Server](t, s,
		"/api/v2/servers/"+holder.ServerUUID).LastEviction.Status)
	one := s.volumes("default")["one"]
	require.NotEqual(t, holder.UUID, one.NodeList[0])
	require.Equal(t, "FullyProtected", one.ProtectionState)
}

// A cluster has at most maxServers servers.
func TestCreateServer_TooMany(t *testing.T) {
	s := newServer(t, withCluster(fmt.Sprintf("servers: %d\ndevicesPerNode: 1", maxServers-1)))
	body := `{"serverEndpoints":["http://10.9.0.%d:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-00000000000%d"}`
	s.ok("POST", "/api/v2/servers", fmt.Sprintf(body, 1, 1))
	s.refused("the cluster has 240 servers, which is the maximum", "/api/v2/servers", fmt.Sprintf(body, 2, 2))
	require.Len(t, s.servers(""), maxServers)
}

// While a server is being upgraded, its nodes cannot be stopped, started or restarted.
func TestNodeInstance_DuringServerUpgrade(t *testing.T) {
	s := newServer(t, withCluster("servers: 3"))
	node := s.node("server00-0")
	s.ok("POST", "/api/v2/servers/"+node.ServerUUID+"/upgrade",
		`{"InstallPkgUri":"https://packages.example/lightos-3.16.1.tar.gz"}`)
	for _, what := range []string{"stop", "restart"} {
		s.refused("server server00, which is being upgraded: Upgrading", "/api/v2/nodes/"+node.UUID+"/"+what,
			`{"force":true}`)
	}
	s.advance(400 * time.Millisecond)
	require.Equal(t, "Inactive", s.node("server00-0").State)
	s.refused("server server00, which is being upgraded: Rebooting", "/api/v2/nodes/"+node.UUID+"/start", "")
	s.advance(time.Minute)
	s.ok("POST", "/api/v2/nodes/"+node.UUID+"/restart", "")
}

// A server has slots for twice as many devices as a node manages.
func TestInsertDevice_NoFreeSlot(t *testing.T) {
	s := newServer(t, withCluster("servers: 2"))
	for k := defaultDevices; k < maxSlots; k++ {
		s.must("insert-device", fmt.Sprintf(`{"serial":"NEW%d","server":"server00"}`, k))
	}
	_, err := s.action("insert-device", `{"serial":"LAST","server":"server00"}`)
	require.ErrorContains(t, err, "server server00 has 48 NVMe devices and no free slot")
	s.must("insert-device", `{"serial":"LAST","server":"server01"}`)
	s.must("pull-device", `{"serial":"NEW8"}`)
	s.must("insert-device", `{"serial":"NEXT","server":"server00"}`)
	require.Equal(t, "nvme8n1", decodeWire[NvmeDevice](t, s, "/api/v2/nvmeDevices/NEXT").Name,
		"the free slot is used again")
}

// A clone has the replica count of its snapshot.
func TestCreateVolume_CloneWithOtherReplicas(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 2}]"))
	s.ok("POST", projectPath+"snapshots", `{"name":"s","sourceVolumeName":"v"}`)
	s.advance(time.Second)
	body := `{"name":"clone","size":"1GiB","replicaCount":%d,"acl":{"values":["ALLOW_ANY"]},"sourceSnapshotName":"s"}`
	for _, replicas := range []int{1, 3} {
		s.refused(fmt.Sprintf("replica count %d differs from that of snapshot s, which is 2", replicas),
			projectPath+"volumes", fmt.Sprintf(body, replicas))
	}
	s.refused("a mandatory argument is missing", projectPath+"volumes", fmt.Sprintf(body, 0))
	s.ok("POST", projectPath+"volumes", fmt.Sprintf(body, 2))
	require.Len(t, s.volumes("default")["clone"].NodeList, 2)
}
