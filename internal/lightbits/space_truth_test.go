package lightbits

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// firstServer answers the server of the first node of volume v.
func (s *server) firstServer() string {
	var holder shownNode
	s.get("/api/v2/nodes/"+s.volumes("default")["v"].NodeList[0], &holder)
	return holder.ServerUUID
}

func (s *server) ok(method, path, body string) {
	s.t.Helper()
	status, answer := s.do(method, path, admin, body)
	require.Equal(s.t, 200, status, answer)
}

func (s *server) hold(delay string, to string) {
	s.t.Helper()
	d, err := statemachine.ParseDelay([]byte(to))
	require.NoError(s.t, err)
	s.update(func(tx *store.Tx) error { return s.engine.SetDelays(tx, map[string]*statemachine.Delay{delay: &d}) })
}

// What is updated, rolled back or cloned while its data is on its way is Migrating afterwards, until the data is there.
func TestVolume_BusyWhileMigrating(t *testing.T) {
	s := newServer(t, withCluster("servers: 5\nfeatureFlags: {evict-data: true}\nvolumes: [{name: v, replicaCount: 3}]"))
	s.ok("POST", deedProject+"snapshots", `{"name":"s","sourceVolumeName":"v"}`)
	s.advance(time.Second)
	s.hold("lightbits.migration.move", `"1m"`)
	s.ok("POST", "/api/v2/servers/"+s.firstServer()+"/disable", `{"evictData":true}`)
	require.Equal(t, "Migrating", s.volumes("default")["v"].State)

	s.ok("POST", deedProject+"volumes", `{"name":"clone","sourceSnapshotName":"s","acl":{"values":["ALLOW_ANY"]}}`)
	s.ok("PUT", deedProject+"volumes/?name=v", `{"size":"8GiB"}`)
	require.Equal(t, "Updating", s.volumes("default")["v"].State)
	s.advance(time.Second)
	require.Equal(t, "Migrating", s.volumes("default")["v"].State)
	require.Equal(t, "Migrating", s.volumes("default")["clone"].State)
	s.ok("PUT", deedProject+"volumes/"+s.volumes("default")["v"].UUID+"/rollback", `{"srcSnapshotName":"s"}`)
	require.Equal(t, "Rollback", s.volumes("default")["v"].State)
	s.advance(time.Second)
	require.Equal(t, "Migrating", s.volumes("default")["v"].State)
	s.advance(time.Minute)
	require.Equal(t, "Available", s.volumes("default")["v"].State)
	require.Equal(t, "Available", s.volumes("default")["clone"].State)
	require.Equal(t, s.volumes("default")["v"].NodeList, s.volumes("default")["clone"].NodeList)
}

// A volume that has failed is there to be seen, and holds nothing.
func TestVolume_FailedHoldsNothing(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3, acl: [ALLOW_ANY]}]"))
	s.must("write-volume", `{"volume":"v","bytes":"1GiB"}`)
	s.must("connect-host", `{"volume":"v","hostNQN":"nqn.2020-01.com.example:h"}`)
	require.Equal(t, "1073741824", s.node("server00-0").Statistics["physicalUsedStorage"])
	s.update(func(tx *store.Tx) error {
		row, _ := s.service.volumeByName(tx, defaultProject, "v")
		return s.service.volumes.Fire(tx, &row, "fail")
	})
	n := s.node("server00-0")
	require.Nil(t, n.Statistics["physicalUsedStorage"])
	require.Nil(t, n.Statistics["logicalStorage"])
	v := s.volumes("default")["v"]
	require.Equal(t, "Failed", v.State)
	require.Empty(t, v.NodeList)
	status, _ := s.do("GET", "/api/v2/hosts/nqn.2020-01.com.example:h", admin, "")
	require.Equal(t, 404, status, "a host of nothing is not connected")
	s.must("fail-node", `{"node":"server00-0"}`)
	require.Equal(t, map[string]any{"numInactiveNodes": 1.0, "state": "Warning"}, clusterHealthOf(s),
		"no volume is hurt")
}

