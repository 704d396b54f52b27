package lightbits_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
	"storagesim/internal/statemachine"
)

// resting are the states of resources while nothing is in progress. A kind without states has no rows then.
var resting = map[string][]string{
	"lightbits.volume": {"Available", "Failed"}, "lightbits.snapshot": {"Available", "Failed"},
	"lightbits.server": {"Enabled", "Disabled", "Failed"}, "lightbits.node": {"Active", "Inactive", "Unattached"},
	"lightbits.nvmeDevice": {"None", "Healthy", "Failed"}, "lightbits.policy": {"Active", "Deprecated", "Failed"},
	"lightbits.resourcePolicy": {"Active", "Failed"}, "lightbits.adminEndpoint": {"Active"},
	"lightbits.idpConfiguration": {"Active", "Failed"}, "lightbits.encryption": {"Disabled", "Enabled"},
	"lightbits.workflow": {"COMPLETED", "FAILED"}, "lightbits.clusterUpgrade": {"None", "UpgradeFailed"},
	"lightbits.migration": {}, "lightbits.eviction": {}, "lightbits.replacement": {}, "lightbits.upgrade": {},
}

// dated are the timers that wait for a date, not for progress.
var dated = []string{"overdue", "snapshot", "expire"}

// instant is a simulator without delays, on a frozen clock.
type instant struct {
	*testing.T
	*simtest.Server
}

// ask sends a request that must succeed and returns a part of the response.
func (s *instant) ask(request, body, part string) string {
	s.Helper()
	method, path, _ := strings.Cut(request, " ")
	return s.Must(http.StatusOK, method, path, body).Text(part)
}

// node returns the UUID of a node.
func (s *instant) node(name string) string {
	s.Helper()
	return s.ask("GET /api/v2/nodes?name="+name, "", ".nodes.0.UUID")
}

func (s *instant) server(name string) string {
	s.Helper()
	return s.ask("GET /api/v2/servers?Name="+name, "", ".servers.0.UUID")
}

// atRest fires what is due at this instant and checks that every resource is in a resting state.
func (s *instant) atRest() {
	s.Helper()
	s.Must(http.StatusOK, http.MethodPost, "/_sim/clock/advance", `{"by":"1ms"}`)
	for kind, states := range resting {
		var list struct {
			Resources []struct {
				ID, State string
				Timers    []struct{ Event string }
			}
		}
		s.Must(http.StatusOK, http.MethodGet, "/_sim/resources?kind="+kind, "").Into(&list)
		for _, r := range list.Resources {
			require.Contains(s, states, r.State, "%s %s", kind, r.ID)
			for _, timer := range r.Timers {
				require.Contains(s, dated, timer.Event, "%s %s is %s and has a timer", kind, r.ID, r.State)
			}
		}
	}
}

