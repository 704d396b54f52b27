package lightbits

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *server) servers(query string) map[string]shownServer {
	s.t.Helper()
	var list struct{ Servers []shownServer }
	s.get("/api/v2/servers"+query, &list)
	byName := map[string]shownServer{}
	for _, v := range list.Servers {
		byName[v.Name] = v
	}
	return byName
}

// fireServer and fireDevice fire a machine's event, as the control surface does.
func (s *server) fireServer(name string, on statemachine.Event) {
	s.t.Helper()
	uuid := s.servers("?Name=" + name)[name].UUID
	s.update(func(tx *store.Tx) error {
		row, err := s.service.servers.Find(tx, uuid)
		require.NoError(s.t, err)
		return s.service.servers.Fire(tx, &row, on)
	})
}

func (s *server) fireDevice(serial string, on statemachine.Event) {
	s.t.Helper()
	s.update(func(tx *store.Tx) error {
		row, err := s.service.nvmeDevices.Find(tx, serial)
		require.NoError(s.t, err)
		return s.service.nvmeDevices.Fire(tx, &row, on)
	})
}

func TestListServers_Filters(t *testing.T) {
	s := newServer(t, withCluster("servers: 4\nversion: 3.9.2\nvolumes: [{name: v, replicaCount: 3}]"))
	v := s.volumes(defaultProject)["v"]
	all := s.servers("")
	require.Len(t, all, 4)
	one := all["server01"]
	require.Equal(t, []string{"http://10.1.0.11:2380"}, one.ServerEndpoints)
	require.Equal(t, []string{"10.1.0.11:443"}, one.APIEndpoints)
	require.Equal(t, "3.9.2", one.LightOSVersion)
	require.Len(t, s.servers("?UUID="+one.UUID), 1)
	require.Len(t, s.servers("?Name=server01"), 1)
	require.Empty(t, s.servers("?Name=server01&UUID="+all["server02"].UUID), "all filters must let it through")
	require.Empty(t, s.servers("?Name=nobody"))
	require.Len(t, s.servers("?name=nobody"), 4, "a parameter of another case is unknown and ignored")
	require.Len(t, s.servers("?RiskOfServiceLoss=NoRiskOfServiceLoss"), 4)
	require.Len(t, s.servers("?RiskOfServiceLoss=UnknownRiskOfServiceLoss"), 4, "the default is no filter")
	require.Len(t, s.servers("?RiskOfServiceLoss=1"), 4, "enums come by number too")
	status, _ := s.do(http.MethodGet, "/api/v2/servers?RiskOfServiceLoss=Some", admin, "")
	require.Equal(t, 400, status)

	s.must("fail-node", `{"node":"`+v.NodeList[0]+`"}`)
	require.Len(t, s.servers("?RiskOfServiceLoss=SourceOfRiskOfServiceLoss"), 1)
	require.Len(t, s.servers("?RiskOfServiceLoss=InRiskOfServiceLoss"), 2, "one less would stop writes")
	require.Len(t, s.servers("?RiskOfServiceLoss=NoRiskOfServiceLoss"), 1, "nothing of it is there")
	for _, shown := range s.servers("?RiskOfServiceLoss=SourceOfRiskOfServiceLoss") {
		require.Equal(t, "Error", shown.Health)
	}
	s.must("recover-node", `{"node":"`+v.NodeList[0]+`"}`)
	s.advance(500 * time.Millisecond)
	for _, shown := range s.servers("?RiskOfServiceLoss=SourceOfRiskOfServiceLoss") {
		require.Equal(t, "Warning", shown.Health, "its node rebuilds")
	}
	s.advance(time.Minute)
	require.Len(t, s.servers("?RiskOfServiceLoss=NoRiskOfServiceLoss"), 4)
}

func TestGetServer(t *testing.T) {
	s := newServer(t, withCluster("servers: 1\nnodesPerServer: 2\nmaxReplicas: 2"))
	uuid := s.servers("")["server00"].UUID
	var v Server
	s.get("/api/v2/servers/"+uuid, &v)
	require.Equal(t, ServerEnabled, v.State)
	require.Equal(t, HealthOK, v.Health)
	require.Equal(t, []string{s.node("server00-0").UUID, s.node("server00-1").UUID}, v.NodesUUIDs)
	require.Equal(t, UpgradeNone, v.UpgradeStatus)
	require.Equal(t, &ServerLastUpgrade{Status: UpgradeNone}, v.LastUpgrade)
	for _, path := range []string{"/api/v2/servers/nobody", "/api/v2/servers/"} {
		status, body := s.do(http.MethodGet, path, admin, "")
		require.Equal(t, 404, status, body)
	}
	s.must("fail-node", `{"node":"server00-1"}`)
	require.Equal(t, "Warning", s.servers("")["server00"].Health, "one of two nodes serves")
}

