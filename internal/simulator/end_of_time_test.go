package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// A world at the end of the year 9999 works, and leaves the others alone.
func TestEndOfTime_WorldsWork(t *testing.T) {
	s := simtest.New(t)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"late"}`)
	w := s.In("late")
	w.Header.Set("Authorization", "Bearer x")
	const last = "9999-12-31T23:59:59.999Z"
	w.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"real","now":"`+last+`"}`)
	for _, delay := range []string{"1h", "0s"} {
		w.Must(200, http.MethodPut, "/_sim/delays",
			`{"lightbits.volume.create":"`+delay+`","lightbits.policy.create":"`+delay+`"}`)
		w.Must(200, http.MethodPost, "/api/v2/policies", strings.Replace(policyBody, "gold", "p"+delay, 1))
		w.Must(200, http.MethodPost, volumes,
			`{"name":"v`+delay+`","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`)
	}
	w.Must(400, http.MethodPost, "/_sim/clock/advance", `{"by":"1ms"}`)
	w.Must(400, http.MethodPut, "/_sim/clock", `{"now":"9999-12-31T23:59:59-01:00"}`)
	w.Must(200, http.MethodPost, "/_sim/clock/advance", `{"next":true}`)
	w.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	w.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"fork","from":"late/c"}`)
	state := w.Must(200, http.MethodGet, "/_sim/state", "").Body
	w.Must(200, http.MethodPut, "/_sim/state", state)
	w.Must(200, http.MethodPost, "/_sim/checkpoints/c/restore", "")
	for _, path := range []string{"/_sim/clock", "/_sim/timers", "/_sim/resources", "/_sim/state", "/_sim/requests",
		volumes,
		"/api/v2/events", "/api/v2/servers", "/api/v2/nodes", "/api/v2/cluster", "/v1/filespaces", "/api/v1/workflows"} {
		w.Must(200, http.MethodGet, path, "")
		require.Equal(t, 200, w.In("fork").Do(http.MethodGet, path, "").Status, path)
	}
	require.Contains(t, w.Must(200, http.MethodGet, "/_sim/clock", "").Text(".now"), "9999-12-31T23:59:59.999")
	s.Must(200, http.MethodGet, "/_sim/requests", "")
}

// A schedule at the edge and a delay of the longest duration leave the state readable.
func TestEndOfTime_StateFiles(t *testing.T) {
	s := simtest.New(t)
	for clock, want := range map[string]string{
		`{"mode":"frozen","now":"9999-12-31T23:59:59-01:00"}`: "state.clock.now",
		`{"mode":"real","rate":1e-10}`:                        "state.clock.rate",
		`{"mode":"real","rate":2e9}`:                          "state.clock.rate",
		`{"mode":"real","now":"0000-01-01T00:00:00Z"}`:        "state.clock.now",
	} {
		got := s.Must(400, http.MethodPut, "/_sim/state", `{"state":{"version":1,"clock":`+clock+`}}`).Text(".detail")
		require.Contains(t, got, want)
	}
	s.Must(200, http.MethodPut, "/_sim/state",
		`{"state":{"version":1,"clock":{"mode":"real","rate":1e9,"now":"9999-12-31T23:59:59Z","at":"2020-01-01T00:00:00Z"}}}`)
	require.Contains(t, s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".now"), "9999-12-31T23:59:59.999")
}