// Without delays every operation completes at once, in the response and in the world. Each step exercises the machines
// that it names.
func TestInstant_NoTransientStates(t *testing.T) {
	s := &instant{t, simtest.New(t, func(c *simulator.Config) { c.Delays, c.Federation = statemachine.Instant, true })}
	s.Header.Set("Authorization", "Bearer script")
	s.Must(http.StatusOK, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"`+simtest.ScriptClock+`"}`)
	exercised := map[string]bool{}
	for _, step := range instantSteps() {
		t.Log(step.name)
		for _, kind := range step.kinds {
			exercised["lightbits."+kind] = true
		}
		step.do(s)
		s.atRest()
		if step.then != nil {
			step.then(s)
		}
	}
	var all struct{ Machines []struct{ Kind string } }
	s.Must(http.StatusOK, http.MethodGet, "/_sim/machines", "").Into(&all)
	for _, m := range all.Machines {
		if strings.HasPrefix(m.Kind, "lightbits.") {
			require.Contains(t, resting, m.Kind, "the test has no resting states for this machine")
			require.True(t, exercised[m.Kind], "no step exercises %s", m.Kind)
		}
	}
}

type instantStep struct {
	name  string
	kinds []string
	do    func(s *instant)
	then  func(s *instant) // checks after the step
}

const (
	instantProject = "/api/v2/projects/default/"
	newServerUUID  = "7f1f42a4-45a7-4f9c-8cf0-0a6d3b4a000"
)

func volumeBody(name string, replicas int) string {
	return fmt.Sprintf(`{"name":%q,"size":"4GiB","replicaCount":%d,"acl":{"values":["ALLOW_ANY"]}}`, name, replicas)
}

func instantSteps() []instantStep {
	return slices.Concat(instantResources(), instantFailures(), instantOperations(), instantUpgrades())
}

// instantResources creates, updates and deletes resources.
func instantResources() []instantStep {
	return []instantStep{
		{name: "encryption", kinds: []string{"encryption"}, do: func(s *instant) {
			s.ask("POST /api/v2/featureFlags/cluster-encryption/enable", "", "")
			s.ask("POST /api/v2/cluster/encryption/enable", `{"keyStore":"file"}`, "")
			s.ask("POST /api/v2/cluster/clusterRootKey/rotate", "", "")
			require.Equal(s, "Enabled", s.ask("GET /api/v2/cluster", "", ".encryptionStatus.encryptionState"))
		}},
		{name: "volume", kinds: []string{"volume"}, do: func(s *instant) {
			require.Equal(s, "Available", s.ask("POST "+instantProject+"volumes", volumeBody("v", 3), ".state"))
			s.ask("PUT "+instantProject+"volumes/?name=v", `{"size":"8GiB"}`, "")
			require.Equal(s, "Failed", s.ask("POST "+instantProject+"volumes",
				`{"name":"huge","size":"60TiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`, ".state"))
			s.ask("POST "+instantProject+"volumes", volumeBody("gone", 1), "")
			s.ask("DELETE "+instantProject+"volumes/?name=gone", "", "")
			s.Must(http.StatusNotFound, "GET", instantProject+"volumes/?name=gone", "")
		}},
		{name: "snapshot", kinds: []string{"snapshot"}, do: func(s *instant) {
			require.Equal(s, "Available", s.ask("POST "+instantProject+"snapshots",
				`{"name":"s","sourceVolumeName":"v"}`, ".state"))
			id := s.ask("GET "+instantProject+"volumes/?name=v", "", ".UUID")
			s.ask("PUT "+instantProject+"volumes/"+id+"/rollback", `{"srcSnapshotName":"s"}`, "")
		}},
		{name: "policy", kinds: []string{"policy"}, do: func(s *instant) {
			id := s.ask("POST /api/v2/policies", `{"name":"gold","qoSRateLimitPolicy":{"policyVisibility":"Global"}}`,
				".UUID")
			s.ask("PUT /api/v2/policies/"+id, `{"description":"changed"}`, "")
			require.Equal(s, "Active", s.ask("GET /api/v2/policies/"+id, "", ".state"))
		}},
		{name: "resource policy", kinds: []string{"resourcePolicy"}, do: func(s *instant) {
			body := `{"name":%q,"resourceName":"v",` +
				`"schedulePolicy":{"snapshotSchedulePolicy":{"hourlySchedule":{"hoursInCycle":1}}}}`
			require.Equal(s, "Active", s.ask("POST "+instantProject+"resourcePolicies", fmt.Sprintf(body, "hourly"),
				".state"))
			id := s.ask("POST "+instantProject+"resourcePolicies", fmt.Sprintf(body, "other"), ".UUID")
			s.ask("DELETE "+instantProject+"resourcePolicies/"+id, "", "")
			s.Must(http.StatusNotFound, "GET", instantProject+"resourcePolicies/"+id, "")
		}},
		{name: "admin endpoint", kinds: []string{"adminEndpoint"}, do: func(s *instant) {
			s.ask("POST /api/v2/adminEndpoints", `{"port":22,"ips":["10.0.0.1"]}`, "")
			s.ask("PUT /api/v2/adminEndpoints/22", `{"ips":["10.0.0.2"]}`, "")
			s.ask("POST /api/v2/adminEndpoints", `{"port":23,"ips":["10.0.0.1"]}`, "")
			s.ask("DELETE /api/v2/adminEndpoints/23", "", "")
			s.Must(http.StatusNotFound, "GET", "/api/v2/adminEndpoints/23", "")
		}},
		{name: "IdP configuration", kinds: []string{"idpConfiguration"}, do: func(s *instant) {
			require.Equal(s, "Active", s.ask("POST /api/v2/cluster/IdpConfiguration",
				`{"name":"idp","idpIssuerURL":"http://sim.example/_sim/idp/default","type":"ADFS"}`, ".state"))
		}},
		{name: "workflow", kinds: []string{"workflow"}, do: func(s *instant) {
			s.Must(http.StatusOK, "POST", "/api/v2/clusters", `{"apiEndpoint":"10.9.9.9:443"}`)
		}, then: func(s *instant) {
			require.Equal(s, "FAILED", s.ask("GET /api/v2/workflows", "", ".workflows.0.state"))
		}},
	}
}

