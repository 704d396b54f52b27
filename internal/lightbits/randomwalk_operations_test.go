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
	walkFlags  = []string{flagEvictData, flagFailInPlace, flagProactiveRebalance}
	walkDelays = []string{
		"lightbits.volume.create", "lightbits.volume.update", "lightbits.volume.rollback", "lightbits.volume.delete",
		"lightbits.volume.migrate",
		"lightbits.snapshot.create", "lightbits.snapshot.delete", "lightbits.node.powerup", "lightbits.node.rebuild",
		"lightbits.node.attach",
		"lightbits.node.detach", "lightbits.nvmeDevice.add", "lightbits.nvmeDevice.rebuild", "lightbits.server.create",
		"lightbits.server.disable",
		"lightbits.server.enable", "lightbits.server.delete", "lightbits.migration.move", "lightbits.eviction.abort",
		"lightbits.upgrade.upgrade", "lightbits.upgrade.reboot", "lightbits.upgrade.recover",
	}
)

// walkSteps returns all kinds of steps.
func walkSteps() []walkStep {
	return append(volumeSteps(),
		walkStep{"fail-node", 2, func(w *walker) (string, bool) {
			return w.act("fail-node", `{"node":%q}`, w.pick(w.nodes))
		}},
		walkStep{"recover-node", 6, func(w *walker) (string, bool) {
			return w.act("recover-node", `{"node":%q}`, w.pick(w.nodes))
		}},
		walkStep{"fail-device", 2, func(w *walker) (string, bool) {
			return w.act("fail-device", `{"serial":%q}`, w.pick(w.serials))
		}},
		walkStep{"pull-device", 2, func(w *walker) (string, bool) {
			return w.act("pull-device", `{"serial":%q}`, w.pick(w.serials))
		}},
		walkStep{"insert-device", 3, (*walker).insertDevice},
		walkStep{"AddNvmeDevice", 4, (*walker).addDevice},
		walkStep{"UpdateNvmeDevice", 1, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/nvmeDevices/"+w.pick(w.serials), `{"serverUUID":%q,"ledPattern":"locate"}`,
				w.pick(w.servers))
		}},
		walkStep{"DisableServer", 2, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/servers/"+w.pick(w.servers)+"/disable", `{"ForceDisable":%t}`, w.flip())
		}},
		walkStep{"DisableServer with eviction", 2, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/servers/"+w.pick(w.servers)+"/disable",
				`{"ForceDisable":%t,"evictData":true}`, w.flip())
		}},
		walkStep{"EnableServer", 4, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/servers/"+w.pick(w.servers)+"/enable", "")
		}},
		walkStep{"CreateServer", 2, (*walker).createServer},
		walkStep{"DeleteServer", 2, (*walker).deleteServer},
		walkStep{"fail-server", 1, func(w *walker) (string, bool) {
			return w.act("fail-server", `{"server":%q}`, w.pick(w.servers))
		}},
		walkStep{"recover-server", 4, func(w *walker) (string, bool) {
			return w.act("recover-server", `{"server":%q}`, w.pick(w.servers))
		}},
		walkStep{"UpgradeServer", 1, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/servers/"+w.pick(w.servers)+"/upgrade",
				`{"InstallPkgUri":%q,"ForceUpgrade":%t}`, w.packageURI(), w.flip())
		}},
		walkStep{"UpgradeCluster", 1, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/cluster/upgrade", `{"InstallPkgUri":%q}`, w.packageURI())
		}},
		walkStep{"ReplaceNode", 4, (*walker).replaceNode},
		walkStep{"StartNodeInstance", 2, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/nodes/"+w.pick(w.nodes)+"/start", "{}")
		}},
		walkStep{"StopNodeInstance", 1, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/nodes/"+w.pick(w.nodes)+"/stop", `{"force":%t}`, w.chance(3))
		}},
		walkStep{"RestartNodeInstance", 2, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/nodes/"+w.pick(w.nodes)+"/restart", `{"force":%t,"considerBackend":%t}`,
				w.flip(), w.flip())
		}},
		walkStep{"EnableFeatureFlag", 2, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/featureFlags/"+w.pick(walkFlags)+"/enable", "")
		}},
		walkStep{"DisableFeatureFlag", 1, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/featureFlags/"+w.pick(walkFlags)+"/disable", "")
		}},
		walkStep{"UpdateClusterConfigParam", 1, func(w *walker) (string, bool) {
			return w.call("PUT", "/api/v2/clusterConfig/DurationToTurnIntoPermanentFailure",
				`{"configParam":{"value":%q}}`, w.pick([]string{"1s", "2m", "1h", "0s"}))
		}},
		walkStep{"fill-cluster", 1, func(w *walker) (string, bool) {
			return w.act("fill-cluster", `{"percent":%d}`, 30+w.random.IntN(70))
		}},
		walkStep{"partition-cluster", 1, func(w *walker) (string, bool) {
			return w.act("partition-cluster", `{"unreachable":%t}`, w.chance(6))
		}},
		walkStep{"age-clock-drift", 1, func(w *walker) (string, bool) {
			return w.act("age-clock-drift", `{"server":%q,"by":"%ds"}`, w.pick(w.servers), w.random.IntN(80)-40)
		}},
		walkStep{"advance", 40, func(w *walker) (string, bool) {
			by := []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, time.Second, 10 * time.Second,
				40 * time.Minute}[w.random.IntN(5)]
			w.advance(by)
			return by.String(), true
		}},
		walkStep{"delay", 1, (*walker).delay},
		walkStep{"release", 3, func(w *walker) (string, bool) {
			kind := w.pick(w.engine.Kinds())
			list := w.resources(kind)
			if len(list) == 0 {
				return kind, false
			}
			return w.release(kind, list[w.random.IntN(len(list))].ID)
		}},
		walkStep{"checkpoint", 1, (*walker).checkpoint},
		walkStep{"restore", 1, (*walker).restore},
		walkStep{"fork", 1, (*walker).fork},
		walkStep{"reopen", 1, func(w *walker) (string, bool) { w.reopen(); return "", true }},
		walkStep{"rest", 1, func(w *walker) (string, bool) {
			if !w.chance(4) {
				return "not yet", false
			}
			return w.rest()
		}},
	)
}

