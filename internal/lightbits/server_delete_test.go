package lightbits

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A Deleting server is deleted once its last replica has moved away, even if that is a snapshot whose volume was
// deleted.
func TestDeleteServer_LastReplicaIsOfASnapshot(t *testing.T) {
	s := newServer(t, withCluster("servers: 4\nfeatureFlags: {fail-in-place: true}\nvolumes: [{name: v, "+
		"replicaCount: 3}]"))
	s.ok("POST", projectPath+"snapshots", `{"name":"s","sourceVolumeName":"v"}`)
	s.advance(time.Second)
	id := s.firstServer()
	s.ok("DELETE", projectPath+"volumes/?name=v", "")
	s.advance(time.Second)
	s.ok("POST", "/api/v2/servers/"+id+"/disable", "")
	s.advance(time.Second)
	s.ok("DELETE", "/api/v2/servers/"+id+"?forceDelete=true", "")
	s.advance(30 * time.Minute)
	require.Equal(t, ServerDeleting, decodeWire[Server](t, s, "/api/v2/servers/"+id).State)
	s.advance(time.Hour)
	status, _ := s.do("GET", "/api/v2/servers/"+id, admin, "")
	require.Equal(t, 404, status, "fail-in-place has moved the snapshot")
}

// A server with the only replica of a volume is not deleted, even with forceDelete.
func TestDeleteServer_SingleReplica(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: one, replicaCount: 1}]"))
	var holder shownNode
	s.get("/api/v2/nodes/"+s.volumes("default")["one"].NodeList[0], &holder)
	status, body := s.do("POST", "/api/v2/servers/"+holder.ServerUUID+"/disable", admin, `{"ForceDisable":true}`)
	require.Equal(t, 200, status, body)
	s.advance(time.Second)
	status, body = s.do("DELETE", "/api/v2/servers/"+holder.ServerUUID+"?forceDelete=true", admin, "")
	require.Equal(t, 400, status, body)
	require.Contains(t, body, "1 volumes or snapshots with a single replica")
}
