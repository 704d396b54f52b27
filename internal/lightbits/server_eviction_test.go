package lightbits

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An eviction without progress for EvictionNoProgressTimeout fails, and the server stays enabled.
func TestDisableServer_EvictionFails(t *testing.T) {
	s := newServer(t, withCluster(
		"servers: 4\nmaxReplicas: 3\nfeatureFlags: {evict-data: true}\nvolumes: [{name: v, replicaCount: 3}]"))
	v := s.volumes("default")["v"]
	down := ""
	for _, name := range []string{"server00-0", "server01-0", "server02-0", "server03-0"} {
		if n := s.node(name); n.UUID != v.NodeList[0] && n.UUID != v.NodeList[1] && n.UUID != v.NodeList[2] {
			down = n.UUID
		}
	}
	s.must("fail-node", `{"node":"`+down+`"}`)
	var holder shownNode
	s.get("/api/v2/nodes/"+v.NodeList[0], &holder)
	status, body := s.do("POST", "/api/v2/servers/"+holder.ServerUUID+"/disable", admin, `{"evictData":true}`)
	require.Equal(t, 200, status, body)
	s.advance(29 * time.Minute)
	require.Equal(t, ServerDisabling, decodeWire[Server](t, s, "/api/v2/servers/"+holder.ServerUUID).State)
	s.advance(2 * time.Minute)
	server := decodeWire[Server](t, s, "/api/v2/servers/"+holder.ServerUUID)
	require.Equal(t, ServerEnabled, server.State)
	require.Equal(t, EvictionFailed, server.LastEviction.Status)
	require.Contains(t, server.LastEviction.ErrorMessage, "1 of 1 groups of replicas found no other node for 30m")
}

// Enabling a server that is being evicted aborts the eviction.
func TestEnableServer_AbortsEviction(t *testing.T) {
	s := newServer(t, withCluster(
		"servers: 4\nmaxReplicas: 3\nfeatureFlags: {evict-data: true}\nvolumes: {count: 3, replicaCount: 3}"))
	var holder shownNode
	s.get("/api/v2/nodes/"+s.volumes("default")["vol-00000"].NodeList[0], &holder)
	status, body := s.do("POST", "/api/v2/servers/"+holder.ServerUUID+"/disable", admin, `{"evictData":true}`)
	require.Equal(t, 200, status, body)
	require.Equal(t, "Migrating", s.volumes("default")["vol-00000"].State)
	status, body = s.do("POST", "/api/v2/servers/"+holder.ServerUUID+"/enable", admin, "")
	require.Equal(t, 200, status, body)
	require.Equal(t, EvictionAborting, decodeWire[Server](t, s, "/api/v2/servers/"+holder.ServerUUID).LastEviction.Status)
	s.advance(time.Second)
	server := decodeWire[Server](t, s, "/api/v2/servers/"+holder.ServerUUID)
	require.Equal(t, ServerEnabled, server.State)
	require.Equal(t, EvictionAborted, server.LastEviction.Status)
	require.Equal(t, "Available", s.volumes("default")["vol-00000"].State)
}

// "LastEviction.progress" (percent) grows with every poll, and the volumes of one server share the rate of its node.
func TestDisableServer_EvictionProgress(t *testing.T) {
	s := newServer(t, withCluster("servers: 4\nmaxReplicas: 3\nfeatureFlags: {evict-data: true}\n"+
		"volumes: [{name: v, replicaCount: 3, size: 1TiB}, {name: w, replicaCount: 3, size: 1TiB}, "+
		"{name: x, replicaCount: 3, size: 1TiB}, {name: y, replicaCount: 3, size: 1TiB}]"))
	for _, v := range []string{"v", "w", "x", "y"} {
		s.must("write-volume", `{"volume":"`+v+`","bytes":"256GiB"}`)
	}
	s.hold("lightbits.migration.move", `"1m"`)
	id := s.firstServer()
	s.ok("POST", "/api/v2/servers/"+id+"/disable", `{"evictData":true}`)
	last, polls := uint32(0), 0
	for {
		s.advance(time.Minute)
		v := decodeWire[Server](t, s, "/api/v2/servers/"+id)
		require.GreaterOrEqual(t, v.LastEviction.Progress, last)
		if v.State == ServerDisabled {
			break
		}
		require.Greater(t, v.LastEviction.Progress, last, "after %d minutes", polls+1)
		last = v.LastEviction.Progress
		polls++
	}
	require.Contains(t, []int{7, 11, 15}, polls, "4 minutes for each volume on the server")
	require.Equal(t, uint32(100), decodeWire[Server](t, s, "/api/v2/servers/"+id).LastEviction.Progress)
}
