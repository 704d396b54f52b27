package lightbits

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
)

// A node that has lost all of its devices rebuilds what they held as soon as it is given one.
func TestDevice_AddedToANodeThatHasNone(t *testing.T) {
	for _, profile := range []statemachine.Profile{statemachine.Fast, statemachine.Instant} {
		s := newServer(t, withProfile(profile), withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
		node := s.node("server00-0").UUID
		var list listNvmeDevicesResponse
		s.get("/api/v2/nvmeDevices?nodeUUID="+node, &list)
		device := func(serial string) NvmeDevice { return decodeWire[NvmeDevice](t, s, "/api/v2/nvmeDevices/"+serial) }
		s.must("fail-node", `{"node":"server00-0"}`)
		for _, d := range list.NvmeDevices {
			s.must("fail-device", fmt.Sprintf(`{"serial":%q}`, d.Serial))
		}
		s.must("recover-node", `{"node":"server00-0"}`)
		s.advance(time.Minute)
		require.True(t, device(list.NvmeDevices[0].Serial).RebuildCompletionTime.IsZero(), "there is none to rebuild on")
		s.must("insert-device", `{"serial":"NEW","server":"server00"}`)
		s.ok("POST", "/api/v2/nvmeDevices", fmt.Sprintf(`{"serialNumber":"NEW","nodeUUID":%q}`, node))
		s.advance(time.Minute)
		require.False(t, s.node("server00-0").InLocalRebuild)
		for _, d := range list.NvmeDevices {
			require.False(t, device(d.Serial).RebuildCompletionTime.IsZero())
		}
		require.Equal(t, 1, strings.Count(strings.Join(s.eventNames("?componentType=Node"), " "), "NodeLocalRebuildCompleted"))
	}
}

// A node that has handed over all it held leaves the cluster even when it is lost on its last steps, and takes replicas
// like any other when it is in a cluster again.
func TestReplaceNode_SourceLostWhenItIsEmpty(t *testing.T) {
	for _, loss := range []string{`fail-node {"node":"server00-0"}`, `fail-server {"server":"server00"}`} {
		s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
		s.ok("POST", "/api/v2/servers", `{"serverEndpoints":["http://10.9.0.1:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-000000000001"}`)
		s.advance(time.Second)
		source, target := s.node("server00-0").UUID, s.node("server03-0").UUID
		s.hold("lightbits.node.detach", `"10s"`)
		s.ok("POST", "/api/v2/nodes/"+source+"/replace", fmt.Sprintf(`{"TargetNodeUUID":%q,"ReplaceWhileActive":true}`, target))
		s.advance(2 * time.Second)
		require.Contains(t, s.volumes("default")["v"].NodeList, target)
		require.Equal(t, "Detaching", s.node("server00-0").State)
		name, params, _ := strings.Cut(loss, " ")
		s.must(name, params)
		require.Equal(t, "Detaching", s.node("server00-0").State, "it has nothing more to lose")
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