func TestServer_DisableAndEnable(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3}]"))
	s.fireServer("server01", "disable")
	require.Equal(t, "Disabling", s.servers("")["server01"].State)
	require.Equal(t, "Active", s.node("server01-0").State)
	s.advance(time.Second)
	require.Equal(t, "Disabled", s.servers("")["server01"].State)
	require.Equal(t, "Inactive", s.node("server01-0").State)
	require.Equal(t, "Degraded", s.volumes(defaultProject)["v"].ProtectionState)
	s.fireServer("server01", "enable")
	require.Equal(t, "Enabling", s.servers("")["server01"].State)
	s.advance(time.Minute)
	require.Equal(t, "Enabled", s.servers("")["server01"].State)
	require.Equal(t, "FullyProtected", s.volumes(defaultProject)["v"].ProtectionState)
	require.Equal(t, []string{"ServerDisabling", "ServerDisabled", "ServerEnabling", "ServerEnabled"}, s.eventNames("?componentType=Server"))
}

func TestServer_FailAndDelete(t *testing.T) {
	s := newServer(t, withCluster("servers: 2"))
	s.fireServer("server00", "disable")
	s.fireServer("server00", "fail")
	require.Equal(t, "Failed", s.servers("")["server00"].State, "also while it is being disabled")
	s.fireServer("server00", "recover")
	s.advance(time.Minute)
	require.Equal(t, "Enabled", s.servers("")["server00"].State)
	require.Equal(t, "Active", s.node("server00-0").State)
	s.fireServer("server01", "fail")
	failed := s.servers("")["server01"]
	require.Equal(t, "Failed", failed.State)
	require.Equal(t, "Error", failed.Health)
	require.Equal(t, "Inactive", s.node("server01-0").State)
	s.fireServer("server01", "delete")
	s.advance(time.Minute)
	require.Len(t, s.servers(""), 1)
	var devices listNvmeDevicesResponse
	s.get("/api/v2/nvmeDevices", &devices)
	require.Len(t, devices.NvmeDevices, 8)
	var c Cluster
	s.get("/api/v2/clusterinfo", &c)
	require.Equal(t, []string{"10.1.0.10:443"}, c.APIEndpoints)
	require.Equal(t, uint32(1), c.CurrentMaxReplicas)
}

func TestListNvmeDevices(t *testing.T) {
	s := newServer(t, withCluster("servers: 2\nnodesPerServer: 2\ndevicesPerNode: 3\ndeviceSize: 1TiB"))
	list := func(query string) []*NvmeDevice {
		var list listNvmeDevicesResponse
		s.get("/api/v2/nvmeDevices"+query, &list)
		return list.NvmeDevices
	}
	node, other := s.node("server01-1"), s.node("server00-0")
	require.Len(t, list(""), 12)
	require.Len(t, list("?serverUUID="+node.ServerUUID), 6)
	require.Len(t, list("?nodeUUID="+node.UUID), 3)
	require.Empty(t, list("?nodeUUID="+node.UUID+"&serverUUID="+other.ServerUUID))
	require.Len(t, list("?NodeUUID="+node.UUID), 12, "the documented spelling is another parameter")
	require.Empty(t, list("?nodeUUID=nobody"))
	require.Len(t, list("?deviceUsages=Data&deviceUsages=OS"), 12)
	require.Empty(t, list("?deviceUsages=Journal"))
	status, _ := s.do(http.MethodGet, "/api/v2/nvmeDevices?deviceUsages=Toys", admin, "")
	require.Equal(t, 400, status)
	d := list("?nodeUUID=" + node.UUID)[0]
	require.Equal(t, uint64(1<<40), d.Size)
	require.Equal(t, DeviceHealthy, d.State)
	require.Equal(t, uint64(1), d.NumaNodeID)
	var one NvmeDevice
	s.get("/api/v2/nvmeDevices/"+d.Serial, &one)
	require.Equal(t, *d, one)
	status, body := s.do(http.MethodGet, "/api/v2/nvmeDevices/nobody", admin, "")
	require.Equal(t, 404, status, body)
	require.False(t, node.Ec, "fewer than eight devices")
}