// Of a volume that went away before its snapshot was cut, there is no snapshot.
func TestSnapshot_VolumeGoneBeforeTheCut(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v}, {name: w}]"))
	s.hold("lightbits.snapshot.create", `"1m"`)
	s.ok("POST", deedProject+"snapshots", `{"name":"gone","sourceVolumeName":"v"}`)
	s.ok("POST", deedProject+"snapshots", `{"name":"cut","sourceVolumeName":"w"}`)
	s.ok("DELETE", deedProject+"volumes/?name=v", "")
	s.advance(2 * time.Minute)
	require.Equal(t, SnapshotFailed, decodeWire[Snapshot](t, s, deedProject+"snapshots/?Name=gone").State)
	require.Empty(t, decodeWire[Snapshot](t, s, deedProject+"snapshots/?Name=gone").NodeList)
	require.Equal(t, SnapshotAvailable, decodeWire[Snapshot](t, s, deedProject+"snapshots/?Name=cut").State)
}

// Damaged blocks are counted where they are, and restored from parity or from other replicas as far as there are any.
func TestCorruptDevice(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: one, replicaCount: 1}, {name: three, replicaCount: 3}]"))
	node := s.volumes("default")["one"].NodeList[0]
	var list listNvmeDevicesAnswer
	s.get("/api/v2/nvmeDevices?nodeUUID="+node, &list)
	first, second := list.NvmeDevices[0].Serial, list.NvmeDevices[1].Serial
	errorsOf := func() (device NvmeDeviceStatistics, onNode NodeStatistics, one, three VolumeStatistics) {
		device = *decodeWire[NvmeDevice](t, s, "/api/v2/nvmeDevices/"+first).Statistics
		onNode = *decodeWire[Node](t, s, "/api/v2/nodes/"+node).Statistics
		one = *decodeWire[Volume](t, s, deedProject+"volumes/?name=one").Statistics
		return device, onNode, one, *decodeWire[Volume](t, s, deedProject+"volumes/?name=three").Statistics
	}
	s.must("corrupt-device", fmt.Sprintf(`{"serial":%q,"blocks":3,"volume":"one"}`, first))
	s.must("corrupt-device", fmt.Sprintf(`{"serial":%q}`, first))
	device, onNode, one, _ := errorsOf()
	require.Equal(t, NvmeDeviceStatistics{RecoverableDataIntegrityErrors: 4}, device)
	require.Equal(t, uint32(4), onNode.RecoverableDataIntegrityErrors)
	require.Equal(t, uint32(3), one.RecoverableDataIntegrityErrors)
	require.Equal(t, []string{"DataIntegrityErrorRecovered"}, s.eventNames("?componentType=DataIntegrity"),
		"one event in DeviceHealthIntervalForRaisingEvent")

	s.must("fail-device", fmt.Sprintf(`{"serial":%q}`, second))
	for _, volume := range []string{"one", "three"} {
		s.must("corrupt-device", fmt.Sprintf(`{"serial":%q,"blocks":5,"volume":%q}`, first, volume))
	}
	device, onNode, one, three := errorsOf()
	require.Equal(t, NvmeDeviceStatistics{RecoverableDataIntegrityErrors: 4, UnrecoverableDataIntegrityErrors: 10},
		device)
	require.Equal(t, uint32(10), onNode.UnrecoverableDataIntegrityErrors)
	require.Equal(t, uint32(5), one.UnrecoverableDataIntegrityErrors, "no parity and no other replica")
	require.Equal(t, uint32(5), three.RecoverableDataIntegrityErrors, "two other replicas")
	require.Zero(t, three.UnrecoverableDataIntegrityErrors)
	s.must("write-volume", `{"volume":"one","bytes":4096}`)
	_, _, one, _ = errorsOf()
	require.Equal(t, uint32(5), one.UnrecoverableDataIntegrityErrors, "what was counted stays")

	_, err := s.action("corrupt-device", fmt.Sprintf(`{"serial":%q}`, second))
	require.ErrorContains(t, err, "is Failed and holds no data")
	_, err = s.action("corrupt-device", fmt.Sprintf(`{"serial":%q,"blocks":1000001}`, first))
	var input *strict.Error
	require.ErrorAs(t, err, &input)
}

