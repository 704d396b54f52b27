package lightbits

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func TestListNodes_Filters(t *testing.T) {
	s := newServer(t, withCluster(`
servers: [{}, {nodes: [{failureDomains: [rack1, zone]}, {failureDomains: [rack2, zone]}]}]`))
	names := func(query string) []string {
		var list struct{ Nodes []shownNode }
		s.get("/api/v2/nodes"+query, &list)
		var names []string
		for _, n := range list.Nodes {
			names = append(names, n.Name)
		}
		return names
	}
	all := []string{"server00-0", "server01-0", "server01-1"}
	require.Equal(t, all, names(""))
	require.Equal(t, all[1:2], names("?name=server01-0"))
	require.Equal(t, all[2:], names("?UUID="+s.node("server01-1").UUID))
	require.Equal(t, all[1:], names("?failureDomain=zone"))
	require.Equal(t, all[:1], names("?failureDomain=server00"))
	require.Empty(t, names("?name=nobody"))
	require.Equal(t, all, names("?Name=nobody"), "a parameter of another case is unknown and ignored")
	status, body := s.do(http.MethodGet, "/api/v2/nodes?name=nobody", admin, "")
	require.Equal(t, 200, status)
	require.Equal(t, "{}", body)
	for _, two := range []string{"?name=a&UUID=b", "?UUID=b&failureDomain=c", "?name=a&failureDomain=c"} {
		status, body = s.do(http.MethodGet, "/api/v2/nodes"+two, admin, "")
		require.Equal(t, 400, status)
		require.Contains(t, body, `"code":3`)
	}
}

func TestGetNode(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	uuid := s.node("server00-0").UUID
	var n shownNode
	s.get("/api/v2/nodes/"+uuid, &n)
	require.Equal(t, "server00-0", n.Name)
	require.Equal(t, "10.1.0.10:4420", n.NvmeEndpoint)
	require.Equal(t, 8, n.NumManagedDevices)
	require.True(t, n.Ec)
	require.Equal(t, map[string]any{
		"managedPhysicalStorage": "30720000000000", "effectivePhysicalStorage": "26880000000000",
		"freePhysicalStorage": "24192000000000", "estimatedFreeLogicalStorage": "24192000000000",
		"estimatedLogicalStorage": "26880000000000", "compressionRatio": 1.0,
	}, n.Statistics)
	for _, path := range []string{"/api/v2/nodes/nobody", "/api/v2/nodes/"} {
		status, body := s.do(http.MethodGet, path, admin, "")
		require.Equal(t, 404, status, body)
	}
}

// A node fails and comes back: its volumes lose and regain their protection, each number of replicas in its own way.
func TestNode_FailAndRecover(t *testing.T) {
	s := newServer(t, withCluster(`
servers: 3
volumes: [{name: three, replicaCount: 3}, {name: two, replicaCount: 2}, {name: one, replicaCount: 1}]`))
	before := s.volumes(defaultProject)
	one := before["one"]
	protections := func() string {
		v := s.volumes(defaultProject)
		require.Equal(t, before["three"].ETag, v["three"].ETag, "what nodes do changes no ETag")
		return fmt.Sprintf("%s/%s %s", v["three"].ProtectionState, v["one"].ProtectionState, v["three"].RebuildProgress)
	}
	health := func() map[string]any { return clusterHealthOf(s) }
	require.Equal(t, "FullyProtected/FullyProtected None", protections())
	require.Equal(t, map[string]any{"state": "OK", "numHealthyVolumes": 3.0}, health())

	answer, err := s.action("fail-node", `{"node":"`+one.NodeList[0]+`"}`)
	require.NoError(t, err)
	require.Equal(t, statemachine.State(NodeInactive), answer.(movedThing).State)
	require.Equal(t, "Degraded/NotAvailable None", protections())
	var down shownNode
	s.get("/api/v2/nodes/"+one.NodeList[0], &down)
	require.Equal(t, "Inactive", down.State)
	require.Equal(t, "ConnectivityProblem", down.Status)
	require.NotEmpty(t, down.FailureInfo)
	require.Equal(t, "Error", health()["state"])
	require.InDelta(t, 1, health()["numInactiveNodes"], 0)
	require.InDelta(t, 1, health()["numDegradedVolumes"], 0)
	require.InDelta(t, 1, health()["numNotAvailableVolumes"], 0)
	_, err = s.action("fail-node", `{"node":"`+down.Name+`"}`)
	require.True(t, refusal.Is(err, refusal.FailedPrecondition), "%v", err)

	s.must("recover-node", `{"node":"`+down.Name+`"}`)
	s.get("/api/v2/nodes/"+down.UUID, &down)
	require.Equal(t, "Activating", down.State)
	s.advance(200 * time.Millisecond)
	s.get("/api/v2/nodes/"+down.UUID, &down)
	require.Equal(t, 50, down.PowerupProgress)
	require.Equal(t, "Degraded/NotAvailable None", protections(), "an activating node does not serve")
	s.advance(200 * time.Millisecond)
	s.get("/api/v2/nodes/"+down.UUID, &down)
	require.Equal(t, "Active", down.State)
	require.Equal(t, "Degraded/FullyProtected 0", protections(), "the single replica is there with its node")
	s.advance(300 * time.Millisecond)
	require.Equal(t, "Degraded/FullyProtected 75", protections())
	s.advance(100 * time.Millisecond)
	require.Equal(t, "FullyProtected/FullyProtected None", protections())
	require.Equal(t, map[string]any{"state": "OK", "numHealthyVolumes": 3.0}, health())
}

