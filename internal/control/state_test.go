package control_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/fixture"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const asYAML = "application/yaml"

func export(s *simtest.Server, form string) string {
	return s.Must(200, http.MethodGet, "/_sim/state", "", "Accept", form).Body
}

// furnished is a world with resources in several states in two clusters, timers, rules with counters, a plan, delays,
// keys and blocks.
func furnished(t *testing.T) *simtest.Server {
	s := simtest.New(t)
	s.Header.Set("Authorization", "Bearer x")
	freeze(s)
	s.Must(200, http.MethodPut, "/_sim/delays",
		`{"lightbits.volume.create":{"uniform":["1s","9s"]},"lightbits.snapshot.create":"held","lucidlink.filespace.provision":"reads:3"}`)
	volume := s.Must(200, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"v1","size":"4GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`).Text(".UUID")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"10s"}`)
	s.Must(200, http.MethodPost, "/_sim/actions/lightbits/write-volume",
		`{"volume":"`+volume+`","offset":"1MiB","bytes":"300MiB"}`)
	s.Must(200, http.MethodPost, "/api/v2/projects/default/snapshots", `{"name":"s1","sourceVolumeUUID":"`+volume+`"}`)
	s.Must(200, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"v2","size":"4GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`)
	s.Must(200, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"far","size":"4GiB","replicaCount":3,"acl":{"values":["ALLOW_ANY"]}}`, "X-Sim-Cluster", "west")
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"two","match":{"operation":"lightbits.ListVolumes"},"when":{"times":2},"effect":{"status":500}}`)
	s.Must(500, http.MethodGet, "/api/v2/volumes", "")
	s.Must(201, http.MethodPost, "/_sim/fault-plans", `{"id":"p","operations":{"lightbits.CreateVolume":["500","pass"]}}`)
	s.Must(500, http.MethodPost, "/api/v2/projects/default/volumes", `{"name":"no"}`, "X-Sim-Fault-Plan", "p")
	return s
}

// same sends the same requests to both worlds and compares the responses.
func same(t *testing.T, a, b *simtest.Server) {
	t.Helper()
	for _, step := range [][3]string{
		{"GET", "/_sim/clock", ""}, {"GET", "/_sim/timers", ""}, {"GET", "/_sim/delays", ""}, {"GET", "/_sim/faults", ""},
		{"GET", "/_sim/fault-plans/p", ""}, {"GET", "/_sim/resources", ""}, {"GET", "/api/v2/volumes", ""}, {"GET",
			"/api/v2/volumes", ""},
		{"POST", "/api/v2/projects/default/volumes",
			`{"name":"next","size":"8GiB","replicaCount":3,"acl":{"values":["ALLOW_ANY"]}}`},
		{"GET", "/api/v2/nodes", ""}, {"GET", "/api/v2/cluster", ""}, {"GET", "/api/v2/events", ""},
		{"POST", "/_sim/clock/advance", `{"by":"1m"}`}, {"POST", "/_sim/resources/lightbits.snapshot/s1/release", ""},
		{"GET", "/api/v2/projects/default/snapshots", ""}, {"GET", "/api/v2/projects/default/volumes", ""}, {"GET",
			"/_sim/timers", ""},
		{"POST", "/_sim/tokens", `{"vendor":"dms"}`},
	} {
		x, y := a.Do(step[0], step[1], step[2]), b.Do(step[0], step[1], step[2])
		require.Equal(t, x.Status, y.Status, "%v: %s\n%s", step, x.Body, y.Body)
		if step[1] != "/_sim/tokens" { // a token names its world
			require.Equal(t, anywhere(x.Body), anywhere(y.Body), "%v", step)
		}
	}
}

// anywhere removes the world and the request numbers from a response.
func anywhere(body string) string {
	return regexp.MustCompile(`"world":"[^"]*"|(req|sim)-[0-9]+`).ReplaceAllString(body, "")
}

func TestState_RoundTrip(t *testing.T) {
	s := furnished(t)
	for _, form := range []string{"application/json", asYAML} {
		text := export(s, form)
		require.Equal(t, text, export(s, form))
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t","seed":99}`)
		world := s.In("t")
		put := world.Must(200, http.MethodPut, "/_sim/state", text)
		require.Equal(t, "2026-06-01T00:00:10Z", put.Text(".now"))
		require.Equal(t, text, export(world, form))
		require.Equal(t, "1", s.Must(200, http.MethodGet, "/_sim/worlds/t", "").Text(".seed"))
		s.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
		same(t, s, world)
		world.Must(200, http.MethodPost, "/_sim/reset", "")
		require.Equal(t, text, export(world, form), "the world starts where it was put")
		s.Must(200, http.MethodPost, "/_sim/checkpoints/c/restore", "")
		require.Equal(t, "[]", s.Must(200, http.MethodDelete, "/_sim/worlds/t", "").Text(".leaked"))
	}
	text := export(s, asYAML)
	for _, words := range []string{"lightbits.volume:", "name: v1", "pending:", "event: ready", "draws:", "seq: "} {
		require.Contains(t, text, words)
	}
}

// A world's file is a fixture for another process.
func TestState_IsAFixture(t *testing.T) {
	s := furnished(t)
	file := filepath.Join(t.TempDir(), "kept.yaml")
	text := export(s, asYAML)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	other := simtest.New(t, func(c *simulator.Config) { c.Fixture, c.Seed = file, 77 })
	other.Header.Set("Authorization", "Bearer x")
	require.Equal(t, text, export(other, asYAML))
	made := other.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t","from":"kept"}`)
	require.Equal(t, "1", made.Text(".seed"))
	require.Contains(t, other.In("t").Must(200, http.MethodGet, "/_sim/clock", "").Text(".now"), "2026-06-01T00:00:10")
	other.Must(200, http.MethodPut, "/_sim/state", "{}")
	other.Must(200, http.MethodPost, "/_sim/reset", `{"to":"kept"}`)
	require.Equal(t, text, export(other, asYAML))
	same(t, s, other)
	other.Restart()
	require.Contains(t, other.Must(200, http.MethodGet, "/_sim/resources?kind=lightbits.volume", "").Body, "next")
}

// A world's file contains its tokens: they are valid in a world of the same name in another process.
func TestState_TokensStayValid(t *testing.T) {
	strict := func(c *simulator.Config) { c.Auth = "strict" }
	s := simtest.New(t, strict)
	var other *simtest.Server
	get := map[string]string{"lightbits": "/api/v2/volumes", "dms": "/api/v1/clusters", "lucidlink": "/api/v1/filespaces",
		"lucidity": "/external/client/api/v1/tenants"}
	for vendor, path := range get {
		other = simtest.New(t, strict, func(c *simulator.Config) { c.Seed = 9 })
		token := s.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"`+vendor+`"}`).Text(".token")
		header := []string{"Authorization", "Bearer " + token}
		if vendor == "lucidity" {
			header = []string{"Authorization", token, "X-Authtype", "lucidity_access_token"}
		}
		want := s.Do(http.MethodGet, path, "", header...)
		require.NotEqual(t, 401, want.Status, vendor)
		// Tokens of DMS name a user, who is there everywhere; those of Lightbits are signed with the program's own key.
		if vendor != "dms" && vendor != "lightbits" {
			require.Equal(t, 401, other.Do(http.MethodGet, path, "", header...).Status, "%s: it is not good there yet", vendor)
		}
		other.Must(200, http.MethodPut, "/_sim/state", export(s, asYAML))
		got := other.Must(want.Status, http.MethodGet, path, "", header...)
		require.Equal(t, named(want.Body), named(got.Body), vendor)
	}
	refresh := s.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lucidity"}`).Text(".refreshToken")
	other.Must(200, http.MethodPut, "/_sim/state", export(s, asYAML))
	renewed := other.Must(200, http.MethodPost, "/external/api/v1/auth/user-token/refresh",
		`{"refreshToken":"`+refresh+`"}`).Text(".accessToken")
	other.Must(200, http.MethodGet, get["lucidity"], "", "Authorization", renewed, "X-Authtype", "lucidity_access_token")
}

