package statemachine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// createMany creates n lamps. Their timers are due one second after the other, from 1s on.
func (b *bench) createMany(n int) {
	b.Helper()
	for i := range n {
		b.warmUpTakes(fmt.Sprintf("%ds", i+1))
		b.create(fmt.Sprintf("lamp%04d", i))
	}
}

func (b *bench) worldNow() time.Time {
	b.Helper()
	now, err := b.engine.Now("w")
	require.NoError(b, err)
	return now
}

func (b *bench) pending() int {
	b.Helper()
	reading, err := b.engine.Clock("w")
	require.NoError(b, err)
	return reading.Timers
}

func TestAdvance_ParallelAdvancesAddUp(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.createMany(100)
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			_, err := b.engine.Advance(t.Context(), "w", statemachine.Advance{By: time.Hour})
			assert.NoError(t, err)
		})
	}
	wait.Wait()
	require.Equal(t, start.Add(10*time.Hour), b.worldNow())
	require.Zero(t, b.pending())
}

func TestAdvance_ParallelNextFiresEachTimerOnce(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.createMany(20)
	var wait sync.WaitGroup
	var mu sync.Mutex
	fired := map[string]int{}
	for range 10 {
		wait.Go(func() {
			done, err := b.engine.Advance(t.Context(), "w", statemachine.Advance{Next: true})
			assert.NoError(t, err) //nolint:testifylint // not the goroutine of the test
			mu.Lock()
			defer mu.Unlock()
			assert.Len(t, done.Fired, 1)
			fired[done.Fired[0].ID]++
		})
	}
	wait.Wait()
	require.Len(t, fired, 10)
	require.Equal(t, start.Add(10*time.Second), b.worldNow())
}

func TestAdvance_EndsWithItsContext(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.createMany(3 * statemachine.TurnTimers)
	ctx, cancel := context.WithCancel(t.Context())
	b.engine.Listen(func(string, []statemachine.Transition) { cancel() })
	done, err := b.engine.Advance(ctx, "w", statemachine.Advance{By: 24 * time.Hour})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, statemachine.TurnTimers, done.Count, "the listener runs after the first commit")
	require.Equal(t, done.Fired[done.Count-1].At, b.worldNow(), "the clock stands at the last transition")
	require.Equal(t, 2*statemachine.TurnTimers, b.pending())
}

func TestAdvance_WaitsWithItsContext(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	running, resume := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(running); <-resume })
	b.engine.BeforeWrites(func(string) error { once(); return nil })
	first := make(chan error, 1)
	go func() {
		_, err := b.engine.Advance(t.Context(), "w", statemachine.Advance{By: time.Hour})
		first <- err
	}()
	receive(t, running)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.engine.Advance(ctx, "w", statemachine.Advance{By: time.Hour})
	require.ErrorIs(t, err, context.Canceled)
	close(resume)
	require.NoError(t, receive(t, first))
	require.Equal(t, start.Add(time.Hour), b.worldNow())
}

func TestAdvance_EndsWithTheLifeOfItsWorld(t *testing.T) {
	for name, replace := range map[string]func(b *bench){
		"restore": func(b *bench) { require.NoError(b, b.db.Restore("w", "before", nil)) },
		"delete":  func(b *bench) { require.NoError(b, b.db.DeleteWorld("w")) },
		"create again": func(b *bench) {
			require.NoError(b, b.db.DeleteWorld("w"))
			require.NoError(b, b.db.CreateWorld("w", "empty", nil, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, statemachine.Fast)
			b.clock(statemachine.Frozen)
			b.createMany(2 * statemachine.TurnTimers)
			require.NoError(t, b.db.Checkpoint("w", "before", nil))
			calls := 0
			b.engine.BeforeWrites(func(string) error {
				if calls++; calls == 2 {
					replace(b)
					b.engine.Rescan("w")
				}
				return nil
			})
			_, err := b.engine.Advance(t.Context(), "w", statemachine.Advance{By: 24 * time.Hour})
			var replaced *statemachine.ReplacedError
			require.ErrorAs(t, err, &replaced)
			require.Equal(t, statemachine.TurnTimers, replaced.Count)
			if name != "delete" {
				require.Equal(t, start, b.worldNow(), "the new life is as it was made")
			}
		})
	}
}

