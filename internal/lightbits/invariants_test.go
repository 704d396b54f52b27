package lightbits

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

var (
	invariantSteps = flag.Int("invariants.steps", 2000, "operations and physical actions of TestInvariants")
	invariantSeed  = flag.Uint64("invariants.seed", 0, "what TestInvariants draws from; 0 draws that too")
)

// checkEvery is after how many steps the invariants are checked; at the end they are anyway.
const checkEvery = 20

// TestInvariants does operations and physical actions in any order on a frozen clock. Whatever happens, the world adds up.
func TestInvariants(t *testing.T) {
	seed := *invariantSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test ./internal/lightbits -run TestInvariants -invariants.seed %d -invariants.steps %d", seed, *invariantSteps)
	s := newServer(t, withCluster("servers: 5\ndevicesPerNode: 8\nfeatureFlags: {evict-data: true, fail-in-place: true, proactive-rebalance: true}"))
	w := &wanderer{server: s, random: rand.New(rand.NewPCG(seed, 1))}
	for step := range *invariantSteps {
		what := w.step()
		w.done = append(w.done, what)
		if step%checkEvery == 0 || step == *invariantSteps-1 {
			s.view(func(tx *store.Tx) error { return w.check(tx) })
			if t.Failed() {
				t.Fatalf("seed %d, step %d, after:\n%v", seed, step, w.done[max(0, len(w.done)-checkEvery):])
			}
		}
	}
	for _, v := range slices.Concat(s.service.Tables(), s.engine.Verifiers()) {
		s.view(func(tx *store.Tx) error {
			require.Empty(t, v.Verify(tx), v.Name())
			return nil
		})
	}
}

// wanderer does things at random.
type wanderer struct {
	*server
	random *rand.Rand
	made   int
	done   []string
}

func pick[T any](w *wanderer, from []T) (chosen T) {
	if len(from) == 0 {
		return chosen
	}
	return from[w.random.IntN(len(from))]
}

