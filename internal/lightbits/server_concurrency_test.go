package lightbits

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/test/docs/generated"
)

// longOperations are the rows and columns of concurrent in the order of the document.
var longOperations = []longOperation{opCreateServer, opEnableServer, opDisableServer, opEvictServer, opDeleteServer,
	opReplaceNode, opUpgradeServer, opUpgradeCluster}

func TestConcurrent_Document(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| while this runs | this second operation | on the same server | on another server |\n" +
		"| --- | --- | --- | --- |\n")
	for _, running := range longOperations {
		require.Len(t, concurrent[running], len(longOperations), running)
		for _, second := range longOperations {
			rule, known := concurrent[running][second]
			require.True(t, known, "%s, then %s", running, second)
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", running, second, rule.same, rule.other)
		}
	}
	b.WriteString("\n")
	generated.Section(t, "../../docs/long-operations.md", "long operations", b.String())
}

// fleet is a cluster for long operations, with the servers server00 to server05. The nodes of server04 and server05 are
// Unattached. The other four have replicas of volumes.
type fleet struct {
	*server

	servers map[string]Server
}

const upgradeBody = `"InstallPkgUri":"https://packages.example/lightos-3.16.1.tar.gz"`

func newFleet(t *testing.T, volumes string) *fleet {
	t.Helper()
	f := &fleet{server: newServer(t, withCluster(
		"servers: 4\nmaxReplicas: 3\nfeatureFlags: {evict-data: true}\n"+volumes))}
	for i := range 2 {
		f.ok("POST", "/api/v2/servers", newServerBody(4+i))
	}
	f.advance(time.Minute)
	f.look()
	return f
}

func newServerBody(i int) string {
	return fmt.Sprintf(`{"serverUUID":"00000000-0000-4000-8000-%012d","serverEndpoints":["http://10.9.0.%d:2380"]}`, i, i)
}

// look reads the servers.
func (f *fleet) look() {
	f.t.Helper()
	f.servers = map[string]Server{}
	for _, v := range decodeWire[listServersResponse](f.t, f.server, "/api/v2/servers").Servers {
		f.servers[v.Name] = *v
	}
}

// prepare brings a server into the state that an operation needs.
func (f *fleet) prepare(op longOperation, on string) {
	f.t.Helper()
	if op == opEnableServer || op == opDeleteServer {
		f.ok("POST", "/api/v2/servers/"+f.servers[on].UUID+"/disable", `{"ForceDisable":true}`)
		f.advance(time.Minute)
	}
}

// start sends the request of an operation. Spare is the server whose node replaces others.
func (f *fleet) start(op longOperation, on, spare string, force bool) (int, string) {
	f.t.Helper()
	v := f.servers[on]
	path := "/api/v2/servers/" + v.UUID
	switch op {
	case opCreateServer:
		if on == "" {
			return f.do("POST", "/api/v2/servers", admin, newServerBody(9))
		}
		return f.do("POST", "/api/v2/servers", admin, fmt.Sprintf(
			`{"serverUUID":%q,"serverEndpoints":["http://10.9.0.8:2380"]}`, v.UUID))
	case opEnableServer:
		return f.do("POST", path+"/enable", admin, "")
	case opDisableServer:
		return f.do("POST", path+"/disable", admin, fmt.Sprintf(`{"ForceDisable":%t}`, force))
	case opEvictServer:
		return f.do("POST", path+"/disable", admin, fmt.Sprintf(`{"evictData":true,"ForceDisable":%t}`, force))
	case opDeleteServer:
		return f.do("DELETE", path+"?forceDelete=true", admin, "")
	case opReplaceNode:
		return f.do("POST", "/api/v2/nodes/"+v.NodesUUIDs[0]+"/replace", admin, fmt.Sprintf(
			`{"TargetNodeUUID":%q,"ReplaceWhileActive":true}`, f.servers[spare].NodesUUIDs[0]))
	case opUpgradeServer:
		return f.do("POST", path+"/upgrade", admin, fmt.Sprintf(`{%s,"ForceUpgrade":%t}`, upgradeBody, force))
	case opUpgradeCluster:
		return f.do("POST", "/api/v2/cluster/upgrade", admin, fmt.Sprintf(`{%s,"UUIDs":[%q]}`, upgradeBody, v.UUID))
	}
	panic(op)
}

// "There is a user operation in progress on the server": each pair of long operations is answered as concurrent says.
func TestConcurrent_EveryPair(t *testing.T) {
	for _, running := range longOperations {
		for _, second := range longOperations {
			for _, where := range []string{"same", "other"} {
				t.Run(fmt.Sprintf("%s then %s on the %s server", running, second, where), func(t *testing.T) {
					checkPair(t, running, second, where == "same")
				})
			}
		}
	}
}