// instantFailures are failures and recoveries.
func instantFailures() []instantStep {
	return []instantStep{
		{name: "node fails and recovers", kinds: []string{"node"}, do: func(s *instant) {
			s.ask("POST /_sim/actions/lightbits/fail-node", `{"node":"server00-0"}`, "")
			require.Equal(s, "Degraded", s.ask("GET "+instantProject+"volumes/?name=v", "", ".protectionState"))
			s.ask("POST /_sim/actions/lightbits/recover-node", `{"node":"server00-0"}`, "")
			require.Equal(s, "FullyProtected", s.ask("GET "+instantProject+"volumes/?name=v", "", ".protectionState"))
		}},
		{name: "devices fail while their node is down", kinds: []string{"nvmeDevice"}, do: func(s *instant) {
			devices := s.Must(http.StatusOK, "GET", "/api/v2/nvmeDevices?nodeUUID="+s.node("server01-0"), "")
			s.ask("POST /_sim/actions/lightbits/fail-device",
				fmt.Sprintf(`{"serial":%q}`, devices.Text(".NvmeDevices.0.serial")), "")
			s.ask("POST /_sim/actions/lightbits/fail-node", `{"node":"server01-0"}`, "")
			s.ask("POST /_sim/actions/lightbits/pull-device",
				fmt.Sprintf(`{"serial":%q}`, devices.Text(".NvmeDevices.1.serial")), "")
			s.ask("POST /_sim/actions/lightbits/fail-device",
				fmt.Sprintf(`{"serial":%q}`, devices.Text(".NvmeDevices.2.serial")), "")
			s.ask("POST /_sim/actions/lightbits/recover-node", `{"node":"server01-0"}`, "")
		}, then: func(s *instant) {
			var lost struct {
				NvmeDevices []struct{ State, RebuildCompletionTime string }
			}
			s.Must(http.StatusOK, "GET", "/api/v2/nvmeDevices?nodeUUID="+s.node("server01-0"), "").Into(&lost)
			for _, d := range lost.NvmeDevices {
				require.True(s, d.State == "Healthy" || d.RebuildCompletionTime != "", "%+v", d)
			}
			node := s.Must(http.StatusOK, "GET", "/api/v2/nodes/"+s.node("server01-0"), "")
			require.Equal(s, []any{"Active", nil}, []any{node.Get(".state"), node.Get(".inLocalRebuild")})
			require.Contains(s, s.Must(http.StatusOK, "GET", "/api/v2/events?componentType=NVMeSSD", "").Body,
				"NVMeDeviceRebuilt")
		}},
		{name: "device is added", do: func(s *instant) {
			s.ask("POST /_sim/actions/lightbits/insert-device", `{"serial":"NEW1","server":"server01"}`, "")
			s.ask("POST /api/v2/nvmeDevices",
				fmt.Sprintf(`{"serialNumber":"NEW1","nodeUUID":%q}`, s.node("server01-0")), "")
			require.Equal(s, "Healthy", s.ask("GET /api/v2/nvmeDevices/NEW1", "", ".state"))
		}},
		{name: "server fails and is repaired", kinds: []string{"server"}, do: func(s *instant) {
			s.ask("POST /_sim/actions/lightbits/fail-server", `{"server":"server02"}`, "")
			require.Equal(s, "Enabled", s.ask("POST /_sim/actions/lightbits/recover-server", `{"server":"server02"}`,
				".state"))
		}},
	}
}

