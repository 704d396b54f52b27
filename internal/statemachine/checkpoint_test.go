package statemachine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// reads returns what the world's clock shows.
func (b *bench) reads(world string) time.Time {
	b.Helper()
	now, err := b.engine.Now(world)
	require.NoError(b, err)
	return now
}

// A restored clock goes on from the checkpoint's instant, whatever its mode.
func TestRestore_ClockGoesOnFromTheCheckpoint(t *testing.T) {
	for name, set := range map[string]*statemachine.ClockSetting{
		"never set": nil,
		"real":      {Now: new(start.Add(time.Hour))},
		"rate":      {Now: new(start.Add(time.Hour)), Rate: new(60.0)},
		"auto":      {Mode: new(statemachine.Auto)},
		"frozen":    {Mode: new(statemachine.Frozen)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, statemachine.Realistic)
			if set != nil {
				require.NoError(t, b.engine.SetClock(t.Context(), "w", *set))
			}
			b.pass(time.Minute)
			kept, err := b.engine.Checkpoint("w", "c")
			require.NoError(t, err)
			require.Equal(t, b.reads("w"), kept.Now)
			b.pass(time.Second)
			after := b.reads("w").Sub(kept.Now)
			b.pass(time.Hour)
			require.NoError(t, b.engine.Restore("w", "c"))
			require.Equal(t, kept.Now, b.reads("w"))
			b.pass(time.Second)
			require.Equal(t, after, b.reads("w").Sub(kept.Now), "the rate is that of before")
		})
	}
}

// What was pending at the checkpoint is pending after the restore, even if its instant on the wall has passed.
func TestRestore_PendingStaysPending(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.create("a")
	_, err := b.engine.Checkpoint("w", "c")
	require.NoError(t, err)
	b.pass(time.Hour)
	require.Equal(t, string(shining), b.state("a"))
	require.NoError(t, b.engine.Restore("w", "c"))
	require.Equal(t, string(warming), b.state("a"))
	b.pass(time.Hour)
	require.Equal(t, string(shining), b.state("a"))
}

// A world that is forked from a checkpoint begins at the checkpoint's instant, and a reset takes it back there.
func TestFork_BeginsAtTheCheckpoint(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	kept, err := b.engine.Checkpoint("w", "c")
	require.NoError(t, err)
	b.pass(time.Hour)
	require.NoError(t, b.fork(func(*store.Tx) error { return nil }))
	require.Equal(t, kept.Now, b.reads("v"))
	b.pass(time.Minute)
	require.NoError(t, b.engine.Reset("v"))
	require.Equal(t, kept.Now, b.reads("v"))
}

// The clock of a world that was never set shows the wall's time after a reset, too.
func TestReset_NeverSetClock(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	require.NoError(t, b.engine.SetClock(t.Context(), "w", statemachine.ClockSetting{Now: new(start.Add(24 * time.Hour))}))
	require.NoError(t, b.engine.Reset("w"))
	require.Equal(t, b.now(), b.reads("w"))
}