// named removes the request ID from a response.
func named(body string) string {
	return regexp.MustCompile(`"(requestId|trackingCode)":"[^"]*"`).ReplaceAllString(body, "")
}

// A clock that runs, at any rate, and a clock in mode auto do so in the world made from the file.
func TestState_RunningClocks(t *testing.T) {
	s := simtest.New(t)
	s.Header.Set("Authorization", "Bearer x")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	other := s.In("t")
	clock := func(w *simtest.Server) simtest.Response { return w.Must(200, http.MethodGet, "/_sim/clock", "") }
	shown := func(w *simtest.Server) time.Time {
		now, err := time.Parse(time.RFC3339, clock(w).Text(".now"))
		require.NoError(t, err)
		return now
	}
	for _, mode := range []string{`{"mode":"real","rate":3600}`, `{"mode":"auto"}`} {
		s.Must(200, http.MethodPost, "/_sim/reset", "")
		s.Must(200, http.MethodPut, "/_sim/clock", mode)
		s.Must(200, http.MethodPut, "/_sim/delays", `{"lightbits.volume.create":"100h"}`)
		s.Must(200, http.MethodPost, volumesPath,
			`{"name":"v","size":"4GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`)
		before := shown(s)
		text := export(s, asYAML)
		other.Must(200, http.MethodPut, "/_sim/state", text)
		require.Equal(t, clock(s).Text(".mode"), clock(other).Text(".mode"), mode)
		require.Equal(t, clock(s).Text(".rate"), clock(other).Text(".rate"), mode)
		require.Equal(t, "1", clock(other).Text(".timers"), mode)
		first := shown(other)
		require.False(t, first.Before(before), "%s: %s is before %s", mode, first, before)
		require.WithinDuration(t, shown(s), shown(other), 2*time.Hour, "%s: they go on side by side", mode)
		require.Eventually(t, func() bool { return shown(other).After(first) }, 5*time.Second, time.Millisecond, mode)
		if mode == `{"mode":"auto"}` {
			other.Must(200, http.MethodGet, volumesPath+"/?name=v", "")
			require.Equal(t, "Available", other.Must(200, http.MethodGet, volumesPath+"/?name=v", "").Text(".state"))
			require.Equal(t, "1", clock(s).Text(".timers"), "the other world waits still")
		}
	}
}

