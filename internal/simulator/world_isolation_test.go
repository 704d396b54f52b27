package simulator_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// isolationRounds is the environment variable that sets how many rounds each client makes, for a run that is longer
// than that of `make test`. A round has about fifteen requests.
const isolationRounds = "ISOLATION_ROUNDS"

// 64 clients use 64 worlds at the same time over shared connections (issue 4). Each world has its own clock, fault
// rule, names, tokens and port. No response contains a name, an id or a time of another world, and each response is the
// one that the client's model of its world predicts.
func TestWorlds_Isolated(t *testing.T) {
	rounds := 3
	if text := os.Getenv(isolationRounds); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err, isolationRounds)
		rounds = n
	}
	s := simtest.New(t, func(c *simulator.Config) {
		c.Limits.JournalCount, c.Limits.EventQueue = 100_000, 100_000 // nothing is lost
	})
	s.Header.Set("Authorization", "Bearer x")
	s.Must(200, http.MethodPost, volumesURL, volume("inherited"))
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	s.Must(200, http.MethodPut, "/_sim/checkpoints/common", "")
	shared := &http.Transport{MaxIdleConnsPerHost: 64}
	defer shared.CloseIdleConnections()
	var all owners
	for _, world := range []int{0, 7} { // two seeds, so that the ids in the forks are common
		all.inherit(world, s.Must(200, http.MethodGet, "/_sim/state", "").Body)
	}
	var requests atomic.Int64
	tenants := make([]*tenant, 64)
	failures := make(chan error, 3*len(tenants))
	each := func(fn func(c *tenant) error) {
		var clients sync.WaitGroup
		for i := range tenants {
			clients.Go(func() {
				if err := fn(tenants[i]); err != nil {
					failures <- fmt.Errorf("world %s: %w", mark(i), err)
				}
			})
		}
		clients.Wait()
		require.NoError(t, firstOf(failures))
	}
	for i := range tenants {
		tenants[i] = &tenant{
			world: i, server: s, client: &http.Client{Transport: shared, Timeout: simtest.Patience},
			stream: &http.Client{Transport: shared}, owners: &all, requests: &requests, every: 2 + i%3,
			rule: []string{"lightbits.CreateVolume", "lightbits.GetVolume", "lightbits.ListVolumes"}[i%3],
		}
	}
	each((*tenant).createWorld)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var streams, starting sync.WaitGroup
	for _, c := range tenants {
		starting.Add(1)
		started := sync.OnceFunc(starting.Done)
		streams.Go(func() {
			if err := c.watch(ctx, started); err != nil {
				failures <- fmt.Errorf("events of %s: %w", mark(c.world), err)
			}
			started()
		})
	}
	simtest.Await(t, "event stream of each world", func() bool { starting.Wait(); return true })
	each(func(c *tenant) error {
		for round := range rounds {
			if err := c.round(round); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
		}
		return c.deleteWorld()
	})
	simtest.Await(t, "end of the event streams of deleted worlds", func() bool { streams.Wait(); return true })
	require.NoError(t, firstOf(failures))
	for _, c := range tenants {
		require.Equal(t, c.sent-c.sentBefore, c.events, "requests to the world %s, and events about them", mark(c.world))
	}
	t.Logf("%d responses checked", requests.Load())
}

// firstOf returns the first failure, or nil.
func firstOf(failures chan error) error {
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}