func (w *wanderer) step() string {
	var volumes, snapshots, nodes, servers, serials []string
	w.view(func(tx *store.Tx) error {
		for _, r := range w.service.volumes.Table().All(tx, "", "") {
			volumes = append(volumes, r.Body.UUID)
		}
		for _, r := range w.service.snapshots.Table().All(tx, "", "") {
			snapshots = append(snapshots, r.Body.UUID)
		}
		for _, r := range w.service.nodes.Table().All(tx, "", "") {
			nodes = append(nodes, r.Body.UUID)
		}
		for _, r := range w.service.servers.Table().All(tx, "", "") {
			servers = append(servers, r.Body.UUID)
		}
		for _, r := range w.service.nvmeDevices.Table().All(tx, "", "") {
			serials = append(serials, r.Body.Serial)
		}
		return nil
	})
	w.made++
	const project = "/api/v2/projects/default/"
	node, serverID, serial, volume, snapshot := pick(w, nodes), pick(w, servers), pick(w, serials), pick(w, volumes), pick(w, snapshots)
	call := func(method, path, body string) string {
		status, answer := w.do(method, path, admin, body)
		require.NotEqual(w.t, 500, status, "%s %s %s: %s", method, path, body, answer)
		return fmt.Sprintln(method, path, body, status, answer)
	}
	act := func(name, params string) string {
		_, err := w.action(name, params)
		return fmt.Sprintln(name, params, err)
	}
	pkg := `{"InstallPkgUri":"https://packages.example/lightos-3.16.1.tar.gz"}`
	switch w.random.IntN(36) {
	case 0, 1, 2, 3:
		return call("POST", project+"volumes", fmt.Sprintf(`{"name":"v%d","size":"%dGiB","replicaCount":%d,"acl":{"values":["ALLOW_ANY"]}}`,
			w.random.IntN(60), 1+w.random.IntN(4000), 1+w.random.IntN(3)))
	case 4:
		return call("POST", project+"volumes", fmt.Sprintf(`{"name":"c%d","acl":{"values":["ALLOW_ANY"]},"sourceSnapshotUUID":"%s"}`, w.made, snapshot))
	case 5, 6:
		return call("DELETE", project+"volumes/"+volume, "")
	case 7:
		return call("PUT", project+"volumes/"+volume, fmt.Sprintf(`{"size":"%dGiB","Force":true}`, 1+w.random.IntN(5000)))
	case 8, 9:
		return call("POST", project+"snapshots", fmt.Sprintf(`{"name":"s%d","sourceVolumeUUID":"%s"}`, w.made, volume))
	case 10:
		return call("DELETE", project+"snapshots/"+snapshot, "")
	case 11:
		return call("PUT", project+"volumes/"+volume+"/rollback", `{"srcSnapshotUUID":"`+snapshot+`"}`)
	case 12, 13, 14:
		return act("write-volume", fmt.Sprintf(`{"volume":"%s","offset":"%dMiB","bytes":"%dMiB"}`, volume, w.random.IntN(1000), 1+w.random.IntN(900000)))
	case 15:
		return act("fail-node", `{"node":"`+node+`"}`)
	case 16, 17, 18:
		return act("recover-node", `{"node":"`+node+`"}`)
	case 19:
		return act("fail-device", `{"serial":"`+serial+`"}`)
	case 20:
		return act("pull-device", `{"serial":"`+serial+`"}`)
	case 21:
		return act("insert-device", `{"server":"`+serverID+`"}`)
	case 22, 23:
		return call("POST", "/api/v2/nvmeDevices", `{"serialNumber":"`+serial+`","nodeUUID":"`+node+`"}`)
	case 24:
		return call("POST", "/api/v2/servers/"+serverID+"/disable", fmt.Sprintf(`{"ForceDisable":%t,"evictData":%t}`, w.random.IntN(2) == 0, w.random.IntN(2) == 0))
	case 25, 26:
		return call("POST", "/api/v2/servers/"+serverID+"/enable", "")
	case 27:
		if len(servers) > 7 || w.random.IntN(3) == 0 {
			return call("DELETE", fmt.Sprintf("/api/v2/servers/%s?forceDelete=%t", serverID, w.random.IntN(2) == 0), "")
		}
		return call("POST", "/api/v2/servers", fmt.Sprintf(`{"serverEndpoints":["http://10.9.%d.%d:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-%012d","extendCluster":%t}`,
			w.made/200%250, w.made%200, w.made, w.random.IntN(2) == 0))
	case 28:
		return act(pick(w, []string{"fail-server", "recover-server", "recover-server"}), `{"server":"`+serverID+`"}`)
	case 29:
		return call("POST", "/api/v2/servers/"+serverID+"/upgrade", pkg)
	case 30:
		return call("POST", "/api/v2/cluster/upgrade", pkg)
	case 31, 32:
		return call("POST", "/api/v2/nodes/"+node+"/replace", fmt.Sprintf(`{"TargetNodeUUID":"%s","ReplaceWhileActive":%t}`, pick(w, nodes), w.random.IntN(2) == 0))
	case 33:
		return call("POST", "/api/v2/nodes/"+node+"/"+pick(w, []string{"start", "stop", "restart"}), fmt.Sprintf(`{"force":%t}`, w.random.IntN(3) == 0))
	default:
		by := pick(w, []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, time.Second, 10 * time.Second, 40 * time.Minute})
		w.advance(by)
		return fmt.Sprintln("advance", by)
	}
}

// check looks at all of the world.
func (w *wanderer) check(tx *store.Tx) error {
	s, t := w.service, w.t
	usages := s.usages(tx)
	want := map[string]Usage{}
	chains := map[string][]string{}
	names := map[string]string{}
	for _, row := range s.volumes.Table().All(tx, "", "") {
		v := &row.Body
		if holdsName(row.Life.State) {
			require.Empty(t, names[v.Name], "two live volumes are called %s", v.Name)
			names[v.Name] = v.UUID
		}
		w.checkVolume(tx, v, usages)
		for i, id := range v.NodeList {
			u := volumeUsage(v, 1)
			if i == 0 {
				u.Primaries = 1
			}
			want[id] = want[id].Add(u)
		}
		if len(v.NodeList) > 0 {
			chains[chainOfVolume(tx, v)] = v.NodeList
		}
	}
	for _, row := range s.snapshots.Table().All(tx, "", "") {
		chain := s.chainOfAny(tx, &row.Body)
		if nodes, known := chains[chain]; known {
			require.Equal(t, nodes, row.Body.NodeList, "snapshot %s does not lie where its chain does", row.Body.Name)
		}
		chains[chain] = row.Body.NodeList
	}
	for chain, nodes := range chains {
		_, all := loadChain(tx, chain).account()
		for _, id := range nodes {
			want[id] = want[id].Add(Usage{LogicalUsed: int64(all.Logical()), PhysicalUsed: int64(all.Physical())})
		}
	}
	var sum Usage
	for id, u := range usages {
		require.Equal(t, want[id], u.Usage, "what node %s holds is not the sum of what lies on it", u.Name)
		sum = sum.Add(u.Usage)
		w.checkNode(tx, id, &u)
	}
	shown := s.clusterStatistics(tx, usages)
	require.Equal(t, uint64(sum.Provisioned), shown.LogicalStorage)
	require.Equal(t, uint64(sum.PhysicalUsed), shown.PhysicalUsedStorage)
	w.checkTimers(tx)
	return nil
}