func checkPair(t *testing.T, running, second longOperation, same bool) {
	volumes := ""
	if running == opEvictServer {
		volumes = "volumes: {count: 4, replicaCount: 3}"
	}
	f := newFleet(t, volumes)
	first, on, want := "server00", "server01", concurrent[running][second].other
	if running == opUpgradeCluster {
		first = "server03" // and then server00
	}
	if same {
		on, want = "server00", concurrent[running][second].same
	}
	if !same || want == starts {
		f.prepare(second, on)
	}
	var status int
	var answer string
	switch running {
	case opCreateServer:
		status, answer = f.do("POST", "/api/v2/servers", admin, newServerBody(7))
	case opUpgradeCluster:
		status, answer = f.do("POST", "/api/v2/cluster/upgrade", admin, fmt.Sprintf(`{%s,"UUIDs":[%q,%q]}`, upgradeBody,
			f.servers[first].UUID, f.servers["server00"].UUID))
	default:
		f.prepare(running, first)
		status, answer = f.start(running, first, "server04", true)
	}
	require.Equal(t, 200, status, answer)
	f.look()
	if running == opCreateServer && same {
		on = "server06"
	}
	if second == opCreateServer && !same {
		on = ""
	}
	status, answer = f.start(second, on, "server05", true)
	wanted := map[verdict]int{starts: 200, refused: 409, refusedNode: 409, exists: 409, twice: 400, waits: 200,
		skips: 200, aborts: 200}
	require.Equal(t, wanted[want], status, answer)
	if want == refused {
		require.Contains(t, answer, "there is a user operation in progress")
	}
	if second != opUpgradeCluster || status != 200 {
		return
	}
	f.advance(3 * time.Hour)
	last := decodeWire[Cluster](t, f.server, "/api/v2/cluster").LastUpgrade
	require.Equal(t, ClusterUpgradeNone, last.Status, last.ErrorMessage)
	if want == skips {
		require.Contains(t, last.ErrorMessage, on)
		return
	}
	require.Empty(t, last.ErrorMessage)
	f.look()
	require.Equal(t, "3.16.1", f.servers[on].LightOSVersion)
}

// "Upgrades servers in the cluster one by one": a cluster upgrade waits for the upgrade of a single server, and server
// upgrades are refused meanwhile.
func TestUpgradeCluster_OneByOne(t *testing.T) {
	f := newFleet(t, "volumes: [{name: v, replicaCount: 3}]")
	v := f.servers["server00"]
	status, answer := f.start(opUpgradeServer, v.Name, "", false)
	require.Equal(t, 200, status, answer)
	status, answer = f.start(opUpgradeServer, "server01", "", false)
	require.Equal(t, 409, status, answer)
	require.Contains(t, answer, "servers are upgraded one by one")
	f.ok("POST", "/api/v2/cluster/upgrade", "{"+upgradeBody+"}")
	for f.next() {
		f.checkNoneForbidden(false)
	}
	last := decodeWire[Cluster](t, f.server, "/api/v2/cluster").LastUpgrade
	require.Equal(t, ClusterUpgradeNone, last.Status, last.ErrorMessage)
	require.Empty(t, last.ErrorMessage)
	f.look()
	for name, v := range f.servers {
		require.Equal(t, "3.16.1", v.LightOSVersion, name)
	}
}

// An upgrade whose server loses a node after the reboot ends: nothing would continue it.
func TestUpgradeServer_NodeFailsAfterReboot(t *testing.T) {
	f := newFleet(t, "")
	status, answer := f.start(opUpgradeServer, "server00", "", false)
	require.Equal(t, 200, status, answer)
	f.advance(650 * time.Millisecond)
	f.must("fail-node", `{"node":"server00-0"}`)
	f.advance(time.Hour)
	f.look()
	require.Equal(t, UpgradeFailed, f.servers["server00"].UpgradeStatus)
	require.Equal(t, "a node failed after the reboot", f.servers["server00"].LastUpgrade.ErrorMessage)
	require.Equal(t, "Inactive", f.node("server00-0").State)
}

// next moves the clock to the next timer within two hours, if there is one.
func (f *fleet) next() bool {
	f.t.Helper()
	due, pending := time.Time{}, false
	f.view(func(tx *store.Tx) error {
		for _, timer := range statemachine.Pending(tx, 1) {
			due, pending = timer.Due, !timer.Due.IsZero() && timer.Due.Sub(start) < 2*time.Hour
		}
		return nil
	})
	if pending {
		_, err := f.engine.Advance(f.t.Context(), api.DefaultWorld, statemachine.Advance{To: due})
		require.NoError(f.t, err)
	}
	return pending
}