func clusterHealthOf(s *server) map[string]any {
	var c struct{ Health map[string]any }
	s.get("/api/v2/cluster", &c)
	return c.Health
}

func TestNode_TwoOfThreeDown(t *testing.T) {
	s := newServer(t, withCluster("volumes: [{name: three, replicaCount: 3}]"))
	state := func() string { return s.volumes(defaultProject)["three"].ProtectionState }
	for _, step := range []struct{ action, node, want string }{
		{"fail-node", "server00-0", "Degraded"}, {"fail-node", "server01-0", "ReadOnly"}, {"fail-node", "server02-0", "NotAvailable"},
	} {
		s.must(step.action, `{"node":"`+step.node+`"}`)
		require.Equal(t, step.want, state())
	}
	s.must("recover-node", `{"node":"server00-0"}`)
	s.advance(time.Minute)
	require.Equal(t, "ReadOnly", state())
}

// A failure in the middle of a rebuild begins anew, and a node without volumes has nothing to rebuild.
func TestNode_FailsWhileRebuilding(t *testing.T) {
	s := newServer(t, withCluster("servers: 2\nvolumes: [{name: two, replicaCount: 2}]"))
	s.must("fail-node", `{"node":"server00-0"}`)
	s.must("recover-node", `{"node":"server00-0"}`)
	s.advance(500 * time.Millisecond)
	require.Equal(t, "25", s.volumes(defaultProject)["two"].RebuildProgress)
	s.must("fail-node", `{"node":"server00-0"}`)
	require.Equal(t, "ReadOnly", s.volumes(defaultProject)["two"].ProtectionState)
	require.Equal(t, "None", s.volumes(defaultProject)["two"].RebuildProgress)
	s.must("recover-node", `{"node":"server00-0"}`)
	s.advance(400 * time.Millisecond)
	require.Equal(t, "0", s.volumes(defaultProject)["two"].RebuildProgress)

	empty := newServer(t, withCluster("servers: 1"))
	empty.must("fail-node", `{"node":"server00-0"}`)
	empty.must("recover-node", `{"node":"server00-0"}`)
	empty.advance(400 * time.Millisecond)
	empty.view(func(tx *store.Tx) error {
		row, err := empty.service.nodeByNameOrUUID(tx, "server00-0")
		require.Equal(t, statemachine.State(NodeActive), row.Life.State)
		return err
	})
}