// checkVolume: its replicas are apart, on nodes that are there, and its protection is what these make it.
func (w *wanderer) checkVolume(tx *store.Tx, v *Volume, usages map[string]nodeUsage) {
	t := w.t
	var domains []string
	members := make([]nodeUsage, 0, len(v.NodeList))
	for _, id := range v.NodeList {
		u, there := usages[id]
		require.True(t, there, "volume %s lies on a node that is gone", v.Name)
		members = append(members, u)
		domains = append(domains, u.Domains...)
	}
	slices.Sort(domains)
	require.Len(t, slices.Compact(slices.Clone(domains)), len(domains), "replicas of volume %s share a failure domain", v.Name)
	if v.State == VolumeCreating || v.State == VolumeFailed || len(v.NodeList) == 0 {
		return
	}
	require.Equal(t, ProtectionState(physics.ProtectionOf(len(members), upOf(members))), v.ProtectionState, "protection of volume %s (%s)", v.Name, v.State)
	require.Equal(t, w.service.protectionGroup(tx, v.NodeList), v.PgUUID)
	require.Equal(t, v.NodeList[0], v.PrimaryNodeUUID)
	if v.State == VolumeMigrating {
		require.True(t, w.service.migrates(tx, v), "volume %s migrates nowhere", v.Name)
	}
}

// checkNode: what is known of a node for placement is what it does.
func (w *wanderer) checkNode(tx *store.Tx, id string, u *nodeUsage) {
	row, err := w.service.nodes.Get(tx, id)
	require.NoError(w.t, err)
	switch row.Life.State {
	case statemachine.State(NodeActive):
		require.True(w.t, u.Serving && u.Synced && u.Attached, "%+v", u)
	case nodeRebuilding:
		require.True(w.t, u.Serving && !u.Synced && u.Attached, "%+v", u)
	case statemachine.State(NodeInactive), statemachine.State(NodeActivating):
		require.False(w.t, u.Serving, "%+v", u)
	case statemachine.Gone:
	case statemachine.State(NodeUnattached):
		require.False(w.t, u.Serving || u.Attached || u.Volumes > 0, "%+v", u)
	}
	_, err = w.service.servers.Get(tx, u.Server)
	require.NoError(w.t, err, "node %s is on no server", u.Name)
}

// checkTimers: nothing waits for what is gone.
func (w *wanderer) checkTimers(tx *store.Tx) {
	s := w.service
	has := map[string]func(key string) bool{
		s.volumes.Kind:         func(k string) bool { return s.volumes.Table().Has(tx, k) },
		s.snapshots.Kind:       func(k string) bool { return s.snapshots.Table().Has(tx, k) },
		s.nodes.Kind:           func(k string) bool { return s.nodes.Table().Has(tx, k) },
		s.servers.Kind:         func(k string) bool { return s.servers.Table().Has(tx, k) },
		s.nvmeDevices.Kind:     func(k string) bool { return s.nvmeDevices.Table().Has(tx, k) },
		s.migrations.Kind:      func(k string) bool { return s.migrations.Table().Has(tx, k) },
		s.evictions.Kind:       func(k string) bool { return s.evictions.Table().Has(tx, k) },
		s.replacements.Kind:    func(k string) bool { return s.replacements.Table().Has(tx, k) },
		s.upgrades.Kind:        func(k string) bool { return s.upgrades.Table().Has(tx, k) },
		s.clusterUpgrades.Kind: func(k string) bool { return s.clusterUpgrades.Table().Has(tx, k) },
	}
	for _, timer := range statemachine.Pending(tx, 100_000) {
		there, known := has[timer.Kind]
		require.True(w.t, known, timer.Kind)
		require.True(w.t, there(timer.Key), "a timer of %s %s, which is gone", timer.Kind, timer.ID)
	}
}
