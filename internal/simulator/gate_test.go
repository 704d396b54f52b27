package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/control"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// simple are the headers of a request that a browser sends for a page of another origin without asking first.
var simple = []string{"Content-Type", "text/plain", "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"}

func TestGate_ControlCallsOfOtherOriginsAreRefused(t *testing.T) {
	s := simtest.New(t)
	for _, row := range control.Operations() {
		path := strings.NewReplacer("{", "", "}", "").Replace(row.Path)
		a := s.Must(http.StatusForbidden, row.Method, path, "{}", simple...)
		require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), row.ID())
		require.Contains(t, a.Text(".detail"), "--cors-origins", row.ID())
		require.Empty(t, a.Header.Get("Access-Control-Allow-Origin"), row.ID())
	}
	for name, header := range map[string][]string{
		"Origin alone":         {"Origin", "http://evil.example"},
		"null Origin":          {"Origin", "null"},
		"another port":         {"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:1"},
		"navigation by a form": {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"},
	} {
		t.Run(name, func(t *testing.T) {
			s.For(t).Must(http.StatusForbidden, http.MethodPost, "/_sim/reset", "{}", header...)
		})
	}
	s.Must(200, http.MethodPost, "/_sim/reset", "{}", "Origin", s.URL, "Sec-Fetch-Site", "same-origin")
	s.Must(200, http.MethodPost, "/_sim/reset", "{}", "Origin", s.URL)
	s.Must(200, http.MethodGet, "/_sim", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
}

// Each vendor refuses a change by a page of another origin in its dialect. The request is not in the journal.
func TestGate_VendorCallsOfOtherOriginsAreRefused(t *testing.T) {
	s := simtest.New(t)
	for path, member := range map[string]string{
		"/api/v2/projects/default/volumes": ".message", "/api/v1/clusters": ".message", "/v1/filespaces": ".message",
		"/app/link": ".message", "/external/api/v1/auth/user-token/refresh": ".message",
	} {
		a := s.Must(http.StatusForbidden, http.MethodPost, path, "{}", simple...)
		require.Contains(t, a.Text(member), "--cors-origins", a.Body)
	}
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/_sim/requests", "").Text(".requests"))
	s.Must(200, http.MethodGet, "/api/v2/nodes", "", append(simple, "Authorization", "Bearer x")...)
}

func TestGate_HostOfControlCalls(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) { loopbackHosts(t, listen) })
	}
	t.Run("other interfaces", func(t *testing.T) {
		s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Listen = "0.0.0.0:0" })
		s.Must(200, http.MethodGet, "/_sim/state", "", "Host", "storagesim:8080")
		s.Restart(func(c *simulator.Config) { c.AllowedHosts = []string{"storagesim"} })
		s.Must(200, http.MethodGet, "/_sim/state", "", "Host", "StorageSim.:8080")
		s.Must(403, http.MethodGet, "/_sim/state", "", "Host", "other")
	})
}

func loopbackHosts(t *testing.T, listen string) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) {
		c.Listen, c.AllowedHosts = listen, []string{"sim.example.com", "*.sim.test"}
	})
	for _, host := range []string{
		"evil.example", "evil.example:80", "localhost.evil.example", "xlocalhost", "sim.test", "sim.example.com.evil",
	} {
		for _, path := range []string{"/_sim/state", "/_sim", "/metrics", "/", "/%5fsim/state"} {
			a := s.Must(http.StatusForbidden, http.MethodGet, path, "", "Host", host)
			require.Contains(t, a.Text(".detail"), "--allowed-hosts", host)
		}
		s.Must(200, http.MethodGet, "/lamps", "", "Host", host)
	}
	for _, host := range []string{
		"localhost", "LOCALHOST:80", "default.localhost", "west.default.localhost.", "127.0.0.1", "[::1]:80", "10.1.2.3:80",
		"sim.example.com:8080", "a.b.sim.test",
	} {
		s.Must(200, http.MethodGet, "/_sim/state", "", "Host", host, "X-Sim-World", "default")
	}
	s.Must(200, http.MethodGet, "/lamps", "", "Host", "lb-resolver")
}

func TestGate_CORS(t *testing.T) {
	const page = "http://app.test:3000"
	preflight := []string{"Origin", page, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers",
		"authorization,x-sim-world", "Sec-Fetch-Site", "cross-site"}
	s := simtest.New(t, simtest.ToyVendor)
	for _, path := range []string{"/_sim/clock", "/lamps"} {
		a := s.Must(http.StatusForbidden, http.MethodOptions, path, "", preflight...)
		require.Empty(t, a.Header.Get("Access-Control-Allow-Origin"))
	}
	for _, origins := range [][]string{{"https://other.test", page}, {"*"}} {
		s.Restart(func(c *simulator.Config) { c.CORSOrigins = origins })
		for _, path := range []string{"/_sim/clock", "/lamps"} {
			a := s.Must(http.StatusNoContent, http.MethodOptions, path, "", preflight...)
			require.Equal(t, page, a.Header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, "PUT", a.Header.Get("Access-Control-Allow-Methods"))
			require.Equal(t, "authorization,x-sim-world", a.Header.Get("Access-Control-Allow-Headers"))
			a = s.Must(200, http.MethodGet, path, "", preflight...)
			require.Equal(t, page, a.Header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, "Origin", a.Header.Get("Vary"))
		}
		s.Must(200, http.MethodPost, "/_sim/reset", "{}", preflight...)
		want := http.StatusForbidden
		if origins[0] == "*" {
			want = http.StatusOK
		}
		a := s.Must(want, http.MethodPost, "/_sim/reset", "{}", simple...)
		require.Equal(t, want == http.StatusOK, a.Header.Get("Access-Control-Allow-Origin") != "")
	}
}

