package lightbits

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

var (
	wandererFlags  = []string{flagEvictData, flagFailInPlace, flagProactiveRebalance}
	wandererDelays = []string{
		"lightbits.volume.create", "lightbits.volume.update", "lightbits.volume.rollback", "lightbits.volume.delete", "lightbits.volume.migrate",
		"lightbits.snapshot.create", "lightbits.snapshot.delete", "lightbits.node.powerup", "lightbits.node.rebuild", "lightbits.node.attach",
		"lightbits.node.detach", "lightbits.nvmeDevice.add", "lightbits.nvmeDevice.rebuild", "lightbits.server.create", "lightbits.server.disable",
		"lightbits.server.enable", "lightbits.server.delete", "lightbits.migration.move", "lightbits.eviction.abort",
		"lightbits.upgrade.upgrade", "lightbits.upgrade.reboot", "lightbits.upgrade.recover",
	}
)

// wandererDeeds is all that a wanderer does, and how often.
func wandererDeeds() []deed {
	return append(volumeDeeds(),
		deed{"fail-node", 2, func(w *wanderer) (string, bool) { return w.act("fail-node", `{"node":%q}`, w.pick(w.nodes)) }},
		deed{"recover-node", 6, func(w *wanderer) (string, bool) { return w.act("recover-node", `{"node":%q}`, w.pick(w.nodes)) }},
		deed{"fail-device", 2, func(w *wanderer) (string, bool) { return w.act("fail-device", `{"serial":%q}`, w.pick(w.serials)) }},
		deed{"pull-device", 2, func(w *wanderer) (string, bool) { return w.act("pull-device", `{"serial":%q}`, w.pick(w.serials)) }},
		deed{"insert-device", 3, (*wanderer).insertDevice},
		deed{"AddNvmeDevice", 4, (*wanderer).addDevice},
		deed{"UpdateNvmeDevice", 1, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/nvmeDevices/"+w.pick(w.serials), `{"serverUUID":%q,"ledPattern":"locate"}`, w.pick(w.servers))
		}},
		deed{"DisableServer", 2, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/servers/"+w.pick(w.servers)+"/disable", `{"ForceDisable":%t}`, w.flip())
		}},
		deed{"DisableServer with eviction", 2, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/servers/"+w.pick(w.servers)+"/disable", `{"ForceDisable":%t,"evictData":true}`, w.flip())
		}},
		deed{"EnableServer", 4, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/servers/"+w.pick(w.servers)+"/enable", "")
		}},
		deed{"CreateServer", 2, (*wanderer).createServer},
		deed{"DeleteServer", 2, (*wanderer).deleteServer},
		deed{"fail-server", 1, func(w *wanderer) (string, bool) { return w.act("fail-server", `{"server":%q}`, w.pick(w.servers)) }},
		deed{"recover-server", 4, func(w *wanderer) (string, bool) { return w.act("recover-server", `{"server":%q}`, w.pick(w.servers)) }},
		deed{"UpgradeServer", 1, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/servers/"+w.pick(w.servers)+"/upgrade", `{"InstallPkgUri":%q,"ForceUpgrade":%t}`, w.packageURI(), w.flip())
		}},
		deed{"UpgradeCluster", 1, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/cluster/upgrade", `{"InstallPkgUri":%q}`, w.packageURI())
		}},
		deed{"ReplaceNode", 4, (*wanderer).replaceNode},
		deed{"StartNodeInstance", 2, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/nodes/"+w.pick(w.nodes)+"/start", "{}")
		}},
		deed{"StopNodeInstance", 1, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/nodes/"+w.pick(w.nodes)+"/stop", `{"force":%t}`, w.chance(3))
		}},
		deed{"RestartNodeInstance", 2, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/nodes/"+w.pick(w.nodes)+"/restart", `{"force":%t,"considerBackend":%t}`, w.flip(), w.flip())
		}},
		deed{"EnableFeatureFlag", 2, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/featureFlags/"+w.pick(wandererFlags)+"/enable", "")
		}},
		deed{"DisableFeatureFlag", 1, func(w *wanderer) (string, bool) {
			return w.call("POST", "/api/v2/featureFlags/"+w.pick(wandererFlags)+"/disable", "")
		}},
		deed{"UpdateClusterConfigParam", 1, func(w *wanderer) (string, bool) {
			return w.call("PUT", "/api/v2/clusterConfig/DurationToTurnIntoPermanentFailure",
				`{"configParam":{"value":%q}}`, w.pick([]string{"1s", "2m", "1h", "0s"}))
		}},
		deed{"fill-cluster", 1, func(w *wanderer) (string, bool) { return w.act("fill-cluster", `{"percent":%d}`, 30+w.random.IntN(70)) }},
		deed{"partition-cluster", 1, func(w *wanderer) (string, bool) { return w.act("partition-cluster", `{"unreachable":%t}`, w.chance(6)) }},
		deed{"age-clock-drift", 1, func(w *wanderer) (string, bool) {
			return w.act("age-clock-drift", `{"server":%q,"by":"%ds"}`, w.pick(w.servers), w.random.IntN(80)-40)
		}},
		deed{"advance", 40, func(w *wanderer) (string, bool) {
			by := []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, time.Second, 10 * time.Second, 40 * time.Minute}[w.random.IntN(5)]
			w.advance(by)
			return by.String(), true
		}},
		deed{"delay", 1, (*wanderer).delay},
		deed{"release", 3, func(w *wanderer) (string, bool) {
			kind := w.pick(w.engine.Kinds())
			list := w.resources(kind)
			if len(list) == 0 {
				return kind, false
			}
			return w.release(kind, list[w.random.IntN(len(list))].ID)
		}},
		deed{"checkpoint", 1, (*wanderer).checkpoint},
		deed{"restore", 1, (*wanderer).restore},
		deed{"fork", 1, (*wanderer).fork},
		deed{"reopen", 1, func(w *wanderer) (string, bool) { w.reopen(); return "", true }},
		deed{"rest", 1, func(w *wanderer) (string, bool) {
			if !w.chance(4) {
				return "not yet", false
			}
			return w.rest()
		}},
	)
}