func TestState_Edited(t *testing.T) {
	s := furnished(t)
	text := export(s, asYAML)
	v2 := rowOf(t, text, "name: v2")
	edited := strings.Replace(text, v2, "", 1)
	v1 := rowOf(t, edited, "name: v1")
	edited = strings.Replace(edited, v1, strings.Replace(v1, `size: "4294967296"`, `size: "12884901888"`, 1), 1)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	w := s.In("t")
	w.Must(200, http.MethodPut, "/_sim/state", edited)
	w.Must(404, http.MethodGet, "/api/v2/projects/default/volumes/?name=v2", "")
	require.Equal(t, "12884901888", w.Must(200, http.MethodGet, "/api/v2/projects/default/volumes/?name=v1",
		"").Text(".size"))
	require.Equal(t, 1, strings.Count(w.Must(200, http.MethodGet, "/_sim/timers", "").Body, "lightbits.volume"),
		"a timer goes with its volume; one is in west")
	usage := s.Must(200, http.MethodGet, "/api/v2/cluster", "").Text(".statistics.logicalStorage")
	require.NotEqual(t, usage, w.Must(200, http.MethodGet, "/api/v2/cluster", "").Text(".statistics.logicalStorage"))

	// A state is changed in one place.
	failed := strings.Replace(text, v1, strings.Replace(v1, "state: Available", "state: Failed", 1), 1)
	w.Must(200, http.MethodPut, "/_sim/state", failed)
	require.Equal(t, "Failed", w.Must(200, http.MethodGet, "/api/v2/projects/default/volumes/?name=v1", "").Text(".state"))
}

// rowOf returns the list element of a YAML file that contains the words.
func rowOf(t *testing.T, text, words string) string {
	t.Helper()
	at := strings.Index(text, words+"\n")
	require.Positive(t, at, words)
	start := strings.LastIndex(text[:at], "\n          - state:") + 1
	end := start
	for first := true; first || strings.HasPrefix(text[end:], "            "); first = false {
		end += strings.Index(text[end:], "\n") + 1
	}
	return text[start:end]
}

