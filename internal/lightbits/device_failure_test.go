package lightbits

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Damaged blocks are counted on their device, and restored from parity or other replicas if there are any.
func TestCorruptDevice(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: one, replicaCount: 1}, {name: three, replicaCount: 3}]"))
	node := s.volumes("default")["one"].NodeList[0]
	var list listNvmeDevicesResponse
	s.get("/api/v2/nvmeDevices?nodeUUID="+node, &list)
	first, second := list.NvmeDevices[0].Serial, list.NvmeDevices[1].Serial
	errorsOf := func() (device NvmeDeviceStatistics, onNode NodeStatistics, one, three VolumeStatistics) {
		device = *decodeWire[NvmeDevice](t, s, "/api/v2/nvmeDevices/"+first).Statistics
		onNode = *decodeWire[Node](t, s, "/api/v2/nodes/"+node).Statistics
		one = *decodeWire[Volume](t, s, projectPath+"volumes/?name=one").Statistics
		return device, onNode, one, *decodeWire[Volume](t, s, projectPath+"volumes/?name=three").Statistics
	}
	s.run("a device with parity recovers its errors", func(t *testing.T) {
		s.must("corrupt-device", fmt.Sprintf(`{"serial":%q,"blocks":3,"volume":"one"}`, first))
		s.must("corrupt-device", fmt.Sprintf(`{"serial":%q}`, first))
		device, onNode, one, _ := errorsOf()
		require.Equal(t, NvmeDeviceStatistics{RecoverableDataIntegrityErrors: 4}, device)
		require.Equal(t, uint32(4), onNode.RecoverableDataIntegrityErrors)
		require.Equal(t, uint32(3), one.RecoverableDataIntegrityErrors)
	})
	s.run("one event in DeviceHealthIntervalForRaisingEvent", func(t *testing.T) {
		require.Equal(t, []string{"DataIntegrityErrorRecovered"}, s.eventNames("?componentType=DataIntegrity"))
	})
	s.run("errors without parity", func(t *testing.T) {
		s.must("fail-device", fmt.Sprintf(`{"serial":%q}`, second))
		for _, volume := range []string{"one", "three"} {
			s.must("corrupt-device", fmt.Sprintf(`{"serial":%q,"blocks":5,"volume":%q}`, first, volume))
		}
		device, onNode, one, three := errorsOf()
		require.Equal(t, NvmeDeviceStatistics{RecoverableDataIntegrityErrors: 4, UnrecoverableDataIntegrityErrors: 10},
			device)
		require.Equal(t, uint32(10), onNode.UnrecoverableDataIntegrityErrors)
		require.Equal(t, uint32(5), one.UnrecoverableDataIntegrityErrors, "no other replica")
		require.Equal(t, uint32(5), three.RecoverableDataIntegrityErrors, "two other replicas")
		require.Zero(t, three.UnrecoverableDataIntegrityErrors)
	})
	s.run("a write keeps the counts", func(t *testing.T) {
		s.must("write-volume", `{"volume":"one","bytes":4096}`)
		_, _, one, _ := errorsOf()
		require.Equal(t, uint32(5), one.UnrecoverableDataIntegrityErrors)
	})
	s.run("failed device is refused", func(t *testing.T) {
		_, err := s.action("corrupt-device", fmt.Sprintf(`{"serial":%q}`, second))
		require.ErrorContains(t, err, "is Failed and holds no data")
	})
	s.run("too many blocks are refused", func(t *testing.T) {
		_, err := s.action("corrupt-device", fmt.Sprintf(`{"serial":%q,"blocks":1000001}`, first))
		require.ErrorAs(t, err, new(*strict.Error))
	})
}

