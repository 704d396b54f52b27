package lightbits

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// A node cannot be replaced while its server is being upgraded, and cannot recover before its server does.
func TestNode_ServerIsBusy(t *testing.T) {
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

// A node that is being replaced gets no new replicas. The replacement fails if the target can no longer take over: here
// another replica has moved into the target's failure domain.
func TestReplaceNode_TargetBecomesUnsuitable(t *testing.T) {
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
		s.ok("POST", projectPath+"volumes",
			fmt.Sprintf(`{"name":"n%d","size":"4GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`, k))
		require.NotContains(t, s.volumes("default")[fmt.Sprint("n", k)].NodeList, source)
	}
	s.must("fill-cluster", `{"percent":10}`)
	require.Zero(t, decodeWire[Node](t, s, "/api/v2/nodes/"+source).Statistics.PhysicalUsedStorage,
		"fill-cluster does not use the node")
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
	s.ok("POST", projectPath+"volumes", `{"name":"last","size":"4GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
	require.Equal(t, []string{source}, s.volumes("default")["last"].NodeList,
		"it gets replicas again, as the node with the fewest")
}

// If the source of a replacement fails after all its replicas have moved, the replacement is completed. The node can be
// used again afterwards.
func TestReplaceNode_SourceFailsWhenEmpty(t *testing.T) {
	for _, loss := range []string{`fail-node {"node":"server00-0"}`, `fail-server {"server":"server00"}`} {
		s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
		s.ok("POST", "/api/v2/servers",
			`{"serverEndpoints":["http://10.9.0.1:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-000000000001"}`)
		s.advance(time.Second)
		source, target := s.node("server00-0").UUID, s.node("server03-0").UUID
		s.hold("lightbits.node.detach", `"10s"`)
		s.ok("POST", "/api/v2/nodes/"+source+"/replace",
			fmt.Sprintf(`{"TargetNodeUUID":%q,"ReplaceWhileActive":true}`, target))
		s.advance(2 * time.Second)
		require.Contains(t, s.volumes("default")["v"].NodeList, target)
		require.Equal(t, "Detaching", s.node("server00-0").State)
		name, params, _ := strings.Cut(loss, " ")
		s.must(name, params)
		require.Equal(t, "Detaching", s.node("server00-0").State, "the replacement continues")
		s.advance(time.Minute)
		require.Equal(t, "Unattached", s.node("server00-0").State)

		if name == "fail-server" {
			s.must("recover-server", `{"server":"server00"}`)
			s.advance(time.Minute)
		}
		s.must("fail-node", `{"node":"server03-0"}`)
		s.ok("POST", "/api/v2/nodes/"+target+"/replace", fmt.Sprintf(`{"TargetNodeUUID":%q}`, source))
		s.advance(time.Minute)
		require.Contains(t, s.volumes("default")["v"].NodeList, source)
		s.ok("POST", projectPath+"volumes", `{"name":"w","size":"4GiB","replicaCount":3,"acl":{"values":["ALLOW_ANY"]}}`)
		require.Contains(t, s.volumes("default")["w"].NodeList, source)
	}
}
