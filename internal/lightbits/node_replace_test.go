package lightbits

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// While a server is upgraded or emptied, none of its nodes is replaced, and none comes back before its server does.
func TestNode_OfABusyServer(t *testing.T) {
	s := newServer(t, withCluster("servers: 4\nvolumes: [{name: v, replicaCount: 3}]"))
	s.ok("POST", "/api/v2/servers",
		`{"serverEndpoints":["http://10.9.0.1:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-000000000001"}`)
	s.advance(time.Second)
	spare := s.node("server04-0").UUID
	id := s.firstServer()
	node := s.volumes("default")["v"].NodeList[0]
	s.ok("POST", "/api/v2/servers/"+id+"/upgrade", `{"InstallPkgUri":"https://packages.example/lightos-3.16.1.tar.gz"}`)
	status, body := s.do("POST", "/api/v2/nodes/"+node+"/replace", admin,
		fmt.Sprintf(`{"TargetNodeUUID":%q,"ReplaceWhileActive":true}`, spare))
	require.Equal(t, 409, status, body)
	s.advance(time.Minute)
	s.ok("POST", "/api/v2/nodes/"+node+"/replace",
		fmt.Sprintf(`{"TargetNodeUUID":%q,"ReplaceWhileActive":true}`, spare))

	s.must("fail-server", `{"server":"server03"}`)
	_, err := s.action("recover-node", `{"node":"server03-0"}`)
	require.ErrorContains(t, err, "its server server03 is Failed")
}

// A node that is being replaced takes nothing new, and is not replaced when the target cannot take over any more what
// has changed since: here another replica has come into the target's failure domain.
func TestReplaceNode_WhatChangesMeanwhile(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nnodesPerServer: 2\nvolumes: [{name: v, replicaCount: 2}]"))
	s.ok("POST", "/api/v2/servers",
		`{"serverEndpoints":["http://10.9.0.1:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-000000000001"}`)
	s.advance(time.Second)
	target, sibling := s.node("server03-0").UUID, s.node("server03-1").UUID
	s.update(func(tx *store.Tx) error {
		row, err := s.service.nodes.Get(tx, sibling)
		require.NoError(t, err)
		return s.service.nodes.Fire(tx, &row, "attach")
	})
	s.advance(time.Second)
	v := s.volumes("default")["v"]
	source := v.NodeList[0]
	s.hold("lightbits.node.attach", `"1m"`)
	s.ok("POST", "/api/v2/nodes/"+source+"/replace",
		fmt.Sprintf(`{"TargetNodeUUID":%q,"ReplaceWhileActive":true}`, target))
	for k := range 20 {
		s.ok("POST", deedProject+"volumes",
			fmt.Sprintf(`{"name":"n%d","size":"4GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`, k))
		require.NotContains(t, s.volumes("default")[fmt.Sprint("n", k)].NodeList, source)
	}
	s.must("fill-cluster", `{"percent":10}`)
	require.Zero(t, decodeWire[Node](t, s, "/api/v2/nodes/"+source).Statistics.PhysicalUsedStorage,
		"nor do hosts fill it up")
	s.update(func(tx *store.Tx) error {
		c, err := s.service.placedChain(tx, v.UUID)
		require.NoError(t, err)
		return s.service.moveReplica(tx, &c, v.NodeList[1], sibling)
	})
	s.advance(2 * time.Minute)
	require.Equal(t, NodeActive, decodeWire[Node](t, s, "/api/v2/nodes/"+source).State,
		"the replacement did not happen")
	require.Equal(t, "Unattached", s.node("server03-0").State)
	require.Equal(t, []string{source, sibling}, s.volumes("default")["v"].NodeList)
	s.ok("POST", deedProject+"volumes", `{"name":"last","size":"4GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
	require.Equal(t, []string{source}, s.volumes("default")["last"].NodeList,
		"it takes replicas again, and has the least")
}

// Of the nodes that are Inactive by then, too, a new DurationToTurnIntoPermanentFailure says how long they are waited
// for.
func TestNode_PermanentFailureTimeoutMoves(t *testing.T) {
	for _, c := range []struct {
		timeout string
		failed  []bool // after half an hour, one hour, two hours
	}{
		{"10m", []bool{true, true, true}}, {"90m", []bool{false, false, true}}, {"0s", []bool{false, false, false}},
	} {
		s := newServer(t, withCluster("servers: 3"))
		path := "/api/v2/nodes/" + s.node("server00-0").UUID
		s.must("fail-node", `{"node":"server00-0"}`)
		s.advance(20 * time.Minute)
		s.ok("PUT", "/api/v2/clusterConfig/DurationToTurnIntoPermanentFailure",
			fmt.Sprintf(`{"configParam":{"value":%q}}`, c.timeout))
		var failed []bool
		for _, by := range []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour} {
			s.advance(by)
			failed = append(failed, decodeWire[Node](t, s, path).PermanentFailure)
		}
		require.Equal(t, c.failed, failed, c.timeout)
		s.ok("PUT", "/api/v2/clusterConfig/DurationToTurnIntoPermanentFailure", `{"configParam":{"value":"1h"}}`)
		s.advance(time.Second)
		require.True(t, decodeWire[Node](t, s, path).PermanentFailure, "two hours are enough")
	}
}
