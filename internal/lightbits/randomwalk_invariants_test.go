package lightbits

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

var (
	invariantSteps = flag.Int("invariants.steps", 2000, "number of steps of TestInvariants")
	invariantSeed  = flag.Uint64("invariants.seed", 0, "seed of TestInvariants; 0 is a random seed")
	invariantEvery = flag.Int("invariants.every", 5,
		"number of steps between checks of the whole world by TestInvariants; 1 finds the failing step")
)

const (
	// verifyEvery is the number of checks between verifications of all indexes.
	verifyEvery = 10
	// allStepsDone is the number of steps in which every kind of step must succeed at least once.
	allStepsDone = 20_000
)

// walkedCluster is the cluster of a walk. With an odd seed its servers have two nodes each, which share a failure
// domain.
func walkedCluster(seed uint64) option {
	return withCluster(fmt.Sprintf("servers: 5\nnodesPerServer: %d\ndevicesPerNode: 8\n"+
		"featureFlags: {evict-data: true, fail-in-place: true, proactive-rebalance: true}", 1+seed%2))
}

// TestInvariants runs random steps on a frozen clock and verifies that the world stays consistent.
func TestInvariants(t *testing.T) {
	seed := *invariantSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	again := fmt.Sprintf("go test ./internal/lightbits -run TestInvariants -invariants.seed %d -invariants.steps %d",
		seed, *invariantSteps)
	t.Log(again)
	w := newWalker(newServer(t, walkedCluster(seed)), seed)
	var window []string // the steps since the last check
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s -invariants.every 1\nafter step %d; since the last check:\n%s", again, w.steps,
				strings.Join(window, "\n"))
		}
	})
	steps := walkSteps()
	for step := range *invariantSteps {
		window = append(window, "a step that did not end")
		window[len(window)-1] = w.step(steps)
		require.Zero(t, w.log.Len(), "a timer failed to fire: %s", &w.log)
		if (step+1)%*invariantEvery != 0 && step != *invariantSteps-1 {
			w.view(func(tx *store.Tx) error { w.checkTimers(tx); return nil })
			continue
		}
		w.view(func(tx *store.Tx) error { w.check(tx); return nil })
		if (step+1)%(*invariantEvery*verifyEvery) == 0 {
			w.verify()
		}
		window = window[:0]
	}
	w.rest()
	w.view(func(tx *store.Tx) error { w.check(tx); return nil })
	require.NoError(t, w.db.Verify(slices.Concat(w.service.Tables(), w.engine.Verifiers())...))
	for _, d := range steps {
		t.Logf("%-28s %6d tried %6d done", d.name, w.tried[d.name], w.done[d.name])
		if *invariantSteps >= allStepsDone {
			require.NotZero(t, w.done[d.name], "never succeeded: %s", d.name)
		}
	}
}

// Two walks with the same seed are the same, so that a failure can be reproduced.
func TestInvariants_SameSeedSameWalk(t *testing.T) {
	walk := func() string {
		w := newWalker(newServer(t, walkedCluster(43)), 43)
		var done []string
		for steps := walkSteps(); w.steps < 400; {
			done = append(done, w.step(steps))
		}
		_, events := w.do("GET", "/api/v2/events?limit=1000", admin, "")
		return strings.Join(done, "\n") + events
	}
	first := walk()
	require.Equal(t, first, walk())
}

// verify verifies every index of the world.
func (w *walker) verify() {
	w.t.Helper()
	require.NoError(w.t, w.engine.View(api.DefaultWorld, "test", func(tx *store.Tx) error {
		for _, v := range slices.Concat(w.service.Tables(), w.engine.Verifiers()) {
			require.Empty(w.t, append(v.Verify(tx), v.Verify(tx.In(cluster))...), v.Name())
		}
		return nil
	}))
}