func (w *walker) packageURI() string {
	return fmt.Sprintf("https://packages.example/lightos-3.%d.%d.tar.gz", 12+w.random.IntN(8), w.random.IntN(3))
}

func (w *walker) insertDevice() (string, bool) {
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

// addDevice adds a device to a node: mostly an unmanaged device to a node of its server.
func (w *walker) addDevice() (string, bool) {
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

func (w *walker) createServer() (string, bool) {
	if len(w.servers) >= mostServers {
		return w.deleteServer()
	}
	return w.call("POST", "/api/v2/servers",
		`{"serverEndpoints":["http://10.9.%d.%d:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-%012d","extendCluster":%t}`,
		w.steps/200%250, w.steps%200, w.steps, w.flip())
}

// deleteServer keeps as many servers as an eviction needs.
func (w *walker) deleteServer() (string, bool) {
	if len(w.servers) <= evictionServers {
		return "too few", false
	}
	return w.call("DELETE", fmt.Sprintf("/api/v2/servers/%s?forceDelete=%t", w.pick(w.servers), w.flip()), "")
}

// replaceNode replaces a node, mostly with an Unattached one if there is any.
func (w *walker) replaceNode() (string, bool) {
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
	return w.call("POST", "/api/v2/nodes/"+w.pick(w.nodes)+"/replace", `{"TargetNodeUUID":%q,"ReplaceWhileActive":%t}`,
		target, !w.chance(3))
}

func (w *walker) delay() (string, bool) {
	name, to := w.pick(walkDelays), w.pick([]string{"null", `"held"`, `"0s"`, `"3s"`, `"5m"`, "null", "null"})
	if to == "null" {
		w.setDelay(name, nil)
		return name + " " + to, true
	}
	d, err := statemachine.ParseDelay([]byte(to))
	require.NoError(w.t, err)
	w.setDelay(name, &d)
	return name + " " + to, true
}

func (w *walker) checkpoint() (string, bool) {
	name := fmt.Sprintf("c%d", w.random.IntN(3))
	require.NoError(w.t, w.db.Checkpoint(api.DefaultWorld, name, nil))
	if !strings.Contains(strings.Join(w.checkpoints, " "), name) {
		w.checkpoints = append(w.checkpoints, name)
	}
	return name, true
}

func (w *walker) restore() (string, bool) {
	if len(w.checkpoints) == 0 {
		return "nothing", false
	}
	name := w.pick(w.checkpoints)
	require.NoError(w.t, w.db.Restore(api.DefaultWorld, name, nil))
	w.engine.Rescan(api.DefaultWorld)
	return name, true
}

// fork forks the world and advances the fork by an hour, which must not affect the original.
func (w *walker) fork() (string, bool) {
	const forked = "fork"
	if err := w.db.DeleteWorld(forked); err != nil && !errors.Is(err, store.ErrNoWorld) {
		require.NoError(w.t, err)
	}
	from := ""
	if len(w.checkpoints) > 0 && w.flip() {
		from = w.pick(w.checkpoints)
	}
	require.NoError(w.t, w.db.Fork(api.DefaultWorld, from, forked, nil, nil))
	w.inWorld(forked, w.check)
	_, err := w.engine.Advance(w.t.Context(), forked, statemachine.Advance{By: time.Hour})
	require.NoError(w.t, err)
	w.inWorld(forked, w.check)
	return "from checkpoint " + from, true
}