func TestNode_AttachAndDetach(t *testing.T) {
	s := newServer(t, withCluster("servers: [{}, {nodes: [{state: Unattached}]}]\nvolumes: [{name: v, replicaCount: 1}]"))
	fire := func(name string, on statemachine.Event) error {
		return s.engine.Update("default", "test", func(tx *store.Tx) error {
			row, err := s.service.nodeByNameOrUUID(tx.In(cluster), name)
			if err != nil {
				return err
			}
			return s.service.nodes.Fire(tx.In(cluster), &row, on)
		})
	}
	var c struct{ CurrentMaxReplicas, SupportedMaxReplicas int }
	s.get("/api/v2/cluster", &c)
	require.Equal(t, 1, c.CurrentMaxReplicas, "an unattached node takes no replicas")
	require.Equal(t, 3, c.SupportedMaxReplicas)
	require.Equal(t, map[string]any{"state": "OK", "numHealthyVolumes": 1.0}, clusterHealthOf(s), "nor is it missing")
	require.NoError(t, fire("server01-0", "attach"))
	require.Equal(t, "Attaching", s.node("server01-0").State)
	s.advance(time.Second)
	require.Equal(t, "Active", s.node("server01-0").State)
	s.get("/api/v2/cluster", &c)
	require.Equal(t, 2, c.CurrentMaxReplicas)
	require.ErrorContains(t, fire("server00-0", "detach"), "holds replicas of volumes or snapshots")
	require.Equal(t, "Active", s.node("server00-0").State, "a refusal changes nothing")
	require.NoError(t, fire("server01-0", "detach"))
	s.advance(time.Second)
	require.Equal(t, "Unattached", s.node("server01-0").State)
}

// Sums of volumes, nodes and cluster add up, and every volume's protection follows from its nodes, whatever happens.
func TestWorld_AddsUp(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t, withCluster("servers: 5"))
	for i := range 300 {
		switch n := random.IntN(10); {
		case n < 5:
			status, body := s.do(http.MethodPost, "/api/v2/projects/default/volumes", admin, fmt.Sprintf(
				`{"name":"v%d","size":"%dGiB","replicaCount":%d,"acl":{"values":["ALLOW_ANY"]}}`, i, 1+random.IntN(9), 1+random.IntN(3)))
			require.Equal(t, 200, status, body)
		case n < 6:
			for _, v := range s.volumes(defaultProject) {
				s.do(http.MethodDelete, "/api/v2/projects/default/volumes/"+v.UUID, admin, "")
				break
			}
		case n < 8:
			_, _ = s.action("fail-node", fmt.Sprintf(`{"node":"server%02d-0"}`, random.IntN(5)))
		case n < 9:
			_, _ = s.action("recover-node", fmt.Sprintf(`{"node":"server%02d-0"}`, random.IntN(5)))
		default:
			s.advance(time.Duration(random.IntN(600)) * time.Millisecond)
		}
	}
	checkWorld(t, s)
	s.advance(time.Minute)
	checkWorld(t, s)
}

func checkWorld(t *testing.T, s *server) {
	t.Helper()
	s.view(func(tx *store.Tx) error {
		want := map[string]Usage{}
		health := &ClusterHealth{}
		count := map[ProtectionState]*uint32{
			ProtectionFullyProtected: &health.NumHealthyVolumes, ProtectionDegraded: &health.NumDegradedVolumes,
			ProtectionReadOnly: &health.NumReadOnlyVolumes, ProtectionNotAvailable: &health.NumNotAvailableVolumes,
		}
		all := s.service.usages(tx)
		for _, row := range s.service.volumes.Table().All(tx, "", "") {
			v := &row.Body
			domains := map[string]bool{}
			for i, id := range v.NodeList {
				u := want[id]
				if i == 0 {
					u.Primaries++
				}
				u.Volumes++
				u.Provisioned += int64(v.Size)
				want[id] = u
				domains[all[id].Domains[0]] = true
			}
			require.Len(t, domains, len(v.NodeList), "replicas on distinct failure domains")
			protection := ProtectionState(s.service.protection(tx, v.NodeList))
			if v.State != VolumeCreating && v.State != VolumeFailed {
				require.Equal(t, protection, v.ProtectionState, v.Name)
			}
			if len(v.NodeList) > 0 {
				*count[protection]++
			}
		}
		var sum Usage
		for id, u := range all {
			require.Equal(t, want[id], u.Usage, u.Name)
			sum = sum.Add(u.Usage)
		}
		require.Equal(t, uint64(sum.Provisioned), s.service.clusterStatistics(tx, all).LogicalStorage)
		got := s.service.clusterHealth(tx, all)
		got.State, got.NumInactiveNodes = "", 0
		require.Equal(t, health, got)
		return nil
	})
}

