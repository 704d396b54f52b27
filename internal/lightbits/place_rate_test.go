package lightbits

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// progressMembers lists the members of a response's type whose names contain "progress", by path.
func progressMembers(t reflect.Type, path string, above []reflect.Type) (list []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || slices.Contains(above, t) || !strings.HasPrefix(t.PkgPath(), "storagesim/") {
		return nil
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if strings.Contains(strings.ToLower(name), "progress") && t.Field(i).Type.Kind() != reflect.Pointer {
			list = append(list, path+name)
		}
		list = append(list, progressMembers(t.Field(i).Type, path+name+".", append(above, t))...)
	}
	return list
}

// poll is a progress member of a response that is polled while it should grow.
type poll struct {
	members []string // that are in progress together
	begin   func(s *server)
	read    func(s *server) float64
	every   time.Duration
	polls   int
}

const rateTestCluster = "servers: 4\nmaxReplicas: 3\nfeatureFlags: {evict-data: true}\n" +
	"volumes: [{name: v, replicaCount: 3, size: 1TiB}]"

// holderNode returns the first node of volume v.
func (s *server) holderNode() string { return s.volumes(defaultProject)["v"].NodeList[0] }

func polls() []poll {
	node := func(s *server) Node { return decodeWire[Node](s.t, s, "/api/v2/nodes/"+s.holderNode()) }
	holder := func(s *server) Server { return decodeWire[Server](s.t, s, "/api/v2/servers/"+s.firstServer()) }
	upgrade := func(path string) func(s *server) {
		return func(s *server) {
			s.ok("POST", strings.ReplaceAll(path, "<server>", s.firstServer()), "{"+upgradeBody+"}")
		}
	}
	return []poll{
		{
			members: []string{"Node.localRebuildProgress"}, every: 20 * time.Second, polls: 2,
			begin: func(s *server) {
				list := decodeWire[listNvmeDevicesResponse](s.t, s, "/api/v2/nvmeDevices?nodeUUID="+s.holderNode())
				s.must("fail-device", fmt.Sprintf(`{"serial":%q}`, list.NvmeDevices[0].Serial))
			},
			read: func(s *server) float64 { return float64(node(s).LocalRebuildProgress) },
		},
		{
			members: []string{"Node.powerupProgress"}, every: 20 * time.Second, polls: 10,
			begin: func(s *server) {
				s.must("fail-node", `{"node":"`+s.holderNode()+`"}`)
				s.must("recover-node", `{"node":"`+s.holderNode()+`"}`)
			},
			read: func(s *server) float64 { return float64(node(s).PowerupProgress) },
		},
		{
			members: []string{"Volume.rebuildProgress"}, every: 20 * time.Second, polls: 10,
			begin: func(s *server) {
				s.must("fail-node", `{"node":"`+s.holderNode()+`"}`)
				s.must("recover-node", `{"node":"`+s.holderNode()+`"}`)
				s.advance(4 * time.Minute)
			},
			read: func(s *server) float64 {
				percent, err := strconv.ParseFloat(s.volumes(defaultProject)["v"].RebuildProgress, 64)
				require.NoError(s.t, err)
				var alone shownVolume
				s.get(projectPath+"volumes/?name=v", &alone)
				require.Equal(s.t, s.volumes(defaultProject)["v"].RebuildProgress, alone.RebuildProgress)
				return percent
			},
		},
		{
			members: []string{"Server.LastEviction.progress"}, every: 20 * time.Second, polls: 4,
			begin: func(s *server) {
				s.ok("POST", "/api/v2/servers/"+s.firstServer()+"/disable", `{"evictData":true}`)
			},
			read: func(s *server) float64 { return float64(holder(s).LastEviction.Progress) },
		},
		{
			members: []string{"Server.LastUpgrade.ProgressStep", "Server.LastUpgrade.ProgressTotal"},
			every:   time.Minute + time.Second, polls: 2, begin: upgrade("/api/v2/servers/<server>/upgrade"),
			read: func(s *server) float64 { return float64(holder(s).LastUpgrade.ProgressStep) },
		},
		{
			members: []string{"Cluster.lastUpgrade.ProgressStep", "Cluster.lastUpgrade.ProgressTotal"},
			every:   12 * time.Minute, polls: 2, begin: upgrade("/api/v2/cluster/upgrade"),
			read: func(s *server) float64 {
				return float64(decodeWire[Cluster](s.t, s, "/api/v2/cluster").LastUpgrade.ProgressStep)
			},
		},
	}
}

// Every member that shows progress grows from poll to poll.
func TestProgress_GrowsInEveryPoll(t *testing.T) {
	var known, members []string
	for _, p := range polls() {
		known = append(known, p.members...)
		t.Run(p.members[0], func(t *testing.T) {
			s := newServer(t, withCluster(rateTestCluster))
			for _, delay := range []string{"nvmeDevice.rebuild", "node.powerup", "node.rebuild", "migration.move",
				"upgrade.upgrade", "upgrade.reboot", "upgrade.recover"} {
				s.hold("lightbits."+delay, `"1m"`)
			}
			s.must("write-volume", `{"volume":"v","bytes":"96GiB"}`)
			p.begin(s)
			last := p.read(s)
			for i := range p.polls {
				s.advance(p.every)
				now := p.read(s)
				require.Greater(t, now, last, "poll %d", i+1)
				last = now
			}
		})
	}
	for _, v := range []any{Node{}, Volume{}, Server{}, Cluster{}} {
		typ := reflect.TypeOf(v)
		members = append(members, progressMembers(typ, typ.Name()+".", nil)...)
	}
	require.ElementsMatch(t, known, members, "a progress member that no poll reads")
}
