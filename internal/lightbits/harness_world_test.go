package lightbits

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"storagesim/fixtures"
	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
	"storagesim/internal/wire"
)

// jsonOf converts YAML to JSON.
func jsonOf(text []byte) ([]byte, error) {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// withCluster makes the test's cluster from YAML members of a fixture's cluster.
func withCluster(members string) option {
	return withSeed(func(s *Service, tx *store.Tx) error {
		c := clusterSeed{}
		text, err := jsonOf([]byte("name: local\n" + members))
		if err == nil {
			err = strict.Decode(text, &c)
		}
		if err == nil {
			err = c.check()
		}
		if err != nil {
			return err
		}
		return s.fillCluster(tx, &c, 1)
	})
}

// get sends a GET as an administrator, which must succeed, and decodes the response into v: a message or a struct of
// plain members.
func (s *server) get(path string, v any) {
	s.t.Helper()
	status, body := s.do("GET", path, admin, "")
	require.Equal(s.t, 200, status, body)
	if json.Unmarshal([]byte(body), v) != nil {
		require.NoError(s.t, wire.Unmarshal([]byte(body), v), body)
	}
}

// decodeWire gets a message.
func decodeWire[T any](t *testing.T, s *server, path string) (v T) {
	t.Helper()
	status, body := s.do("GET", path, admin, "")
	require.Equal(t, 200, status, body)
	require.NoError(t, wire.Unmarshal([]byte(body), &v))
	return v
}

// action runs an action in the cluster and returns its result.
func (s *server) action(name, params string) (answer any, err error) {
	s.t.Helper()
	for _, a := range s.service.Actions() {
		if a.Name == name {
			err = s.engine.Update(api.DefaultWorld, "test", func(tx *store.Tx) error {
				answer, err = a.Run(tx.In(cluster), []byte(params))
				return err
			})
			return answer, err
		}
	}
	require.Fail(s.t, "no action "+name)
	return nil, nil
}

// must runs an action that must succeed.
func (s *server) must(name, params string) {
	s.t.Helper()
	_, err := s.action(name, params)
	require.NoError(s.t, err)
}

// node returns the node of that name, as the API shows it.
func (s *server) node(name string) (n shownNode) {
	s.t.Helper()
	var list struct{ Nodes []shownNode }
	s.get("/api/v2/nodes?name="+name, &list)
	require.Len(s.t, list.Nodes, 1)
	return list.Nodes[0]
}

// The members that tests read, as they are on the wire.
type (
	shownNode struct {
		UUID, Name, State, Status, ServerUUID, NvmeEndpoint, FailureInfo string
		InLocalRebuild, ReadOnly, Ec                                     bool
		FailureDomains                                                   []string
		NumManagedDevices, LocalRebuildProgress, PowerupProgress         int
		Statistics                                                       map[string]any
		ETag                                                             string
	}
	shownVolume struct {
		UUID, Name, ProjectName, State, ProtectionState, RebuildProgress, ETag, PrimaryNodeUUID, PgUUID string
		NodeList, ConnectedHosts                                                                        []string
	}
	shownServer struct {
		UUID, Name, State, Health, RiskOfServiceLossState, LightOSVersion string
		NodesUUIDs, ServerEndpoints                                       []string
		APIEndpoints                                                      []string `json:"ApiEndpoints"`
	}
)

func (s *server) volumes(project string) map[string]shownVolume {
	s.t.Helper()
	var list struct{ Volumes []shownVolume }
	s.get("/api/v2/projects/"+project+"/volumes", &list)
	byName := map[string]shownVolume{}
	for _, v := range list.Volumes {
		byName[v.Name] = v
	}
	return byName
}

func TestFixtures_Load(t *testing.T) {
	for _, name := range fixtures.Names() {
		t.Run(name, func(t *testing.T) {
			text, err := fixtures.Read(name)
			require.NoError(t, err)
			var document struct{ Lightbits json.RawMessage }
			text, err = jsonOf(text)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &document))
			s := newServer(t, withSeed(func(s *Service,
				tx *store.Tx) error {
				return s.Seed(tx.In(""), document.Lightbits)
			}))
			s.view(func(tx *store.Tx) error {
				require.Equal(t, []string{"", "east", cluster, "west"}, statemachine.Partitions(tx))
				return nil
			})
			status, body := s.do("GET", "/api/v2/cluster", admin, "", "X-Sim-Cluster: east")
			require.Equal(t, 200, status, body)
			want := map[string]string{
				"small": `"health":{"state":"OK"}`,
				"large": `"numHealthyVolumes":10000`,
				"degraded": `"health":{"state":"Error","numDegradedVolumes":4,"numReadOnlyVolumes":4,` +
					`"numNotAvailableVolumes":1,"numInactiveNodes":1,"numHealthyVolumes":4}`,
			}[name]
			require.Contains(t, body, want)
		})
	}
}

