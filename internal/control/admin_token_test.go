package control_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/control"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// openCalls need no admin token: they change nothing and show nothing that clients have sent. The tokens of the
// identity provider go to its OAuth clients, which authenticate with a header Authorization of their own.
var openCalls = []string{
	"GetIndex", "GetHealth", "GetReadiness", "ListOperations", "ListMachines", "GetOpenAPI", "GetMetrics", "GetCA",
	"ListActions", "ListFaultCatalog", "GetIdpDiscovery", "GetIdpKeys", "CreateIdpToken",
}

// With an admin token, every call that is not open needs it, with each method that the call has.
func TestSafety_AdminTokenOnEveryCall(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.AdminToken = "key" })
	for _, row := range control.Operations() {
		path := strings.NewReplacer("{", "", "}", "").Replace(row.Path)
		if row.Name == "StreamEvents" {
			path += "?type=none"
		}
		if slices.Contains(openCalls, row.Name) {
			require.NotEqual(t, http.StatusUnauthorized, s.Do(row.Method, path, "{}").Status, row.ID())
			continue
		}
		if row.Method == http.MethodGet {
			require.Equal(t, http.StatusUnauthorized, s.Do(http.MethodHead, path, "").Status, row.ID())
		}
		for _, authorization := range []string{"", "Bearer wrong", "Basic key"} {
			a := s.Must(http.StatusUnauthorized, row.Method, path, "{}", "Authorization", authorization)
			require.Contains(t, a.Header.Get("WWW-Authenticate"), "Bearer", row.ID())
			require.Contains(t, a.Body, "admin token", row.ID())
		}
		require.NotEqual(t, http.StatusUnauthorized, s.Do(row.Method, path, "{}", "Authorization", "Bearer key").Status,
			row.ID())
	}
}

// Every response names its request and its world, for all operations of all vendors and for unknown paths.
func TestSafety_EveryResponseIsMarked(t *testing.T) {
	s := simtest.New(t)
	marked := func(a simtest.Response, what string) {
		require.NotEmpty(t, a.Header.Get("X-Sim-Request-Id"), what)
		require.Equal(t, "default", a.Header.Get("X-Sim-World"), what)
	}
	var rows struct {
		Operations []struct{ ID, Method, Path string }
	}
	s.Must(200, http.MethodGet, "/_sim/operations", "").Into(&rows)
	require.NotEmpty(t, rows.Operations)
	long := strings.Repeat("x", 1<<20+1)
	for _, row := range rows.Operations {
		path := strings.NewReplacer("{", "", "}", "").Replace(row.Path)
		marked(s.Do(row.Method, path, ""), row.ID)
		marked(s.Do(row.Method, path, `{"broken`, "Authorization", anyToken), row.ID)
		marked(s.Do("PURGE", path, ""), row.ID)
		marked(s.Do(row.Method, path+"/of/nothing", ""), row.ID)
		injected := s.Do(row.Method, path, "", "X-Sim-Fault", "503;force", "Authorization", anyToken)
		if marked(injected, row.ID); injected.Status == http.StatusServiceUnavailable {
			require.Equal(t, "header", injected.Header.Get("X-Sim-Fault"), row.ID)
		}
	}
	marked(s.Do(http.MethodPost, volumes, long, "Authorization", anyToken), "413")
	marked(s.Do(http.MethodGet, "/nowhere", ""), "404")
	marked(s.Do(http.MethodGet, "/_sim/nowhere", ""), "404 of the control surface")
	marked(s.Do(http.MethodPatch, "/_sim/clock", ""), "405 of the control surface")
	marked(s.Do(http.MethodPost, "/_sim/worlds", long), "413 of the control surface")
}

// A simulator that other machines can reach logs a warning if it has no admin token.
func TestSafety_WarnsOfNonLoopbackListener(t *testing.T) {
	said := func(listen, token string) string {
		var log bytes.Buffer
		s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) {
			c.Listen, c.AdminToken, c.Log = listen, token,
				zerolog.New(&log)
		})
		s.Close()
		return log.String()
	}
	require.Contains(t, said("0.0.0.0:0", ""), "other machines can change the simulator")
	require.NotContains(t, said("0.0.0.0:0", "key"), "other machines can change the simulator")
	require.NotContains(t, said("127.0.0.1:0", ""), "other machines can change the simulator")
	require.True(t, strings.HasPrefix(simulator.Default().Listen, "127.0.0.1:"))
	require.True(t, strings.HasPrefix(simulator.Default().TLSListen, "127.0.0.1:"))
}