// instantOperations move replicas.
func instantOperations() []instantStep {
	create := func(s *instant, k int, extend bool) {
		s.Helper()
		require.Equal(s, "Enabled", s.ask("POST /api/v2/servers",
			fmt.Sprintf(`{"serverEndpoints":["http://10.8.0.%d:2380"],"serverUUID":"%s%d","extendCluster":%t}`, k,
				newServerUUID, k, extend), ".state"))
	}
	return []instantStep{
		{name: "servers join", kinds: []string{"server", "node"}, do: func(s *instant) {
			create(s, 1, true)
			create(s, 2, false)
		}, then: func(s *instant) {
			require.Equal(s, "Active", s.ask("GET /api/v2/nodes?name=server03-0", "", ".nodes.0.state"))
			require.Equal(s, "Unattached", s.ask("GET /api/v2/nodes?name=server04-0", "", ".nodes.0.state"))
		}},
		{name: "server is evicted", kinds: []string{"eviction", "migration"}, do: func(s *instant) {
			s.ask("POST /api/v2/featureFlags/evict-data/enable", "", "")
			s.ask("POST /api/v2/servers/"+s.server("server00")+"/disable", `{"evictData":true}`, "")
		}, then: func(s *instant) {
			server := s.Must(http.StatusOK, "GET", "/api/v2/servers/"+s.server("server00"), "")
			require.Equal(s, []any{"Disabled", "Completed"},
				[]any{server.Get(".state"), server.Get(".LastEviction.status")})
			v := s.Must(http.StatusOK, "GET", instantProject+"volumes/?name=v", "")
			require.NotContains(s, v.Text(".nodeList"), s.node("server00-0"))
			require.Equal(s, []any{"Available", "FullyProtected"}, []any{v.Get(".state"), v.Get(".protectionState")})
		}},
		{name: "empty server is deleted", do: func(s *instant) {
			s.ask("DELETE /api/v2/servers/"+s.server("server00"), "", "")
			require.Equal(s, "{}", s.Must(http.StatusOK, "GET", "/api/v2/servers?Name=server00", "").Body)
		}},
		{name: "node is replaced", kinds: []string{"replacement"}, do: func(s *instant) {
			s.ask("POST /api/v2/nodes/"+s.node("server02-0")+"/replace",
				fmt.Sprintf(`{"TargetNodeUUID":%q,"ReplaceWhileActive":true}`, s.node("server04-0")), "")
		}, then: func(s *instant) {
			require.Equal(s, "Unattached", s.ask("GET /api/v2/nodes?name=server02-0", "", ".nodes.0.state"))
			require.Equal(s, "Active", s.ask("GET /api/v2/nodes?name=server04-0", "", ".nodes.0.state"))
			v := s.Must(http.StatusOK, "GET", instantProject+"volumes/?name=v", "")
			require.Contains(s, v.Text(".nodeList"), s.node("server04-0"))
			require.Equal(s, []any{"Available", "FullyProtected"}, []any{v.Get(".state"), v.Get(".protectionState")})
		}},
		{name: "node fails permanently", do: func(s *instant) {
			create(s, 3, true)
			s.ask("POST /api/v2/featureFlags/fail-in-place/enable", "", "")
			s.ask("POST /_sim/actions/lightbits/fail-node", `{"node":"server04-0"}`, "")
			s.Must(http.StatusOK, http.MethodPost, "/_sim/clock/advance", `{"by":"1h"}`)
		}, then: func(s *instant) {
			v := s.Must(http.StatusOK, "GET", instantProject+"volumes/?name=v", "")
			require.NotContains(s, v.Text(".nodeList"), s.node("server04-0"))
			require.Equal(s, []any{"Available", "FullyProtected"}, []any{v.Get(".state"), v.Get(".protectionState")})
			s.ask("POST /_sim/actions/lightbits/recover-node", `{"node":"server04-0"}`, "")
		}},
	}
}

// instantUpgrades come last, since servers cannot be created with a lower version afterwards.
func instantUpgrades() []instantStep {
	const pkg = `{"InstallPkgUri":"https://packages.example/lightos-%s.tar.gz"}`
	return []instantStep{
		{name: "server is upgraded", kinds: []string{"upgrade"}, do: func(s *instant) {
			s.ask("POST /api/v2/servers/"+s.server("server01")+"/upgrade", fmt.Sprintf(pkg, "3.16.1"), "")
		}, then: func(s *instant) {
			require.Equal(s, "3.16.1", s.ask("GET /api/v2/servers/"+s.server("server01"), "", ".LightOSVersion"))
			require.Equal(s, "None", s.ask("GET /api/v2/servers/"+s.server("server01"), "", ".LastUpgrade.Status"))
		}},
		{name: "cluster is upgraded", kinds: []string{"clusterUpgrade"}, do: func(s *instant) {
			s.ask("POST /api/v2/cluster/upgrade", fmt.Sprintf(pkg, "3.16.1"), "")
		}, then: func(s *instant) {
			require.Equal(s, "None", s.ask("GET /api/v2/cluster", "", ".lastUpgrade.Status"))
			require.Equal(s, "3.16.1", s.ask("GET /api/v2/cluster", "", ".MinVersionInCluster"))
		}},
		{name: "cluster upgrade fails", do: func(s *instant) {
			s.ask("POST /api/v2/cluster/upgrade", fmt.Sprintf(pkg, "9.0.0"), "")
		}, then: func(s *instant) {
			require.Equal(s, "UpgradeFailed", s.ask("GET /api/v2/cluster", "", ".lastUpgrade.Status"))
			var servers struct{ Servers []json.RawMessage }
			s.Must(http.StatusOK, "GET", "/api/v2/servers", "").Into(&servers)
			require.Len(s, servers.Servers, 5)
		}},
	}
}
