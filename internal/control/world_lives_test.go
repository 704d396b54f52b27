package control_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// newLives are the ways in which the world t begins another life, and whether it exists afterwards.
var newLives = map[string]func(s *simtest.Server){
	"reset":   func(s *simtest.Server) { s.Must(200, http.MethodPost, "/_sim/reset", "") },
	"restore": func(s *simtest.Server) { s.Must(200, http.MethodPost, "/_sim/checkpoints/c/restore", "") },
	"state":   func(s *simtest.Server) { s.Must(200, http.MethodPut, "/_sim/state", "{}") },
	"created again": func(s *simtest.Server) {
		s.Must(200, http.MethodDelete, "/_sim/worlds/t", "")
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	},
}

// delayed sends a request that the fault of the effect holds back, and returns a channel with its outcome.
func delayed(t *testing.T, s *simtest.Server, effect string) <-chan got {
	t.Helper()
	s.Must(200, http.MethodPut, "/_sim/faults/f", `{"match":{"operation":"lamps.CreateLamp"},"effect":`+effect+`}`)
	done := make(chan got, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/lamps",
			strings.NewReader(`{"name":"ghost"}`))
		if err == nil {
			req.Header.Set("X-Sim-World", "t")
			done <- answerTo(s.Client, req)
			return
		}
		done <- got{err: err}
	}()
	require.Eventually(t, func() bool {
		return s.Must(200, http.MethodGet, "/_sim/faults/f", "").Text(".hits") == "1"
	}, simtest.Patience, time.Millisecond)
	return done
}

// outcomeOf returns the outcome of a delayed request. The test fails if it still waits.
func outcomeOf(t *testing.T, done <-chan got) got {
	t.Helper()
	select {
	case g := <-done:
		return g
	case <-time.After(simtest.Patience):
		require.Fail(t, "the request still waits")
		return got{}
	}
}

func startLives(t *testing.T) *simtest.Server {
	t.Helper()
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	s = s.In("t")
	s.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	return s
}

// A request that a latency holds back ends with the life of its world, and changes nothing in the next one.
func TestLives_DelayedRequestNeverReachesTheNextLife(t *testing.T) {
	for name, begin := range newLives {
		t.Run(name, func(t *testing.T) {
			s := startLives(t)
			done := delayed(t, s, `{"latency":{"fixed":"1h"}}`)
			begin(s)
			g := outcomeOf(t, done)
			require.NoError(t, g.err)
			require.Equal(t, http.StatusNotFound, g.resp.StatusCode)
			require.Regexp(t, "world that the request was sent to no longer exists|does not exist", g.body)
			require.NotContains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, "ghost")
		})
	}
	t.Run("deleted", func(t *testing.T) {
		s := startLives(t)
		done := delayed(t, s, `{"latency":{"fixed":"1h"}}`)
		s.Must(200, http.MethodDelete, "/_sim/worlds/t", "")
		require.Equal(t, http.StatusNotFound, outcomeOf(t, done).resp.StatusCode)
	})
}

// A stalled connection is closed when the life of its world ends.
func TestLives_StalledConnectionEnds(t *testing.T) {
	for name, begin := range newLives {
		t.Run(name, func(t *testing.T) {
			s := startLives(t)
			done := delayed(t, s, `{"connection":"stall"}`)
			begin(s)
			require.Error(t, outcomeOf(t, done).err)
		})
	}
}

// So is one that stalls because its own header asks for it, which no rule ends. It stalls after its change, so that the
// test can see it.
func TestLives_StalledByItsOwnHeaderEnds(t *testing.T) {
	for name, begin := range newLives {
		t.Run(name, func(t *testing.T) {
			s := startLives(t)
			done := make(chan got, 1)
			go func() {
				// net/http sends a GET again if its connection is closed
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/lamps",
					strings.NewReader(`{"name":"ghost"}`))
				if err != nil {
					done <- got{err: err}
					return
				}
				req.Header.Set("X-Sim-World", "t")
				req.Header.Set("X-Sim-Fault", "after:stall")
				done <- answerTo(s.Client, req)
			}()
			require.Eventually(t, func() bool {
				return strings.Contains(s.Must(200, http.MethodGet, "/lamps", "").Body, "ghost")
			}, simtest.Patience, time.Millisecond)
			begin(s)
			require.Error(t, outcomeOf(t, done).err)
		})
	}
}

// A delay ends with the rule that it comes from: the request then goes on.
func TestFaults_DelayEndsWithItsRule(t *testing.T) {
	changes := map[string]func(s *simtest.Server){
		"deleted":     func(s *simtest.Server) { s.Must(200, http.MethodDelete, "/_sim/faults/f", "") },
		"all deleted": func(s *simtest.Server) { s.Must(200, http.MethodDelete, "/_sim/faults", "") },
		"replaced": func(s *simtest.Server) {
			s.Must(200, http.MethodPut, "/_sim/faults/f", `{"match":{"operation":"lamps.GetLamp"},"effect":{"status":404}}`)
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s := startLives(t)
			done := delayed(t, s, `{"latency":{"fixed":"1h"}}`)
			s.Must(201, http.MethodPost, "/_sim/faults", `{"match":{"operation":"lamps.GetLamp"},"effect":{"status":404}}`)
			select {
			case <-done:
				require.Fail(t, "the change of another rule ends the delay")
			default:
			}
			change(s)
			g := outcomeOf(t, done)
			require.NoError(t, g.err)
			require.Equal(t, http.StatusOK, g.resp.StatusCode, g.body)

			stalled := delayed(t, s, `{"connection":"stall"}`)
			change(s)
			require.Error(t, outcomeOf(t, stalled).err)
		})
	}
}

// A scenario ends with the life of its world, unless a step of its own began the next one.
func TestLives_ScenarioEnds(t *testing.T) {
	const waits = `{"name":"x","steps":[%s{"id":"never","request":"GET /lamps","when":{"operation":"lamps.GetLamp"}}]}`
	verdict := func(s *simtest.Server, id string) (verdict string) {
		require.Eventually(t, func() bool {
			got := s.Must(200, http.MethodGet, "/_sim/scenarios/"+id, "")
			verdict = got.Text(".verdict") + " " + got.Text(".why")
			return got.Text(".verdict") != "running"
		}, simtest.Patience, time.Millisecond)
		return verdict
	}
	for name, begin := range newLives {
		t.Run(name, func(t *testing.T) {
			s := startLives(t)
			id := s.Must(201, http.MethodPost, "/_sim/scenarios", fmt.Sprintf(waits, "")).Text(".id")
			begin(s)
			require.Contains(t, verdict(s, id), "by another caller while the scenario ran")
		})
	}
	t.Run("own step", func(t *testing.T) {
		s := startLives(t)
		id := s.Must(201, http.MethodPost, "/_sim/scenarios", `{"name":"x","steps":[
			{"id":"reset","control":"POST /_sim/reset"},
			{"id":"list","after":"reset","request":"GET /lamps"}]}`).Text(".id")
		require.Contains(t, verdict(s, id), "passed")
	})
}

// A request of a scenario that arrives after the scenario's life is refused in the next one.
func TestLives_RequestForAnotherLife(t *testing.T) {
	s := startLives(t)
	over := []string{"X-Sim-Life", "18446744073709551615"}
	require.Equal(t, 404, s.Do(http.MethodPost, "/lamps", `{"name":"ghost"}`, over...).Status)
	require.Equal(t, 409, s.Do(http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`, over...).Status)
	require.NotContains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, "ghost")
	require.Equal(t, "real", s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".mode"))
}
