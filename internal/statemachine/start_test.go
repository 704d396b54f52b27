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
