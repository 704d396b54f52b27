package control_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

const nodes = "/api/v2/nodes"

func bearer(s *simtest.Server, method, path, body string, header ...string) simtest.Response {
	return s.Do(method, path, body, append([]string{"Authorization", "Bearer x"}, header...)...)
}

func newFrozen(t *testing.T) *simtest.Server {
	t.Helper()
	s := simtest.New(t)
	s.Must(http.StatusOK, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2026-03-01T00:00:00Z"}`)
	return s
}

func TestFaults_HeaderHostIsMatched(t *testing.T) {
	s := newFrozen(t)
	s.Must(http.StatusOK, http.MethodPut, "/_sim/faults/m",
		`{"match":{"operation":"lightbits.ListNodes","header":{"Host":"*"}},"effect":{"status":500}}`)
	require.Equal(t, http.StatusInternalServerError, bearer(s, http.MethodGet, nodes, "").Status)
}

// A rule with a glob lists the operations that it leaves out, and a request of one of them gets the reason.
func TestFaults_LeavesOut(t *testing.T) {
	s := newFrozen(t)
	rule := s.Must(http.StatusOK, http.MethodPut, "/_sim/faults/m",
		`{"match":{"operation":"lightbits.*Node*"},"effect":{"status":404}}`)
	require.Equal(t, "it does not document the status 404", rule.Text(".leavesOut[0].why"))
	require.Contains(t, rule.Get(".leavesOut[0].operations"), "lightbits.ListNodes")
	a := bearer(s, http.MethodGet, nodes, "")
	require.Equal(t, http.StatusOK, a.Status)
	rule = s.Must(http.StatusOK, http.MethodGet, "/_sim/faults/m", "")
	require.Contains(t, rule.Text(".lastMissReason"),
		"lightbits.ListNodes is left out: it does not document the status 404")
	entry := s.Must(http.StatusOK, http.MethodGet, "/_sim/requests/"+a.Header.Get("X-Sim-Request-Id")+"/explain", "")
	require.Contains(t, entry.Body, "is left out")
}

func TestFaults_SnapshotByItsSource(t *testing.T) {
	s := newFrozen(t)
	volume := bearer(s, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`)
	s.Must(http.StatusOK, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	s.Must(http.StatusOK, http.MethodPut, "/_sim/faults/m",
		`{"match":{"operation":"lightbits.CreateSnapshot","resource":"vol1","state":"Available"},"effect":{"status":500}}`)
	for member, value := range map[string]string{"sourceVolumeName": "vol1", "sourceVolumeUUID": volume.Text(".UUID")} {
		a := bearer(s, http.MethodPost, "/api/v2/projects/default/snapshots", `{"name":"s1","`+member+`":"`+value+`"}`)
		require.Equal(t, "m", a.Header.Get("X-Sim-Fault"), "%s: %s", member, a.Body)
	}
}

func TestFaults_RetryAfter(t *testing.T) {
	s := newFrozen(t)
	headers := func(retryAfter string) (values []string) {
		s.Must(http.StatusOK, http.MethodPut, "/_sim/faults/m",
			`{"match":{"operation":"lightbits.ListNodes"},"effect":{"status":500,"retryAfter":`+retryAfter+`}}`)
		for range 3 {
			values = append(values, bearer(s, http.MethodGet, nodes, "").Header.Get("Retry-After"))
		}
		return values
	}
	require.Equal(t, []string{"2", "2", "2"}, headers(`"1500ms"`))
	date := "Sun, 01 Mar 2026 00:00:30 GMT"
	require.Equal(t, []string{date, date, date}, headers(`{"fixed":"30s","as":"date"}`))
	for _, spread := range []string{`"normal":{"mean":"1m","stddev":"5s"}`, `"lognormal":{"median":"1m","p99":"1h"}`} {
		for _, value := range headers(`{` + spread + `,"cap":"1s"}`) {
			require.Equal(t, "1", value, spread)
		}
	}
	drawn := headers(`{"uniform":["10s","1h"]}`)
	require.NotEqual(t, drawn[0], drawn[1])
	require.Equal(t, drawn, headers(`{"uniform":["10s","1h"]}`), "drawn with the world's seed")
}

// A quota is renewed by the world's clock only, and its rule tells the client when.
func TestFaults_Quota(t *testing.T) {
	s := newFrozen(t)
	arm := func(by string) {
		s.Must(http.StatusOK, http.MethodPut, "/_sim/faults/m", `{"match":{"operation":"lightbits.ListNodes"},
			"when":{"quota":{"requests":2,"per":"1m","by":"`+by+`"}},"force":true,"effect":{"status":429}}`)
	}
	arm("all")
	send := func(token string) int {
		return s.Do(http.MethodGet, nodes, "", "Authorization", "Bearer "+token).Status
	}
	require.Equal(t, []int{200, 200, 429}, []int{send("a"), send("b"), send("a")})
	s.Must(http.StatusOK, http.MethodPost, "/_sim/clock/advance", `{"by":"45s"}`)
	a := bearer(s, http.MethodGet, nodes, "")
	require.Equal(t, 429, a.Status)
	require.Equal(t, "15", a.Header.Get("Retry-After"))
	s.Must(http.StatusOK, http.MethodPost, "/_sim/clock/advance", `{"by":"15s"}`)
	require.Equal(t, []int{200, 200, 429}, []int{send("a"), send("b"), send("a")})
	arm("client")
	require.Equal(t, []int{200, 200, 429, 200, 200, 429},
		[]int{send("a"), send("a"), send("a"), send("b"), send("b"), send("b")})
}

func TestFaults_LatencyAsADuration(t *testing.T) {
	s := newFrozen(t)
	rule := s.Must(http.StatusOK, http.MethodPut, "/_sim/faults/m",
		`{"match":{"operation":"lightbits.ListNodes"},"effect":{"latency":"20ms"}}`)
	require.Equal(t, "20ms", rule.Text(".effect.latency.fixed"))
	began := time.Now()
	require.Equal(t, http.StatusOK, bearer(s, http.MethodGet, nodes, "").Status)
	require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
}