func TestState_Refusals(t *testing.T) {
	s := furnished(t)
	before := export(s, "application/json")
	volume := func(body string) string {
		return `{"state":{"version":1,"clusters":[{"name":"east","rows":{"lightbits.volume":[` + body + `]}}]}}`
	}
	for name, c := range map[string]struct{ text, path, words string }{
		"nothing":         {" \n", "", "the body is empty; send a fixture"},
		"no document":     {"{", "", "the document is invalid"},
		"two documents":   {"a: 1\n---\nb: 1\n", "", "more than one document"},
		"a list":          {"- a\n", "", "a fixture is an object"},
		"unknown section": {`{"netapp":{}}`, "netapp", "is not a section of a fixture"},
		"both":            {`{"state":{"version":1},"lightbits":{}}`, "state", "must not have other sections"},
		"no version":      {`{"state":{}}`, "state.version", "version 0 is unknown"},
		"newer version":   {`{"state":{"version":2}}`, "state.version", "version 2 is unknown"},
		"unknown member":  {`{"state":{"version":1,"sed":1}}`, "state.sed", "is not a member of this object"},
		"unknown kind": {`{"state":{"version":1,"clusters":[{"name":"east","rows":{"lightbits.volumes":[]}}]}}`,
			"state.clusters[0].rows.lightbits.volumes", "is not a kind of row that can be here"},
		"wrong place": {`{"state":{"version":1,"world":{"lightbits.volume":[]}}}`, "state.world.lightbits.volume",
			"is not a kind of row that can be here"},
		"unknown in body": {volume(`{"state":"Available","body":{"colour":"a"}}`),
			"state.clusters[0].rows.lightbits.volume[0].body.colour", "is not a member of this object"},
		"wrong type": {volume(`{"state":"Available","body":{"size":true}}`),
			"state.clusters[0].rows.lightbits.volume[0].body.size", ""},
		"wrong state": {volume(`{"state":"Avail","body":{}}`), "state.clusters[0].rows.lightbits.volume[0].state",
			"is not a state of"},
		"contradiction": {volume(`{"state":"Failed","body":{"UUID":"u","name":"a","state":"Available"}}`),
			"state.clusters[0].rows.lightbits.volume[0].body.state", "leave it out"},
		"no node": {volume(`{"state":"Failed","body":{"UUID":"u","nodeList":["n"]}}`),
			"state.clusters[0].rows.lightbits.volume[0].body.nodeList[0]", `no lightbits.node "n"`},
		"twice": {volume(`{"state":"Failed","body":{"UUID":"u"}},{"state":"Failed","body":{"UUID":"u"}}`),
			"state.clusters[0].rows.lightbits.volume[1]", "given twice"},
		"wrong event": {volume(`{"state":"Creating","body":{"UUID":"u"},"pending":[{"event":"explode","held":true}]}`),
			"state.clusters[0].rows.lightbits.volume[0].pending[0].event", "is not an event of"},
		"two waits": {volume(
			`{"state":"Creating","body":{"UUID":"u"},"pending":[{"event":"ready","held":true,"reads":2}]}`),
			"state.clusters[0].rows.lightbits.volume[0].pending[0]", "exactly one"},
		"bad cluster": {`{"state":{"version":1,"clusters":[{"name":"East"}]}}`, "state.clusters[0].name", "label"},
		"two defaults": {`{"state":{"version":1,"clusters":[{"name":"a","default":true},{"name":"b","default":true}]}}`,
			"state.clusters[1].default", "already"},
		"bad mode": {`{"state":{"version":1,"clock":{"mode":"slow"}}}`, "state.clock.mode", "is not a clock mode"},
		"bad delay": {`{"state":{"version":1,"delays":{"lightbits.volume.creat":"1s"}}}`,
			"state.delays.lightbits.volume.creat", "is not a delay"},
		"bad rule": {`{"state":{"version":1,"world":{"fault-rules":[{"rule":{"id":"a","match":{"operation":"x"},"effect":{"status":500}}}]}}}`, "", "x"},
		"no key":   {`{"state":{"version":1,"world":{"dms.cluster":[{}]}}}`, "state.world.dms.cluster[0]", "key"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.Must(400, http.MethodPut, "/_sim/state", c.text)
			require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
			require.Contains(t, a.Text(".detail"), c.words)
			if c.path != "" {
				require.Equal(t, c.path, a.Text(".errors[0].path"))
			}
		})
	}
	require.Equal(t, before, export(s, "application/json"), "nothing of it was kept")

	all := s.Must(400, http.MethodPut, "/_sim/state",
		"state:\n  version: 1\n  clock: {mode: odd}\n  clusters:\n    - name: X\n    - name: east\n      rows:\n        lightbits.volume:\n          - state: Gone\n            body: {}\n")
	require.Equal(t, "3", all.Text(".errors[0].line"))
	require.Equal(t, "5", all.Text(".errors[1].line"))
	require.Equal(t, "9", all.Text(".errors[2].line"))
	require.Contains(t, all.Text(".errors[2].valid"), "Available")
	s.In("nowhere").Must(404, http.MethodPut, "/_sim/state", "{}")
	s.In("nowhere").Must(404, http.MethodGet, "/_sim/state", "")
	s.Must(413, http.MethodPut, "/_sim/state", strings.Repeat(" ", fixture.MaxSize+1))
	s.Must(400, http.MethodPut, "/_sim/state", "{}"+strings.Repeat(" ", 2<<20)+"!")
}

func TestState_Forms(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "text/html, */*;q=0.1": "application/json", asYAML: asYAML,
		"text/yaml": asYAML,
		"application/yaml;q=0.5, application/json;q=0.4": asYAML, "application/json": "application/json",
	} {
		a := s.Must(200, http.MethodGet, "/_sim/state", "", "Accept", accept)
		require.Equal(t, want, a.Header.Get("Content-Type"), accept)
	}
	require.Contains(t, s.Must(406, http.MethodGet, "/_sim/state", "", "Accept", "text/html").Text(".valid"), asYAML)
	s.Must(400, http.MethodGet, "/_sim/state?format=yaml", "")
}