func TestCharge(t *testing.T) {
	s := newServer(t, withCluster("servers: 2"))
	a, b := s.node("server00-0").UUID, s.node("server01-0").UUID
	charge := func(nodes []string, u Usage) error {
		return s.engine.Update("default", "test", func(tx *store.Tx) error { return s.service.charge(tx.In(cluster), nodes, u) })
	}
	require.NoError(t, charge([]string{a, b}, Usage{Volumes: 1, Provisioned: 100, Primaries: 7}))
	require.NoError(t, charge(nil, Usage{Volumes: 1}))
	s.view(func(tx *store.Tx) error {
		u := s.service.usages(tx)
		require.Equal(t, Usage{Volumes: 1, Primaries: 1, Provisioned: 100}, u[a].Usage)
		require.Equal(t, Usage{Volumes: 1, Provisioned: 100}, u[b].Usage)
		return nil
	})
	require.ErrorContains(t, charge([]string{a}, Usage{Provisioned: -101}), "negative usage")
	require.ErrorContains(t, charge([]string{a}, Usage{Volumes: -1}), "protection group")
	require.ErrorIs(t, charge([]string{"nobody"}, Usage{}), store.ErrNotFound)

	// 26.88 TB are effective; above 90 % of them the node is read-only and takes no new volume.
	require.NoError(t, charge([]string{a}, Usage{LogicalUsed: 24_192_000_000_001, PhysicalUsed: 24_192_000_000_001}))
	require.True(t, s.node("server00-0").ReadOnly)
	s.view(func(tx *store.Tx) error {
		nodes, err := s.service.place(tx, attachedNodes(tx), 1<<30, 1, nil)
		require.Equal(t, []string{b}, nodes)
		require.NoError(t, err)
		_, err = s.service.place(tx, attachedNodes(tx), 1<<30, 2, nil)
		require.ErrorAs(t, err, new(*physics.TooFewError))
		return nil
	})
	require.NoError(t, charge([]string{a}, Usage{LogicalUsed: -1, PhysicalUsed: -1}))
	require.False(t, s.node("server00-0").ReadOnly)
	require.Equal(t, []string{"NodeReadOnly", "NodeWritable"}, s.eventNames("?componentType=Node"))
}

func TestPlace_Expressions(t *testing.T) {
	s := newServer(t, withCluster("servers: 3"))
	in := func(key LabelKey, value string) []*LabelMatchExpression {
		return []*LabelMatchExpression{{Operator: LabelIn, LabelValueKeyPairs: []*LabelValueKeyPair{{Key: key, Value: value}}}}
	}
	place := func(e []*LabelMatchExpression) (nodes []string, err error) {
		s.view(func(tx *store.Tx) error {
			nodes, err = s.service.place(tx, attachedNodes(tx), 1<<30, 1, e)
			return nil
		})
		return nodes, err
	}
	nodes, err := place(in(LabelFD, "server02"))
	require.NoError(t, err)
	require.Equal(t, []string{s.node("server02-0").UUID}, nodes)
	_, err = place(in(LabelClusterID, "another"))
	require.ErrorAs(t, err, new(*physics.TooFewError))
	none := in(LabelFD, "server02")
	none[0].Operator = ""
	for _, wrong := range [][]*LabelMatchExpression{none, in("", "x"), {nil}, {{Operator: LabelIn, LabelValueKeyPairs: []*LabelValueKeyPair{nil}}}} {
		_, err = place(wrong)
		require.True(t, refusal.Is(err, refusal.InvalidArgument), "%v", err)
	}
	for _, flag := range []string{flagFailInPlace, flagProactiveRebalance} {
		s.must("set-feature-flag", `{"name":"`+flag+`","enabled":true}`)
		_, err = place(in(LabelFD, "server02"))
		require.ErrorContains(t, err, flag)
		s.must("set-feature-flag", `{"name":"`+flag+`","enabled":false}`)
	}
}

func TestProtectionGroup(t *testing.T) {
	s := New(Options{})
	require.Equal(t, s.protectionGroup(nil, []string{"a", "b"}), s.protectionGroup(nil, []string{"b", "a"}))
	require.NotEqual(t, s.protectionGroup(nil, []string{"a", "b"}), s.protectionGroup(nil, []string{"a", "c"}))
}

func TestNextNsid(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	var got []uint32
	s.update(func(tx *store.Tx) error {
		for range 3 {
			n, err := s.service.nextNsid(tx)
			require.NoError(t, err)
			got = append(got, n)
		}
		require.NoError(t, nsidTable.Put(tx, &lastNsid{N: maxNsid}))
		_, err := s.service.nextNsid(tx)
		require.True(t, refusal.Is(err, refusal.ResourceExhausted))
		return nil
	})
	require.Equal(t, []uint32{1, 2, 3}, got)
}
