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

// fireServer fires an event at a server, as the control surface does.
func (s *server) fireServer(name string, on statemachine.Event) {
	s.t.Helper()
	uuid := s.servers("?Name=" + name)[name].UUID
	s.update(func(tx *store.Tx) error {
		row, err := s.service.servers.Find(tx, uuid)
		require.NoError(s.t, err)
		return s.service.servers.Fire(tx, &row, on)
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
	for query, want := range map[string]int{
		"?UUID=" + one.UUID: 1,
		"?Name=server01":    1,
		"?Name=server01&UUID=" + all["server02"].UUID: 0, // all filters must match
		"?Name=nobody":                                0,
		"?name=nobody":                                4, // names of parameters are case-sensitive
		"?RiskOfServiceLoss=NoRiskOfServiceLoss":      4,
		"?RiskOfServiceLoss=UnknownRiskOfServiceLoss": 4, // no filter
		"?RiskOfServiceLoss=1":                        4, // the number of NoRiskOfServiceLoss
	} {
		s.run(query, func(t *testing.T) { require.Len(t, s.servers(query), want) })
	}
	s.run("unknown risk", func(t *testing.T) {
		status, _ := s.do(http.MethodGet, "/api/v2/servers?RiskOfServiceLoss=Some", admin, "")
		require.Equal(t, 400, status)
	})
	s.run("after a node failed", func(t *testing.T) {
		s.must("fail-node", `{"node":"`+v.NodeList[0]+`"}`)
		require.Len(t, s.servers("?RiskOfServiceLoss=SourceOfRiskOfServiceLoss"), 1)
		require.Len(t, s.servers("?RiskOfServiceLoss=InRiskOfServiceLoss"), 2, "the loss of another would stop writes")
		require.Len(t, s.servers("?RiskOfServiceLoss=NoRiskOfServiceLoss"), 1, "a server without replicas")
		for _, shown := range s.servers("?RiskOfServiceLoss=SourceOfRiskOfServiceLoss") {
			require.Equal(t, "Error", shown.Health)
		}
	})
	s.run("while the node rebuilds", func(t *testing.T) {
		s.must("recover-node", `{"node":"`+v.NodeList[0]+`"}`)
		s.advance(500 * time.Millisecond)
		for _, shown := range s.servers("?RiskOfServiceLoss=SourceOfRiskOfServiceLoss") {
			require.Equal(t, "Warning", shown.Health)
		}
	})
	s.run("after the node recovered", func(t *testing.T) {
		s.advance(time.Minute)
		require.Len(t, s.servers("?RiskOfServiceLoss=NoRiskOfServiceLoss"), 4)
	})
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
	require.Equal(t, []string{"ServerDisabling", "ServerDisabled", "ServerEnabling", "ServerEnabled"},
		s.eventNames("?componentType=Server"))
}

func TestServer_FailAndDelete(t *testing.T) {
	s := newServer(t, withCluster("servers: 2"))
	s.run("fails while it is disabled", func(t *testing.T) {
		s.fireServer("server00", "disable")
		s.fireServer("server00", "fail")
		require.Equal(t, "Failed", s.servers("")["server00"].State)
	})
	s.run("recovers", func(t *testing.T) {
		s.fireServer("server00", "recover")
		s.advance(time.Minute)
		require.Equal(t, "Enabled", s.servers("")["server00"].State)
		require.Equal(t, "Active", s.node("server00-0").State)
	})
	s.run("fails", func(t *testing.T) {
		s.fireServer("server01", "fail")
		failed := s.servers("")["server01"]
		require.Equal(t, "Failed", failed.State)
		require.Equal(t, "Error", failed.Health)
		require.Equal(t, "Inactive", s.node("server01-0").State)
	})
	s.run("is deleted with its devices and endpoints", func(t *testing.T) {
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
	})
}
