package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/fault"
	"storagesim/internal/store"
)

// withFaults installs rules for the operations on toys.
func withFaults(t testing.TB, s *server, rules ...fault.Rule) *fault.Injector {
	in := fault.New(s.db, s.engine, func() fault.Targets { return api.FaultTargets(nil, s.server.Services()...) },
		zerolog.Nop(),
		func() time.Time { return epoch })
	s.server.UseFaults(in)
	require.NoError(t, s.engine.Update(api.DefaultWorld, "test",
		func(tx *store.Tx) error { return in.Replace(tx, rules) }))
	return in
}

// A client that disconnects before the operation takes its request with it; after the operation, the change stays.
func TestFaults_LatencyEndsWithTheClient(t *testing.T) {
	for phase, made := range map[fault.Phase][]string{fault.Before: {}, fault.After: {"car"}} {
		s := newServer(t)
		withFaults(t, s, fault.Rule{ID: "slow", Match: fault.Match{Operation: "toys.CreateToy"}, Phase: phase,
			Effect: fault.Effect{Latency: &fault.Latency{Fixed: "1h"}}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req := httptest.NewRequest("POST", "/toys", strings.NewReader(`{"name":"car"}`)).WithContext(ctx)
		require.PanicsWithValue(t, http.ErrAbortHandler, func() { s.handler.ServeHTTP(httptest.NewRecorder(), req) })
		require.Equal(t, made, s.list("default"), phase)
		seen, _ := s.journal.List(2, func(x *api.Exchange) bool { return x.Operation == "toys.CreateToy" })
		require.Len(t, seen, 1)
		require.Zero(t, seen[0].Status)
		require.Equal(t, "slow", seen[0].Fault)
	}
}

// A server that stops ends latencies early and responds.
func TestFaults_StopCutsLatencyShort(t *testing.T) {
	s := newServer(t)
	withFaults(t, s, fault.Rule{ID: "slow", Effect: fault.Effect{Latency: &fault.Latency{Fixed: "1h"}}})
	s.server.Stop()
	s.server.Stop()
	s.want(200, `{"name":"car"}`, s.do("POST", "/toys", `{"name":"car"}`))
}

// An unauthorized request is refused before any fault, and no rule counts it.
func TestFaults_ComeAfterAuthentication(t *testing.T) {
	s := newServer(t, func(svc *api.Service) {
		svc.Authorize = func(_ *store.Tx, r *api.Request) error {
			if r.HTTP.Header.Get("Authorization") == "" {
				return store.ErrNotFound
			}
			return nil
		}
	})
	in := withFaults(t, s, fault.Rule{ID: "busy", When: fault.When{Times: new(uint64(1))},
		Effect: fault.Effect{Status: 503}})
	w := s.do("GET", "/toys", "")
	require.Equal(t, 500, w.Code, "the harness refuses without words")
	require.Empty(t, w.Header().Get(api.HeaderFault))
	w = s.do("GET", "/toys", "", "Authorization: x")
	s.want(503, "Unavailable: Service Unavailable (injected by busy)", w)
	require.Equal(t, "busy", w.Header().Get(api.HeaderFault))
	require.Equal(t, 200, s.do("GET", "/toys", "", "Authorization: x").Code)
	require.NoError(t, s.engine.View(api.DefaultWorld, "test", func(tx *store.Tx) error {
		list, _ := in.List(tx)
		require.EqualValues(t, 1, list[0].Hits)
		return nil
	}))
}

// A fault works on an operation that is not emulated, a success is not a fault, and rules of other worlds do not apply.
func TestFaults_OperationsThatAreNotEmulated(t *testing.T) {
	s := newServer(t)
	withFaults(t, s, fault.Rule{ID: "busy", Match: fault.Match{Operation: "toys.PaintToy"},
		Effect: fault.Effect{Status: 503}})
	require.Equal(t, 503, s.do("POST", "/toys/x/paint", "").Code)
	require.Equal(t, 501, s.do("POST", "/toys/x/paint", "", "X-Sim-World: t1").Code)
	require.Equal(t, 404, s.do("GET", "/toys/x", "", "X-Sim-World: none").Code)
}

// BenchmarkFaults measures the cost of rules that do not match.
func BenchmarkFaults(b *testing.B) {
	for name, rules := range map[string][]fault.Rule{
		"none":      {},
		"operation": {{ID: "a", Match: fault.Match{Operation: "toys.CreateToy"}, Effect: fault.Effect{Status: 503}}},
		"header": {{ID: "a", Match: fault.Match{Header: map[string]string{"User-Agent": "cinder*"}},
			Effect: fault.Effect{Status: 503}}},
	} {
		b.Run(name, func(b *testing.B) {
			s := newServer(b)
			in := withFaults(b, s, rules...)
			header := http.Header{"User-Agent": {"curl/8"}}
			for b.Loop() {
				var d fault.Decision
				if set := in.Armed(api.DefaultWorld); set != nil &&
					len(set.Candidates(&d, "toys.ListToys", "", header, epoch)) > 0 {
					b.Fatal("the rule matches")
				}
			}
		})
	}
}