// checkNoneForbidden verifies what the pages forbid at any time: the nodes of two servers down because of upgrades;
// a serving node on a server that is Disabled; a volume that lost service without force, unless forced.
func (f *fleet) checkNoneForbidden(forced bool) {
	f.t.Helper()
	f.view(func(tx *store.Tx) error {
		var down []string
		for id, row := range f.service.servers.Table().All(tx, "", "") {
			for _, node := range row.Body.NodesUUIDs {
				u, err := usageTable.Get(tx, node)
				require.NoError(f.t, err)
				require.False(f.t, u.Serving && row.Body.State == ServerDisabled, "%s serves, its server is Disabled", u.Name)
				if u.Attached && !u.Serving && f.service.upgrades.Table().Has(tx, id) {
					down = append(down, u.Name)
				}
			}
		}
		require.LessOrEqual(f.t, len(down), 1, "upgrades took down %v at once", down)
		for _, row := range f.service.volumes.Table().All(tx, "", "") {
			if !forced && row.Body.ReplicaCount == 3 {
				require.Contains(f.t, []ProtectionState{ProtectionFullyProtected, ProtectionDegraded}, row.Body.ProtectionState)
			}
		}
		return nil
	})
}

// checkAllEnded verifies that nothing is in progress any more.
func (f *fleet) checkAllEnded() {
	f.t.Helper()
	f.view(func(tx *store.Tx) error {
		s, t := f.service, f.t
		for _, r := range s.runningOperations(tx) {
			row, err := s.servers.Get(tx, r.servers[0])
			require.NoError(t, err)
			require.True(t, r.is == opDeleteServer && s.holdsAnything(tx, &row.Body), "still in progress: %s", r.what())
		}
		require.Empty(t, idsOf(tx, s.migrations.Table()), "migrations")
		for _, row := range s.nodes.Table().All(tx, "", "") {
			server, err := s.servers.Get(tx, row.Body.ServerUUID)
			require.NoError(t, err)
			fits := []statemachine.State{statemachine.State(NodeActive), statemachine.State(NodeUnattached)}
			if server.Body.State != ServerEnabled {
				fits = []statemachine.State{statemachine.State(NodeInactive), statemachine.State(NodeUnattached)}
			}
			require.Contains(t, fits, row.Life.State, "node %s, its server is %s", row.Body.Name, server.Body.State)
		}
		return nil
	})
}

// Random pairs of long operations, at random distances, never lead to a state that a page forbids, and all end.
func TestConcurrent_RandomPairs(t *testing.T) {
	const pairs = 150
	random := rand.New(rand.NewPCG(14, 2)) //nolint:gosec // a test
	for i := range pairs {
		first, second := longOperations[random.IntN(len(longOperations))], longOperations[random.IntN(len(longOperations))]
		names := []string{fmt.Sprintf("server0%d", random.IntN(4)), fmt.Sprintf("server0%d", random.IntN(4))}
		wait, force := time.Duration(random.IntN(14))*100*time.Millisecond, random.IntN(4) == 0
		t.Run(fmt.Sprintf("%d: %s %s, %s, %s %s, force %t", i, first, names[0], wait, second, names[1], force),
			func(t *testing.T) {
				f := newFleet(t, "volumes: {count: 3, replicaCount: 3}")
				offline := slices.ContainsFunc([]longOperation{first, second}, func(op longOperation) bool {
					return op == opEnableServer || op == opDeleteServer || op == opReplaceNode // which check no loss
				})
				if first == opEnableServer || first == opDeleteServer {
					f.prepare(first, names[0])
				} else if second == opEnableServer || second == opDeleteServer {
					f.prepare(second, names[1])
				}
				f.start(first, names[0], "server04", force)
				f.advance(wait)
				f.start(second, names[1], "server05", force)
				f.checkNoneForbidden(force || offline)
				for f.next() {
					f.checkNoneForbidden(force || offline)
				}
				f.checkAllEnded()
			})
	}
}

// "Upgradability (loss of service) check": nodes that operations in progress are about to stop count as down.
func TestStopNodeInstance_WhileOtherServerIsAboutToReboot(t *testing.T) {
	f := newFleet(t, "volumes: [{name: v, replicaCount: 3}]")
	nodes := f.volumes(defaultProject)["v"].NodeList
	f.ok("POST", "/api/v2/servers/"+decodeWire[Node](t, f.server, "/api/v2/nodes/"+nodes[0]).ServerUUID+"/upgrade",
		"{"+upgradeBody+"}")
	status, answer := f.do("POST", "/api/v2/nodes/"+nodes[1]+"/stop", admin, "{}")
	require.Equal(t, 400, status, answer)
	require.Contains(t, answer, "1 volumes would no longer take reads or writes")
}
