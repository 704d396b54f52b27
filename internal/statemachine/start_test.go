package statemachine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// fork starts the world "v" on the checkpoint "c" of "w" and runs fn on it.
func (b *bench) fork(fn func(tx *store.Tx) error) error {
	return b.engine.Start("v", "test", func(next func(tx *store.Tx) (bool, error)) error {
		return b.db.Fork("w", "c", "v", nil, next)
	}, fn)
}

// A timer of the forked state that is due by now fires before fn, and both are part of the start.
func TestStart_DueTimersFireFirst(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.create("a")
	require.NoError(t, b.db.Checkpoint("w", "c", nil))
	b.pass(time.Minute)
	var moved []statemachine.Transition
	b.engine.Listen(func(world string, list []statemachine.Transition) {
		require.Equal(t, "v", world)
		moved = append(moved, list...)
	})
	require.NoError(t, b.fork(func(tx *store.Tx) error {
		row, err := b.lamps.Find(tx, "a")
		require.NoError(t, err)
		require.Equal(t, shining, row.Life.State)
		require.Equal(t, start.Add(time.Minute), tx.Now)
		_, err = b.lamps.Create(tx, lamp{ID: "b"}, warming)
		return err
	}))
	require.Len(t, moved, 2)
	require.Equal(t, start.Add(2*time.Second), moved[0].At)
	require.NoError(t, b.db.ViewStart("v", func(tx *store.Tx) error {
		_, err := b.lamps.Find(tx, "b")
		return err
	}))
}

func TestStart_ErrorLeavesNoWorld(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	require.NoError(t, b.db.Checkpoint("w", "c", nil))
	errOwn := errors.New("own")
	require.ErrorIs(t, b.fork(func(*store.Tx) error { return errOwn }), errOwn)
	_, err := b.db.World("v")
	require.ErrorIs(t, err, store.ErrNoWorld)
}

// A timer of the forked state whose transition fails is dropped, and the world starts without it. Other timers fire.
func TestStart_BrokenTimersAreDropped(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.create("a")
	b.update(func(tx *store.Tx) error {
		for _, id := range []string{"x", "y"} {
			row, err := b.lamps.Create(tx, lamp{ID: id}, shining)
			require.NoError(t, err)
			// A shining lamp has no transition for this event.
			require.NoError(t, b.lamps.After(tx, &row, "brighten", start.Add(time.Second)))
		}
		return nil
	})
	require.NoError(t, b.db.Checkpoint("w", "c", nil))
	b.pass(time.Minute)
	ran := 0
	require.NoError(t, b.fork(func(tx *store.Tx) error {
		ran++
		require.Zero(t, statemachine.CountTimers(tx))
		row, err := b.lamps.Find(tx, "a")
		require.Equal(t, shining, row.Life.State)
		return err
	}))
	require.Equal(t, 1, ran)
	require.NoError(t, b.engine.View("v", "test", func(tx *store.Tx) error {
		for _, id := range []string{"x", "y"} {
			row, err := b.lamps.Find(tx, id)
			require.NoError(t, err)
			require.Equal(t, shining, row.Life.State)
		}
		require.Zero(t, statemachine.CountTimers(tx))
		return nil
	}))
}

// The timer loop fires the timers of a world that was started while it ran.
func TestStart_TimersAreOnTheAgenda(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.warmUpTakes("1ms")
	b.create("a")
	require.NoError(t, b.db.Checkpoint("w", "c", nil))
	b.update(func(tx *store.Tx) error { // only the fork has a timer
		row, err := b.lamps.Find(tx, "a")
		require.NoError(t, err)
		return b.lamps.Remove(tx, &row)
	})
	wait := b.run()
	require.NoError(t, b.fork(func(*store.Tx) error { return nil }))
	b.pass(time.Millisecond)
	require.Equal(t, "v", wait())
}

// The first setting of a clock chooses the calendar of its world, also if a timer is overdue then.
func TestSetClock_First(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.warmUpTakes("1s")
	b.create("a")
	b.pass(time.Hour)
	earlier := start.AddDate(-10, 0, 0)

	set := func(to time.Time) error {
		return b.engine.SetClock(t.Context(), "w", statemachine.ClockSetting{Now: &to, Mode: new(statemachine.Frozen)})
	}
	require.NoError(t, set(earlier))
	require.Equal(t, earlier, b.worldNow())
	require.Equal(t, string(shining), b.state("a"), "the overdue timer fires before")

	require.ErrorContains(t, set(earlier.Add(-time.Second)), "does not go back")
	require.Equal(t, earlier, b.worldNow())
}