// A failed device is rebuilt on the others; a second one in the meantime takes the node down.
func TestDevice_Failure(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	devices := func() []*NvmeDevice {
		var list listNvmeDevicesResponse
		s.get("/api/v2/nvmeDevices?nodeUUID="+s.node("server00-0").UUID, &list)
		return list.NvmeDevices
	}
	d := devices()
	s.fireDevice(d[0].Serial, "fail")
	n := s.node("server00-0")
	require.True(t, n.InLocalRebuild)
	require.Equal(t, 7, n.NumManagedDevices)
	require.Equal(t, "26880000000000", n.Statistics["managedPhysicalStorage"])
	require.Equal(t, DeviceFailed, devices()[0].State)
	require.Equal(t, start, devices()[0].FailureTime)
	require.Equal(t, DeviceRebuilding, devices()[1].State)
	require.Equal(t, "Warning", s.servers("")["server00"].Health)
	s.advance(time.Second)
	require.False(t, s.node("server00-0").InLocalRebuild)
	require.Equal(t, DeviceHealthy, devices()[1].State)
	require.Equal(t, start.Add(500*time.Millisecond), devices()[0].RebuildCompletionTime)
	require.Equal(t, []string{"NVMeDeviceFailed", "NVMeDeviceRebuilt"}, s.eventNames("?componentType=NVMeSSD"))

	s.fireDevice(d[1].Serial, "fail")
	require.True(t, s.node("server00-0").InLocalRebuild, "after a whole rebuild another one may fail")
	s.fireDevice(d[2].Serial, "fail")
	require.Equal(t, "Inactive", s.node("server00-0").State)

	s.fireDevice(d[0].Serial, "release")
	var released NvmeDevice
	s.get("/api/v2/nvmeDevices/"+d[0].Serial, &released)
	require.Empty(t, released.NodeUUID)
	require.Equal(t, UsageUnManaged, released.DeviceUsage)
	require.True(t, released.FailureTime.IsZero())
}

func TestDevice_FailureWithoutParity(t *testing.T) {
	s := newServer(t, withCluster("servers: 1\ndevicesPerNode: 7"))
	var list listNvmeDevicesResponse
	s.get("/api/v2/nvmeDevices", &list)
	s.fireDevice(list.NvmeDevices[0].Serial, "fail")
	require.Equal(t, "Inactive", s.node("server00-0").State)
}

func TestGetCluster(t *testing.T) {
	s := newServer(t, withCluster(`
uuid: 2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1
servers: [{version: 3.10.1}, {version: 3.9.2~b5}]
volumes: [{name: v, replicaCount: 2, size: 1GiB}]`))
	var c Cluster
	s.get("/api/v2/cluster", &c)
	require.Equal(t, Cluster{
		UUID: "2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1", SubsystemNQN: "nqn.2016-01.com.lightbitslabs:uuid:2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1",
		CurrentMaxReplicas: 2, SupportedMaxReplicas: 3, ETag: "1", MinVersionInCluster: "3.9.2~b5",
		MinAllowedVersion: defaultMinVersion, MaxAllowedVersion: defaultMaxVersion,
		APIEndpoints:       []string{"10.1.0.10:443", "10.1.0.11:443"},
		DiscoveryEndpoints: []string{"10.1.0.10:8009", "10.1.0.11:8009"}, ClusterName: "local",
		Health: &ClusterHealth{State: HealthOK, NumHealthyVolumes: 1}, LastUpgrade: &ClusterLastUpgrade{Status: ClusterUpgradeNone},
		InBandAuthMode: InBandAuthDisabled, EncryptionStatus: &ClusterEncryptionStatus{},
		FederatedAuthenticationStatus: &FederatedAuthenticationStatus{},
		Statistics: &ClusterStatistics{
			InstalledPhysicalStorage: 61440000000000, ManagedPhysicalStorage: 61440000000000, EffectivePhysicalStorage: 53760000000000,
			LogicalStorage: 2 << 30, FreePhysicalStorage: 48384000000000, EstimatedFreeLogicalStorage: 48384000000000,
			EstimatedLogicalStorage: 53760000000000, CompressionRatio: 1,
		},
	}, decodeWire[Cluster](t, s, "/api/v2/cluster"))
	info := decodeWire[ClusterInfo](t, s, "/api/v2/clusterinfo")
	require.Equal(t, []string{"10.1.0.10:4420", "10.1.0.11:4420"}, info.NvmeEndpoints)
	require.Equal(t, c.SubsystemNQN, info.SubsystemNQN)
	_, body := s.do(http.MethodGet, "/api/v2/clusterinfo", admin, "")
	require.NotContains(t, body, "statistics")
	require.NotContains(t, body, "health")
	_, body = s.do(http.MethodGet, "/api/v2/version", admin, "")
	require.JSONEq(t, `{"apiVersion":"v2.0"}`, body)
}

func TestGetCluster_None(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/api/v2/cluster", "/api/v2/clusterinfo"} {
		status, body := s.do(http.MethodGet, path, admin, "")
		require.Equal(t, 503, status, body)
	}
}

func TestCompareVersions(t *testing.T) {
	require.Negative(t, compareVersions("3.9.2", "3.10.1"))
	require.Zero(t, compareVersions("3.9.2~b1", "3.9.2-b2"))
	require.Positive(t, compareVersions("3.10", "3.9.9"))
}
