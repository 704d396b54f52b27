package lightbits

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	for query, want := range map[string][]string{
		"":                                   all,
		"?name=server01-0":                   all[1:2],
		"?failureDomain=zone":                all[1:],
		"?failureDomain=server00":            all[:1],
		"?name=nobody":                       nil,
		"?Name=nobody":                       all, // names of parameters are case-sensitive; an unknown one is ignored
		"?UUID=" + s.node("server01-1").UUID: all[2:],
	} {
		t.Run(query, func(t *testing.T) { require.Equal(t, want, names(query)) })
	}
	t.Run("empty list", func(t *testing.T) {
		require.Equal(t, "{}", s.ok(http.MethodGet, "/api/v2/nodes?name=nobody", ""))
	})
	for _, two := range []string{"?name=a&UUID=b", "?UUID=b&failureDomain=c", "?name=a&failureDomain=c"} {
		t.Run(two, func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/nodes"+two, admin, "")
			require.Equal(t, 400, status)
			require.Contains(t, body, `"code":3`)
		})
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
}

func TestGetNode_UnknownUUID(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	for _, uuid := range []string{"nobody", ""} {
		s.run(fmt.Sprintf("%q", uuid), func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/nodes/"+uuid, admin, "")
			require.Equal(t, 404, status, body)
		})
	}
}

// When a node fails and recovers, its volumes lose and regain their protection, depending on their number of replicas.
func TestNode_FailAndRecover(t *testing.T) {
	s := newServer(t, withCluster(`
servers: 3
volumes: [{name: three, replicaCount: 3}, {name: two, replicaCount: 2}, {name: one, replicaCount: 1}]`))
	before := s.volumes(defaultProject)
	failing := before["one"].NodeList[0]
	params := `{"node":"` + failing + `"}`
	node := func() (n shownNode) {
		s.get("/api/v2/nodes/"+failing, &n)
		return n
	}
	protections := func() string {
		v := s.volumes(defaultProject)
		require.Equal(s.t, before["three"].ETag, v["three"].ETag, "failures change no ETag")
		return fmt.Sprintf("%s/%s %s", v["three"].ProtectionState, v["one"].ProtectionState, v["three"].RebuildProgress)
	}
	healthy := map[string]any{"state": "OK", "numHealthyVolumes": 3.0}
	s.run("before", func(t *testing.T) {
		require.Equal(t, "FullyProtected/FullyProtected None", protections())
		require.Equal(t, healthy, clusterHealthOf(s))
	})
	s.run("failed", func(t *testing.T) {
		answer, err := s.action("fail-node", params)
		require.NoError(t, err)
		require.Equal(t, statemachine.State(NodeInactive), answer.(movedThing).State)
		require.Equal(t, "Degraded/NotAvailable None", protections())
		require.Equal(t, "Inactive", node().State)
		require.Equal(t, "ConnectivityProblem", node().Status)
		require.NotEmpty(t, node().FailureInfo)
	})
	s.run("health of the cluster", func(t *testing.T) {
		health := clusterHealthOf(s)
		require.Equal(t, "Error", health["state"])
		require.InDelta(t, 1, health["numInactiveNodes"], 0)
		require.InDelta(t, 1, health["numDegradedVolumes"], 0)
		require.InDelta(t, 1, health["numNotAvailableVolumes"], 0)
	})
	s.run("failed twice", func(t *testing.T) {
		_, err := s.action("fail-node", params)
		require.True(t, refusal.Is(err, refusal.FailedPrecondition), "%v", err)
	})
	s.run("activating", func(t *testing.T) {
		s.must("recover-node", params)
		require.Equal(t, "Activating", node().State)
		s.advance(200 * time.Millisecond)
		require.Equal(t, 50, node().PowerupProgress)
		require.Equal(t, "Degraded/NotAvailable None", protections(), "an activating node does not serve")
	})
	s.run("rebuilding", func(t *testing.T) {
		s.advance(200 * time.Millisecond)
		require.Equal(t, "Active", node().State)
		require.Equal(t, "Degraded/FullyProtected 0", protections(), "a single replica needs no rebuild")
		s.advance(300 * time.Millisecond)
		require.Equal(t, "Degraded/FullyProtected 75", protections())
	})
	s.run("recovered", func(t *testing.T) {
		s.advance(100 * time.Millisecond)
		require.Equal(t, "FullyProtected/FullyProtected None", protections())
		require.Equal(t, healthy, clusterHealthOf(s))
	})
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
		{"fail-node", "server00-0", "Degraded"}, {"fail-node", "server01-0", "ReadOnly"},
		{"fail-node", "server02-0", "NotAvailable"},
	} {
		s.must(step.action, `{"node":"`+step.node+`"}`)
		require.Equal(t, step.want, state())
	}
	s.must("recover-node", `{"node":"server00-0"}`)
	s.advance(time.Minute)
	require.Equal(t, "ReadOnly", state())
}

// A rebuild starts again from the beginning after its node fails during it.
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
}

func TestNode_WithoutVolumesRebuildsNothing(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	s.must("fail-node", `{"node":"server00-0"}`)
	s.must("recover-node", `{"node":"server00-0"}`)
	s.advance(400 * time.Millisecond)
	s.view(func(tx *store.Tx) error {
		row, err := s.service.nodeByNameOrUUID(tx, "server00-0")
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
	s.run("unattached node", func(t *testing.T) {
		s.get("/api/v2/cluster", &c)
		require.Equal(t, 1, c.CurrentMaxReplicas, "an unattached node takes no replicas")
		require.Equal(t, 3, c.SupportedMaxReplicas)
		require.Equal(t, map[string]any{"state": "OK", "numHealthyVolumes": 1.0}, clusterHealthOf(s))
	})
	s.run("attach", func(t *testing.T) {
		require.NoError(t, fire("server01-0", "attach"))
		require.Equal(t, "Attaching", s.node("server01-0").State)
		s.advance(time.Second)
		require.Equal(t, "Active", s.node("server01-0").State)
		s.get("/api/v2/cluster", &c)
		require.Equal(t, 2, c.CurrentMaxReplicas)
	})
	s.run("detach with replicas", func(t *testing.T) {
		require.ErrorContains(t, fire("server00-0", "detach"), "holds replicas of volumes or snapshots")
		require.Equal(t, "Active", s.node("server00-0").State, "a refusal changes nothing")
	})
	s.run("detach without replicas", func(t *testing.T) {
		require.NoError(t, fire("server01-0", "detach"))
		s.advance(time.Second)
		require.Equal(t, "Unattached", s.node("server01-0").State)
	})
}

// After random operations and failures, nodes and cluster show the sums of their volumes, and the protection of each
// volume follows from the states of its nodes.
func TestWorld_SumsAreConsistent(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t, withCluster("servers: 5"))
	for i := range 300 {
		switch n := random.IntN(10); {
		case n < 5:
			status, answer := s.do(http.MethodPost, "/api/v2/projects/default/volumes", admin, fmt.Sprintf(
				`{"name":"v%d","size":"%dGiB","replicaCount":%d,"acl":{"values":["ALLOW_ANY"]}}`, i, 1+random.IntN(9),
				1+random.IntN(3)))
			require.Contains(t, []int{200, 400}, status, answer) // 400: more replicas than nodes that serve
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