func TestSeed_WithoutSection(t *testing.T) {
	s := newServer(t, withSeed(func(s *Service, tx *store.Tx) error { return s.Seed(tx.In(""), nil) }))
	for _, name := range []string{"east", "west"} {
		status, body := s.do("GET", "/api/v2/clusterinfo", admin, "", "X-Sim-Cluster: "+name)
		require.Equal(t, 200, status)
		require.Contains(t, body, `"clusterName":"`+name+`"`)
	}
}

func TestSeed_SameSeedSameBytes(t *testing.T) {
	bodies := map[string]bool{}
	for range 2 {
		s := newServer(t, withCluster("volumes: {count: 5}"))
		for _, path := range []string{"nodes", "servers", "nvmeDevices", "cluster", "events",
			"volumes?projectName=default"} {
			_, body := s.do("GET", "/api/v2/"+path, admin, "")
			bodies[path+body] = true
		}
	}
	require.Len(t, bodies, 6)
}

func TestSeed_Refuses(t *testing.T) {
	for _, c := range []struct{ section, want string }{
		{`{"clusters":[{"name":"a","servrs":3}]}`, "clusters[0].servrs: is not a member of this object"},
		{`{"clusters":[{"name":"A"}]}`, "clusters[0].name: "},
		{`{"clusters":[{"name":"a","volumes":{"count":30000,"size":"1GiB","namePrefix":"v"}},` +
			`{"name":"b","volumes":{"count":30000,"size":"1GiB","namePrefix":"v"}}]}`,
			"clusters[1].volumes: more than 50000 volumes in all clusters"},
		{`{"clusters":[{"name":"a"},{"name":"a"}]}`, "clusters[1].name: another cluster"},
		{`{"clusters":[{"name":"a","uuid":"x"}]}`, "clusters[0].uuid: "},
		{`{"clusters":[{"name":"a","maxReplicas":4}]}`, "clusters[0].maxReplicas: 4"},
		{`{"clusters":[{"name":"a","deviceSize":"big"}]}`, "clusters[0].deviceSize: "},
		{`{"clusters":[{"name":"a","nodesPerServer":3}]}`, "clusters[0].nodesPerServer: 3"},
		{`{"clusters":[{"name":"a","devicesPerNode":0}]}`, "clusters[0].devicesPerNode: 0"},
		{`{"clusters":[{"name":"a","servers":0}]}`, "clusters[0].servers: 0"},
		{`{"clusters":[{"name":"a","servers":"three"}]}`, "clusters[0].servers: "},
		{`{"clusters":[{"name":"a","servers":[{"name":"x"},{"name":"x"}]}]}`,
			"clusters[0].servers[1].name: another server"},
		{`{"clusters":[{"name":"a","servers":[{"ip":"here"}]}]}`, "clusters[0].servers[0].ip: "},
		{`{"clusters":[{"name":"a","servers":[{"nodes":[{},{},{}]}]}]}`, "clusters[0].servers[0].nodes: "},
		{`{"clusters":[{"name":"a","servers":[{"nodes":[{"state":"Asleep"}]}]}]}`,
			"clusters[0].servers[0].nodes[0].state: "},
		{`{"clusters":[{"name":"a","servers":[{"nodes":[{"devices":99}]}]}]}`,
			"clusters[0].servers[0].nodes[0].devices: 99"},
		{`{"clusters":[{"name":"a","servers":[{"nodes":[{"colour":1}]}]}]}`,
			"clusters[0].servers[0].nodes[0].colour: is not a member of this object"},
		{`{"clusters":[{"name":"a","projects":[{"name":""}]}]}`, "clusters[0].projects[0].name: "},
		{`{"clusters":[{"name":"a","policies":[{"name":"no-limit-policy"}]}]}`, "clusters[0].policies[0].name: "},
		{`{"clusters":[{"name":"a","policies":[{"name":"p"},{"name":"p"}]}]}`,
			"clusters[0].policies[1].name: another policy"},
		{`{"clusters":[{"name":"a","featureFlags":{"colour":true}}]}`, "clusters[0].featureFlags.colour: "},
		{`{"clusters":[{"name":"a","volumes":{"count":2,"name":"x"}}]}`, "clusters[0].volumes.name: "},
		{`{"clusters":[{"name":"a","volumes":[{"namePrefix":"x"}]}]}`, "clusters[0].volumes[0].namePrefix: "},
		{`{"clusters":[{"name":"a","volumes":[{"name":"x","project":"p"}]}]}`,
			"clusters[0].volumes[0].project: there is no project"},
		{`{"clusters":[{"name":"a","volumes":[{"name":"x","size":"x"}]}]}`, "clusters[0].volumes[0].size: "},
		{`{"clusters":[{"name":"a","volumes":[{"name":"x","replicaCount":4}]}]}`,
			"clusters[0].volumes[0].replicaCount: 4"},
		{`{"clusters":[{"name":"a","volumes":[{"name":"x"},{"name":"x"}]}]}`, "clusters[0].volumes[1]: another volume"},
		{`{"clusters":[{"name":"a","volumes":[{"name":"x","colour":1}]}]}`,
			"clusters[0].volumes[0].colour: is not a member of this object"},
		{`{"clusters":[{"name":"a","volumes":{"count":-1}}]}`, "clusters[0].volumes.count: -1"},
		{`{"clusters":[{"name":"a","servers":2,"volumes":[{"name":"x","replicaCount":3}]}]}`,
			"clusters[0].volumes[0]: replica count 3"},
		{`{"clusters":[{"name":"a","volumes":[{"name":"x","size":"100TB"}]}]}`,
			"clusters[0].volumes[0]: volume x cannot be placed"},
		{`{"clusters":[{"name":"a","volumes":[{"name":"x","acl":["ALLOW_NONE","x"]}]}]}`, "clusters[0].volumes[0]: "},
		{`{"clusters":[{"name":"a","servers":[{"uuid":"2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1"},` +
			`{"uuid":"2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1"}]}]}`,
			"clusters[0].servers[1].uuid: "},
	} {
		t.Run(c.want, func(t *testing.T) {
			var err error
			newServer(t, withSeed(func(s *Service, tx *store.Tx) error {
				err = s.Seed(tx.In(""), []byte(c.section))
				return nil
			}))
			var input *strict.Error
			require.ErrorAs(t, err, &input, c.section)
			require.True(t, strings.HasPrefix(err.Error(), c.want), err.Error())
		})
	}
}

// firstServer returns the UUID of the server of the first node of volume v.
func (s *server) firstServer() string {
	var holder shownNode
	s.get("/api/v2/nodes/"+s.volumes("default")["v"].NodeList[0], &holder)
	return holder.ServerUUID
}

// ok sends a request that must succeed and returns the body of the response.
func (s *server) ok(method, path, body string) string {
	s.t.Helper()
	status, answer := s.do(method, path, admin, body)
	require.Equal(s.t, 200, status, answer)
	return answer
}

// hold sets a delay.
func (s *server) hold(delay string, to string) {
	s.t.Helper()
	d, err := statemachine.ParseDelay([]byte(to))
	require.NoError(s.t, err)
	s.update(func(tx *store.Tx) error { return s.engine.SetDelays(tx, map[string]*statemachine.Delay{delay: &d}) })
}
