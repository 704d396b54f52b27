package control_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// twoWorlds starts a simulator and creates two worlds.
func twoWorlds(t *testing.T) (s, a, b *simtest.Server) {
	t.Helper()
	s = simtest.New(t, simtest.ToyVendor)
	for _, name := range []string{"a", "b"} {
		s.Must(201, http.MethodPost, "/_sim/worlds", fmt.Sprintf(`{"name":%q}`, name))
	}
	return s, s.In("a"), s.In("b")
}

func TestLimits_EventStreamsOfAWorld(t *testing.T) {
	_, a, b := twoWorlds(t)
	open := func(s *simtest.Server, query string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/_sim/events"+query, nil)
		require.NoError(t, err)
		req.Header = s.Header
		resp, err := soon(func() (*http.Response, error) { return s.Client.Do(req) })
		require.NoError(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		return resp.StatusCode
	}
	for range 32 {
		require.Equal(t, 200, open(a, ""))
	}
	require.Contains(t, a.Must(429, http.MethodGet, "/_sim/events", "").Text(".detail"),
		`32 event streams of the world "a" are open, which is the limit for one world`)
	require.Equal(t, 200, open(b, ""))
	for range 32 {
		require.Equal(t, 200, open(a, "?world=*"))
	}
	require.Contains(t, a.Must(429, http.MethodGet, "/_sim/events?world=*", "").Text(".detail"), "of all worlds")
	require.Equal(t, 200, open(b, ""))
}

func TestLimits_CheckpointsOfAWorld(t *testing.T) {
	_, a, b := twoWorlds(t)
	for i := range 1000 {
		a.Must(200, http.MethodPut, fmt.Sprintf("/_sim/checkpoints/c%d", i), "")
	}
	require.Equal(t, `the world "a" has 1000 checkpoints, which is the limit for one world; delete some with `+
		"DELETE /_sim/checkpoints/{name}", a.Must(429, http.MethodPut, "/_sim/checkpoints/more", "").Text(".detail"))
	a.Must(200, http.MethodPut, "/_sim/checkpoints/c7", "")
	b.Must(200, http.MethodPut, "/_sim/checkpoints/more", "")
	a.Must(200, http.MethodDelete, "/_sim/checkpoints/c8", "")
	a.Must(200, http.MethodPut, "/_sim/checkpoints/more", "")
}

func TestLimits_ForksOfAWorld(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.MaxWorlds = 5 })
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"b"}`)
	b := s.In("b")
	for _, w := range []*simtest.Server{s, b} {
		w.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	}
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"x","from":"c"}`)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"y","from":"default/c"}`)
	require.Contains(t, s.Must(429, http.MethodPost, "/_sim/worlds", `{"from":"c"}`).Text(".detail"),
		`2 worlds that started from checkpoints of the world "default", which is the limit for one world`)
	b.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"z","from":"c"}`)
	s.Must(200, http.MethodDelete, "/_sim/worlds/x", "")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"x","from":"c"}`)
}

func TestLimits_FaultRulesAndPlansOfAWorld(t *testing.T) {
	_, a, b := twoWorlds(t)
	const rule = `{"match":{"operation":"lamps.GetLamp"},"effect":{"status":404}}`
	a.Must(200, http.MethodPut, "/_sim/faults", `{"rules":[`+strings.Repeat(rule+",", 999)+rule+`]}`)
	for _, call := range [][2]string{{http.MethodPost, ""}, {http.MethodPut, "/one-more"}} {
		require.Contains(t, a.Must(429, call[0], "/_sim/faults"+call[1], rule).Text(".detail"),
			"1000 fault rules, which is the limit for one world")
	}
	a.Must(200, http.MethodPut, "/_sim/faults/fault-7", rule)
	b.Must(201, http.MethodPost, "/_sim/faults", rule)
	for range 1000 {
		a.Must(201, http.MethodPost, "/_sim/fault-plans", `{"operations":{"lamps.GetLamp":["404"]}}`)
	}
	require.Contains(t, a.Must(429, http.MethodPost, "/_sim/fault-plans",
		`{"operations":{"lamps.GetLamp":["404"]}}`).Text(".detail"), "1000 fault plans")
}