// A local rebuild stops when its node fails, and starts again when the node recovers.
func TestDevice_RebuildStopsWithNode(t *testing.T) {
	for _, profile := range []statemachine.Profile{statemachine.Fast, statemachine.Instant} {
		s := newServer(t, withProfile(profile), withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
		var list listNvmeDevicesResponse
		s.get("/api/v2/nvmeDevices?nodeUUID="+s.node("server00-0").UUID, &list)
		lost := list.NvmeDevices[0].Serial
		device := func(serial string) NvmeDevice { return decodeWire[NvmeDevice](t, s, "/api/v2/nvmeDevices/"+serial) }
		s.must("fail-device", fmt.Sprintf(`{"serial":%q}`, lost))
		if profile == statemachine.Fast {
			s.must("fail-node", `{"node":"server00-0"}`)
			require.False(t, s.node("server00-0").InLocalRebuild)
			require.Equal(t, DeviceHealthy, device(list.NvmeDevices[1].Serial).State)
			s.advance(time.Minute)
			require.True(t, device(lost).RebuildCompletionTime.IsZero(), "there is no rebuild on a node that is down")
			s.must("recover-node", `{"node":"server00-0"}`)
			s.advance(400 * time.Millisecond)
			require.True(t, s.node("server00-0").InLocalRebuild)
			s.advance(time.Minute)
		}
		require.False(t, s.node("server00-0").InLocalRebuild)
		require.False(t, device(lost).RebuildCompletionTime.IsZero())
	}
}

// The data of a pulled device is rebuilt like that of a failed one.
func TestDevice_PulledIsRebuilt(t *testing.T) {
	s := newServer(t, withCluster("servers: 3"))
	var list listNvmeDevicesResponse
	s.get("/api/v2/nvmeDevices?nodeUUID="+s.node("server00-0").UUID, &list)
	s.must("pull-device", fmt.Sprintf(`{"serial":%q}`, list.NvmeDevices[0].Serial))
	require.True(t, s.node("server00-0").InLocalRebuild)
	s.must("pull-device", fmt.Sprintf(`{"serial":%q}`, list.NvmeDevices[1].Serial))
	require.Equal(t, "Inactive", s.node("server00-0").State)
}

// The data of a pulled device is rebuilt when its node recovers, even without the device. Until then, another lost
// device is the second one.
func TestDevice_PulledIsRebuiltAfterItsNodeFailed(t *testing.T) {
	for _, profile := range []statemachine.Profile{statemachine.Fast, statemachine.Instant} {
		s := newServer(t, withProfile(profile), withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
		s.hold("lightbits.nvmeDevice.rebuild", `"held"`)
		var list listNvmeDevicesResponse
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
		require.Equal(t, "Inactive", s.node("server00-0").State, "the data of two devices is missing")
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
		require.True(t, s.node("server00-0").InLocalRebuild, "it counts as the first loss again")
		s.view(func(tx *store.Tx) error {
			require.Equal(t, 1, s.service.lostParts(tx, s.node("server00-0").UUID))
			return nil
		})
	}
}

// A device that fails while it is being added does not affect its node.
func TestDevice_FailsWhileAdding(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\ndevicesPerNode: 4"))
	s.must("insert-device", `{"serial":"NEW","server":"server00"}`)
	s.ok("POST", "/api/v2/nvmeDevices", fmt.Sprintf(`{"serialNumber":"NEW","nodeUUID":%q}`, s.node("server00-0").UUID))
	s.must("fail-device", `{"serial":"NEW"}`)
	require.Equal(t, "Active", s.node("server00-0").State)
	require.Equal(t, 4, s.node("server00-0").NumManagedDevices)
	require.Empty(t, decodeWire[NvmeDevice](t, s, "/api/v2/nvmeDevices/NEW").NodeUUID)
}

// A node that has lost all of its devices rebuilds their data when a new one is added.
func TestDevice_AddedToNodeWithoutDevices(t *testing.T) {
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
		require.True(t, device(list.NvmeDevices[0].Serial).RebuildCompletionTime.IsZero(), "there is no device to rebuild on")
		s.must("insert-device", `{"serial":"NEW","server":"server00"}`)
		s.ok("POST", "/api/v2/nvmeDevices", fmt.Sprintf(`{"serialNumber":"NEW","nodeUUID":%q}`, node))
		s.advance(time.Minute)
		require.False(t, s.node("server00-0").InLocalRebuild)
		for _, d := range list.NvmeDevices {
			require.False(t, device(d.Serial).RebuildCompletionTime.IsZero())
		}
		require.Equal(t, 1,
			strings.Count(strings.Join(s.eventNames("?componentType=Node"), " "), "NodeLocalRebuildCompleted"))
	}
}

// fireDevice fires an event at a device, as the control surface does.
func (s *server) fireDevice(serial string, on statemachine.Event) {
	s.t.Helper()
	s.update(func(tx *store.Tx) error {
		row, err := s.service.nvmeDevices.Find(tx, serial)
		require.NoError(s.t, err)
		return s.service.nvmeDevices.Fire(tx, &row, on)
	})
}

func TestDevice_Failure(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	devices := func() []*NvmeDevice {
		var list listNvmeDevicesResponse
		s.get("/api/v2/nvmeDevices?nodeUUID="+s.node("server00-0").UUID, &list)
		return list.NvmeDevices
	}
	d := devices()
	s.run("the first one is rebuilt on the others", func(t *testing.T) {
		s.fireDevice(d[0].Serial, "fail")
		n := s.node("server00-0")
		require.True(t, n.InLocalRebuild)
		require.Equal(t, 7, n.NumManagedDevices)
		require.Equal(t, "26880000000000", n.Statistics["managedPhysicalStorage"])
		require.Equal(t, DeviceFailed, devices()[0].State)
		require.Equal(t, start, devices()[0].FailureTime)
		require.Equal(t, DeviceRebuilding, devices()[1].State)
		require.Equal(t, "Warning", s.servers("")["server00"].Health)
	})
	s.run("the rebuild is completed", func(t *testing.T) {
		s.advance(time.Second)
		require.False(t, s.node("server00-0").InLocalRebuild)
		require.Equal(t, DeviceHealthy, devices()[1].State)
		require.Equal(t, start.Add(500*time.Millisecond), devices()[0].RebuildCompletionTime)
		require.Equal(t, []string{"NVMeDeviceFailed", "NVMeDeviceRebuilt"}, s.eventNames("?componentType=NVMeSSD"))
	})
	s.run("another one after the rebuild is rebuilt too", func(t *testing.T) {
		s.fireDevice(d[1].Serial, "fail")
		require.True(t, s.node("server00-0").InLocalRebuild)
	})
	s.run("another one during the rebuild stops the node", func(t *testing.T) {
		s.fireDevice(d[2].Serial, "fail")
		require.Equal(t, "Inactive", s.node("server00-0").State)
	})
	s.run("a released one is unmanaged", func(t *testing.T) {
		s.fireDevice(d[0].Serial, "release")
		var released NvmeDevice
		s.get("/api/v2/nvmeDevices/"+d[0].Serial, &released)
		require.Empty(t, released.NodeUUID)
		require.Equal(t, UsageUnManaged, released.DeviceUsage)
		require.True(t, released.FailureTime.IsZero())
	})
}

func TestDevice_FailureWithoutParity(t *testing.T) {
	s := newServer(t, withCluster("servers: 1\ndevicesPerNode: 7"))
	var list listNvmeDevicesResponse
	s.get("/api/v2/nvmeDevices", &list)
	s.fireDevice(list.NvmeDevices[0].Serial, "fail")
	require.Equal(t, "Inactive", s.node("server00-0").State)
}