func TestConfig_InvalidHostsAndOrigins(t *testing.T) {
	for want, change := range map[string]func(*simulator.Config){
		`allowed-hosts "a:80"`:      func(c *simulator.Config) { c.AllowedHosts = []string{"a:80"} },
		`allowed-hosts "*"`:         func(c *simulator.Config) { c.AllowedHosts = []string{"*"} },
		`cors-origins "a.test"`:     func(c *simulator.Config) { c.CORSOrigins = []string{"a.test"} },
		`cors-origins "http://a/b"`: func(c *simulator.Config) { c.CORSOrigins = []string{"http://a/b"} },
		`world-listen "all"`:        func(c *simulator.Config) { c.WorldListen = "all" },
	} {
		c := lampConfig(t, t.TempDir())
		change(&c)
		_, err := simulator.New(c)
		require.ErrorContains(t, err, want)
	}
}

func TestWorldPort_Interface(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0"} {
		a := s.Must(http.StatusBadRequest, http.MethodPost, "/_sim/worlds", `{"listen":"`+address+`"}`)
		require.Contains(t, a.Text(".detail"), "--world-listen any")
	}
	for _, address := range []string{"localhost:0", "example.com:80", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999"} {
		a := s.Must(http.StatusBadRequest, http.MethodPost, "/_sim/worlds", `{"listen":"`+address+`"}`)
		require.Contains(t, a.Text(".detail"), "IP address")
	}
	require.Len(t, s.Must(200, http.MethodGet, "/_sim/worlds", "").Get(".worlds"), 1)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"listen":"127.0.0.2:0"}`)
	s.Restart(func(c *simulator.Config) { c.WorldListen = "any" })
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"listen":":0"}`)
	s.Restart(func(c *simulator.Config) { c.WorldListen, c.Listen = "same", "0.0.0.0:0" })
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"listen":":0"}`)
}

// The port of a world serves neither other worlds nor calls about the process.
func TestWorldPort_ServesOnlyItsWorld(t *testing.T) {
	s := simtest.New(t)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"b"}`)
	s.In("b").Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	minted := "Bearer " + s.In("b").Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lightbits"}`).Text(".token")
	refresh := s.In("b").Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lucidity"}`).Text(".refreshToken")
	scenario := s.In("b").Must(201, http.MethodPost, "/_sim/scenarios",
		"name: x\nsteps: [{control: GET /clock}]").Text(".id")
	own := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"a","listen":"127.0.0.1:0"}`).Text(".url")
	refused := func(method, path, body string, header ...string) {
		t.Helper()
		a := s.Must(http.StatusNotFound, method, own+path, body, header...)
		require.Equal(t, "a", a.Header.Get("X-Sim-World"))
		require.Contains(t, a.Body, "only the world", path)
	}
	refused(http.MethodGet, "/api/v2/nodes", "", "X-Sim-World", "b", "Authorization", "Bearer x")
	refused(http.MethodGet, "/api/v2/nodes", "", "Authorization", minted)
	refused(http.MethodGet, "/api/v2/nodes", "", "Host", "b.localhost", "Authorization", "Bearer x")
	refused(http.MethodPost, "/external/api/v1/auth/user-token/refresh", `{"refreshToken":"`+refresh+`"}`)
	for _, path := range []string{"/_sim/state", "/_sim/clock", "/_sim/requests"} {
		refused(http.MethodGet, path, "", "X-Sim-World", "b")
	}
	for _, path := range []string{
		"/_sim/worlds", "/_sim/worlds/b", "/_sim/idp/b/jwks", "/metrics", "/_sim/requests?world=b",
	} {
		refused(http.MethodGet, path, "")
	}
	refused(http.MethodDelete, "/_sim/worlds/b", "")
	refused(http.MethodPost, "/_sim/worlds", `{"name":"c"}`)
	refused(http.MethodPost, "/_sim/reset", `{"to":"b/c"}`)
	s.Must(404, http.MethodGet, own+"/_sim/scenarios/"+scenario, "")
	require.Equal(t, "[]", s.Must(200, http.MethodGet, own+"/_sim/scenarios", "").Text(".scenarios"))

	s.Must(200, http.MethodGet, own+"/_sim/worlds/a", "", "X-Sim-World", "a")
	s.Must(200, http.MethodGet, own+"/_sim/idp/a/jwks", "")
	s.Must(200, http.MethodGet, own+"/_sim/state", "")
	s.Must(200, http.MethodGet, "/_sim/scenarios/"+scenario, "")
}