// A local rebuild ends with its node, and begins again when the node is back.
func TestDevice_RebuildWaitsForItsNode(t *testing.T) {
	for _, profile := range []statemachine.Profile{statemachine.Fast, statemachine.Instant} {
		s := newServer(t, withProfile(profile), withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
		var list listNvmeDevicesAnswer
		s.get("/api/v2/nvmeDevices?nodeUUID="+s.node("server00-0").UUID, &list)
		lost := list.NvmeDevices[0].Serial
		device := func(serial string) NvmeDevice { return decodeWire[NvmeDevice](t, s, "/api/v2/nvmeDevices/"+serial) }
		s.must("fail-device", fmt.Sprintf(`{"serial":%q}`, lost))
		if profile == statemachine.Fast {
			s.must("fail-node", `{"node":"server00-0"}`)
			require.False(t, s.node("server00-0").InLocalRebuild)
			require.Equal(t, DeviceHealthy, device(list.NvmeDevices[1].Serial).State)
			s.advance(time.Minute)
			require.True(t, device(lost).RebuildCompletionTime.IsZero(), "nobody rebuilds on a node that is down")
			s.must("recover-node", `{"node":"server00-0"}`)
			s.advance(400 * time.Millisecond)
			require.True(t, s.node("server00-0").InLocalRebuild)
			s.advance(time.Minute)
		}
		require.False(t, s.node("server00-0").InLocalRebuild)
		require.False(t, device(lost).RebuildCompletionTime.IsZero())
	}
}

// A pulled device is rebuilt like one that has failed.
func TestDevice_PulledIsRebuilt(t *testing.T) {
	s := newServer(t, withCluster("servers: 3"))
	var list listNvmeDevicesAnswer
	s.get("/api/v2/nvmeDevices?nodeUUID="+s.node("server00-0").UUID, &list)
	s.must("pull-device", fmt.Sprintf(`{"serial":%q}`, list.NvmeDevices[0].Serial))
	require.True(t, s.node("server00-0").InLocalRebuild)
	s.must("pull-device", fmt.Sprintf(`{"serial":%q}`, list.NvmeDevices[1].Serial))
	require.Equal(t, "Inactive", s.node("server00-0").State)
}

// What a pulled device held is rebuilt when its node is back, though the device is not; until then another loss is the
// second.
func TestDevice_PulledIsRebuiltAfterItsNodeFailed(t *testing.T) {
	for _, profile := range []statemachine.Profile{statemachine.Fast, statemachine.Instant} {
		s := newServer(t, withProfile(profile), withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
		s.hold("lightbits.nvmeDevice.rebuild", `"held"`)
		var list listNvmeDevicesAnswer
		s.get("/api/v2/nvmeDevices?nodeUUID="+s.node("server00-0").UUID, &list)
		pulled, other := list.NvmeDevices[0].Serial, list.NvmeDevices[1].Serial
		s.must("pull-device", fmt.Sprintf(`{"serial":%q}`, pulled))
		s.must("fail-node", `{"node":"server00-0"}`)
		s.must("insert-device", fmt.Sprintf(`{"serial":%q}`, pulled)) // it comes back empty
		s.must("recover-node", `{"node":"server00-0"}`)
		s.advance(time.Minute)
		require.Equal(t, "Active", s.node("server00-0").State)
		require.True(t, s.node("server00-0").InLocalRebuild)

		s.must("fail-device", fmt.Sprintf(`{"serial":%q}`, other))
		require.Equal(t, "Inactive", s.node("server00-0").State, "two devices' data is missing")
		s.hold("lightbits.nvmeDevice.rebuild", `"1s"`)
		s.must("recover-node", `{"node":"server00-0"}`)
		s.advance(time.Minute)
		require.False(t, s.node("server00-0").InLocalRebuild)
		require.Equal(t, "FullyProtected", s.volumes("default")["v"].ProtectionState)
		require.Equal(t, []string{
			"NVMeDeviceFailed", "NVMeDevicePulled", "NVMeDeviceInserted", "NVMeDeviceFailed", "NVMeDeviceRebuilt",
			"NVMeDeviceRebuilt",
		}, s.eventNames("?componentType=NVMeSSD"))
		s.must("fail-device", fmt.Sprintf(`{"serial":%q}`, list.NvmeDevices[2].Serial))
		require.True(t, s.node("server00-0").InLocalRebuild, "a first loss again")
		s.view(func(tx *store.Tx) error {
			require.Equal(t, 1, s.service.lostParts(tx, s.node("server00-0").UUID))
			return nil
		})
	}
}

// Whoever lowers the threshold hears at once of the clocks that are beyond it, and of none twice.
func TestClockDrift_ThresholdIsLowered(t *testing.T) {
	s := newServer(t, withCluster("servers: 3"))
	set := func(threshold string) {
		s.ok("PUT", "/api/v2/clusterConfig/ClockDriftIntervalForRaisingEvent",
			fmt.Sprintf(`{"configParam":{"value":%q}}`, threshold))
	}
	drifts := func() int { return len(s.eventNames("?componentType=Server")) }
	s.must("age-clock-drift", `{"server":"server01","by":"-40s"}`)
	s.must("age-clock-drift", `{"server":"server02","by":"20s"}`)
	require.Zero(t, drifts())
	set("30s")
	require.Equal(t, []string{"ServerClockDrift"}, s.eventNames("?componentType=Server"))
	set("25s")
	require.Equal(t, 1, drifts(), "that one is known")
	set("1h")
	require.Equal(t, 1, drifts(), "a higher one tells nothing")
	set("20s")
	require.Equal(t, 3, drifts(), "both are beyond it now")
}

// A device that is pulled before it was added costs nobody anything.
func TestDevice_FailsWhileAdding(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\ndevicesPerNode: 4"))
	s.must("insert-device", `{"serial":"NEW","server":"server00"}`)
	s.ok("POST", "/api/v2/nvmeDevices", fmt.Sprintf(`{"serialNumber":"NEW","nodeUUID":%q}`, s.node("server00-0").UUID))
	s.must("fail-device", `{"serial":"NEW"}`)
	require.Equal(t, "Active", s.node("server00-0").State)
	require.Equal(t, 4, s.node("server00-0").NumManagedDevices)
	require.Empty(t, decodeWire[NvmeDevice](t, s, "/api/v2/nvmeDevices/NEW").NodeUUID)
}

// A server on which volumes have come to depend since its upgrade began does not reboot, unless it was forced to.
func TestUpgradeServer_RiskAppears(t *testing.T) {
	for _, force := range []bool{false, true} {
		s := newServer(t, withCluster("servers: 4\nvolumes: [{name: v, replicaCount: 3}]"))
		v, id := s.volumes("default")["v"], s.firstServer()
		s.ok("POST", "/api/v2/servers/"+id+"/upgrade",
			fmt.Sprintf(`{"InstallPkgUri":"https://packages.example/lightos-3.16.1.tar.gz","ForceUpgrade":%t}`, force))
		s.must("fail-node", fmt.Sprintf(`{"node":%q}`, v.NodeList[1]))
		s.advance(400 * time.Millisecond)
		last := decodeWire[Server](t, s, "/api/v2/servers/"+id).LastUpgrade
		if force {
			require.Equal(t, UpgradeRebooting, last.Status)
			require.Equal(t, "ReadOnly", s.volumes("default")["v"].ProtectionState)
			continue
		}
		require.Equal(t, UpgradeFailed, last.Status)
		require.Contains(t, last.ErrorMessage, "1 volumes would no longer take reads or writes")
		require.Equal(t, "Degraded", s.volumes("default")["v"].ProtectionState)
	}
}

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

// A server that waits for its deletion is gone when the last thing has left it, be that but a snapshot whose volume is
// deleted.
func TestDeleteServer_LastSnapshotLeaves(t *testing.T) {
	s := newServer(t, withCluster("servers: 4\nfeatureFlags: {fail-in-place: true}\nvolumes: [{name: v, "+
		"replicaCount: 3}]"))
	s.ok("POST", deedProject+"snapshots", `{"name":"s","sourceVolumeName":"v"}`)
	s.advance(time.Second)
	id := s.firstServer()
	s.ok("DELETE", deedProject+"volumes/?name=v", "")
	s.advance(time.Second)
	s.ok("POST", "/api/v2/servers/"+id+"/disable", "")
	s.advance(time.Second)
	s.ok("DELETE", "/api/v2/servers/"+id+"?forceDelete=true", "")
	s.advance(30 * time.Minute)
	require.Equal(t, ServerDeleting, decodeWire[Server](t, s, "/api/v2/servers/"+id).State)
	s.advance(time.Hour)
	status, _ := s.do("GET", "/api/v2/servers/"+id, admin, "")
	require.Equal(t, 404, status, "fail-in-place has brought the snapshot elsewhere")
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

// fail-in-place does what it is for also where it is switched on, or where room comes, after the failure.
func TestFailInPlace_Later(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
	s.must("fail-node", `{"node":"server00-0"}`)
	s.advance(2 * time.Hour)
	s.ok("POST", "/api/v2/featureFlags/fail-in-place/enable", "")
	s.advance(time.Minute)
	require.Equal(t, "Degraded", s.volumes("default")["v"].ProtectionState, "there is no other node")
	s.ok("POST", "/api/v2/servers",
		`{"serverEndpoints":["http://10.9.0.1:2380"],"serverUUID":"7f1f42a4-45a7-4f9c-8cf0-000000000001","extendCluster":true}`)
	s.advance(time.Minute)
	v := s.volumes("default")["v"]
	require.Equal(t, "FullyProtected", v.ProtectionState)
	require.Contains(t, v.NodeList, s.node("server03-0").UUID)

	s.ok("POST", "/api/v2/featureFlags/fail-in-place/disable", "")
	s.must("fail-node", `{"node":"server03-0"}`)
	s.must("recover-node", `{"node":"server00-0"}`)
	s.advance(2 * time.Hour)
	require.Equal(t, "Degraded", s.volumes("default")["v"].ProtectionState)
	s.ok("POST", "/api/v2/featureFlags/fail-in-place/enable", "")
	s.advance(time.Minute)
	require.Equal(t, "FullyProtected", s.volumes("default")["v"].ProtectionState)
}

// proactive-rebalance that is switched on when a node is full already begins at once.
func TestProactiveRebalance_Later(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 1, size: 20TiB}, {name: w, "+
		"replicaCount: 1, size: 4TiB}]"))
	s.must("write-volume", `{"volume":"v","bytes":"20TiB"}`)
	v, w := s.volumes("default")["v"], s.volumes("default")["w"]
	if v.NodeList[0] != w.NodeList[0] {
		s.update(func(tx *store.Tx) error {
			c, err := s.service.placedChain(tx, w.UUID)
			require.NoError(t, err)
			return s.service.moveReplica(tx, &c, w.NodeList[0], v.NodeList[0])
		})
	}
	s.must("write-volume", `{"volume":"w","bytes":"3TiB"}`)
	full := func() bool { return decodeWire[Node](t, s, "/api/v2/nodes/"+v.NodeList[0]).ReadOnly }
	require.True(t, full())
	s.advance(time.Minute)
	require.True(t, full())
	s.ok("POST", "/api/v2/featureFlags/proactive-rebalance/enable", "")
	s.advance(time.Minute)
	require.False(t, full())
}