func (w *wanderer) packageURI() string {
	return fmt.Sprintf("https://packages.example/lightos-3.%d.%d.tar.gz", 12+w.random.IntN(8), w.random.IntN(3))
}

func (w *wanderer) insertDevice() (string, bool) {
	var pulled []string
	w.view(func(tx *store.Tx) error {
		pulled = idsOf(tx, pulledDevices)
		return nil
	})
	if len(pulled) > 0 && !w.chance(4) {
		return w.act("insert-device", `{"serial":%q}`, w.pick(pulled))
	}
	return w.act("insert-device", `{"server":%q}`, w.pick(w.servers))
}

// addDevice takes one that nobody manages, and mostly a node of its server.
func (w *wanderer) addDevice() (string, bool) {
	serial, node := w.pick(w.serials), w.pick(w.nodes)
	w.view(func(tx *store.Tx) error {
		for _, row := range w.service.nvmeDevices.Table().All(tx, "", "") {
			if row.Life.State == statemachine.State(DeviceNone) && !w.chance(8) {
				serial = row.Body.Serial
				if server, err := w.service.servers.Get(tx, row.Body.ServerUUID); err == nil {
					node = w.pick(server.Body.NodesUUIDs)
				}
				break
			}
		}
		return nil
	})
	return w.call("POST", "/api/v2/nvmeDevices", `{"serialNumber":%q,"nodeUUID":%q}`, serial, node)
}

func (w *wanderer) createServer() (string, bool) {
	if len(w.servers) >= mostServers {
		return w.deleteServer()
	}
	return w.call("POST", "/api/v2/servers",
		`{"serverEndpoints":["http://10.9.%d.%d:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-%012d","extendCluster":%t}`,
		w.made/200%250, w.made%200, w.made, w.flip())
}

// deleteServer leaves four there, so that data can be evicted.
func (w *wanderer) deleteServer() (string, bool) {
	if len(w.servers) <= evictionServers {
		return "too few", false
	}
	return w.call("DELETE", fmt.Sprintf("/api/v2/servers/%s?forceDelete=%t", w.pick(w.servers), w.flip()), "")
}

// replaceNode mostly names an Unattached target where there is one.
func (w *wanderer) replaceNode() (string, bool) {
	target := w.pick(w.nodes)
	w.view(func(tx *store.Tx) error {
		for _, row := range w.service.nodes.Table().All(tx, "", "") {
			if row.Life.State == statemachine.State(NodeUnattached) && !w.chance(8) {
				target = row.Body.UUID
				break
			}
		}
		return nil
	})
	return w.call("POST", "/api/v2/nodes/"+w.pick(w.nodes)+"/replace", `{"TargetNodeUUID":%q,"ReplaceWhileActive":%t}`, target, !w.chance(3))
}

func (w *wanderer) delay() (string, bool) {
	name, to := w.pick(wandererDelays), w.pick([]string{"null", `"held"`, `"0s"`, `"3s"`, `"5m"`, "null", "null"})
	if to == "null" {
		w.setDelay(name, nil)
		return name + " " + to, true
	}
	d, err := statemachine.ParseDelay([]byte(to))
	require.NoError(w.t, err)
	w.setDelay(name, &d)
	return name + " " + to, true
}

func (w *wanderer) checkpoint() (string, bool) {
	name := fmt.Sprintf("c%d", w.random.IntN(3))
	require.NoError(w.t, w.db.Checkpoint(api.DefaultWorld, name))
	if !strings.Contains(strings.Join(w.kept, " "), name) {
		w.kept = append(w.kept, name)
	}
	return name, true
}

func (w *wanderer) restore() (string, bool) {
	if len(w.kept) == 0 {
		return "nothing", false
	}
	name := w.pick(w.kept)
	require.NoError(w.t, w.db.Restore(api.DefaultWorld, name))
	w.engine.Rescan(api.DefaultWorld)
	return name, true
}

// fork goes another way in a world of its own for an hour, which the first one does not notice.
func (w *wanderer) fork() (string, bool) {
	const forked = "fork"
	if err := w.db.DeleteWorld(forked); err != nil && !errors.Is(err, store.ErrNoWorld) {
		require.NoError(w.t, err)
	}
	from := ""
	if len(w.kept) > 0 && w.flip() {
		from = w.pick(w.kept)
	}
	require.NoError(w.t, w.db.Fork(api.DefaultWorld, from, forked, nil, nil))
	w.inWorld(forked, w.check)
	_, _, err := w.engine.Advance(forked, statemachine.Advance{By: time.Hour})
	require.NoError(w.t, err)
	w.inWorld(forked, w.check)
	return "from checkpoint " + from, true
}