func TestAdvance_ListsABoundedNumberOfTransitions(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	const n = statemachine.MaxFired + 10
	for i := range n {
		b.create(fmt.Sprint(i))
	}
	done, err := b.engine.Advance(t.Context(), "w", statemachine.Advance{By: time.Hour})
	require.NoError(t, err)
	require.Len(t, done.Fired, statemachine.MaxFired)
	require.Equal(t, n, done.Count)
}

func TestAdvance_OtherWorldsAreServedMeanwhile(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	require.NoError(t, b.db.CreateWorld("other", "empty", nil, nil))
	b.clock(statemachine.Frozen)
	b.createMany(4 * statemachine.TurnTimers)
	turns := 0
	b.engine.BeforeWrites(func(world string) error {
		if turns++; world == "w" {
			require.NoError(t, b.engine.View("other", "reader", func(*store.Tx) error { return nil }))
			require.NoError(t, b.db.Update("other", func(*store.Tx) error { return nil }))
		}
		return nil
	})
	b.advance(24 * time.Hour)
	require.Equal(t, 5, turns, "after each %d timers, others may write", statemachine.TurnTimers)
}

func TestAdvance_UntilRefuses(t *testing.T) {
	until := func(id string, state statemachine.State) statemachine.Advance {
		return statemachine.Advance{Until: &statemachine.Until{Kind: "test.lamp", ID: id, State: state}}
	}
	for name, c := range map[string]struct {
		delay   string
		advance statemachine.Advance
		want    string
	}{
		"no such row": {advance: until("lamp b", shining),
			want: `there is no test.lamp "lamp b"; the most similar are lamp a, a`},
		"held": {delay: "held", advance: until("a", shining),
			want: "test.lamp a did not reach Shining: it is Warming at 2026-03-01T12:00:00Z, " +
				"and it is held; release it by POST /_sim/resources/test.lamp/a/release"},
		"reads": {delay: "reads:3", advance: until("a", shining),
			want: "test.lamp a did not reach Shining: it is Warming at 2026-03-01T12:00:00Z, and it waits for 3 more reads"},
		"limit": {delay: "2h", advance: until("a", shining),
			want: "test.lamp a did not reach Shining: it is Warming at 2026-03-01T12:00:00Z, and nothing more is due within " +
				"1h0m0s, the limit of this advance; the next timer is due at 2026-03-01T14:00:00Z; a longer \"limit\" goes " +
				`further, for example {"limit":"24h"}`},
		"no timer": {delay: "0s", advance: until("a", dimmed),
			want: "test.lamp a did not reach Dimmed: it is Shining at 2026-03-01T12:00:00Z, " +
				"and no timer is pending in this world, so time does not change that"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, statemachine.Fast)
			b.clock(statemachine.Frozen)
			if c.delay != "" {
				b.warmUpTakes(c.delay)
			}
			b.create("a")
			_, err := b.engine.Advance(t.Context(), "w", c.advance)
			require.EqualError(t, err, c.want)
			require.Equal(t, start, b.worldNow())
		})
	}
}

func TestAdvance_UntilGoneOfADeletedRow(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	done, err := b.engine.Advance(t.Context(), "w",
		statemachine.Advance{Until: &statemachine.Until{Kind: "test.lamp", ID: "a", State: statemachine.Gone}})
	require.NoError(t, err)
	require.Equal(t, start, done.Now)
}

func TestAdvance_PastTheEndOfTime(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	last := statemachine.LastInstant
	require.NoError(t, b.engine.SetClock(t.Context(), "w", statemachine.ClockSetting{Now: &last}))
	_, err := b.engine.Advance(t.Context(), "w", statemachine.Advance{By: time.Millisecond})
	var outside *statemachine.RangeError
	require.ErrorAs(t, err, &outside)
	require.Equal(t, last, b.worldNow())
	b.create("a")
	require.Equal(t, "Warming", b.state("a"), "a transition that is due later is held")
	require.Empty(t, b.pendingDue())
}

// pendingDue lists the due times of the pending timers.
func (b *bench) pendingDue() (due []time.Time) {
	b.Helper()
	require.NoError(b, b.engine.View("w", "test", func(tx *store.Tx) error {
		for _, t := range statemachine.Pending(tx, 100) {
			if !t.Due.IsZero() {
				due = append(due, t.Due)
			}
		}
		return nil
	}))
	return due
}
