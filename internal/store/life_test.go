package store_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// Every way to put a world on another state begins a life, and ends the one before. Nothing else does.
func TestLife_BeginsWithEveryNewState(t *testing.T) {
	db := newStore(t)
	require.NoError(t, db.Checkpoint("w", "c", nil))
	begun := func(call func() error) bool {
		before, err := db.Life("w")
		require.NoError(t, err)
		require.False(t, before.Ended())
		require.NoError(t, call())
		after, err := db.Life("w")
		if errors.Is(err, store.ErrNoWorld) {
			return before.Ended()
		}
		require.NoError(t, err)
		require.NoError(t, db.View("w", func(tx *store.Tx) error {
			require.Equal(t, after.Number, tx.Life())
			return nil
		}))
		require.NoError(t, db.Update("w", func(tx *store.Tx) error {
			require.Equal(t, after.Number, tx.Life())
			return nil
		}))
		require.Equal(t, before.Ended(), after.Number > before.Number)
		return before.Ended()
	}
	nothing := func(*store.Tx) (bool, error) { return false, nil }
	require.True(t, begun(func() error { return db.Reset("w", nil) }), "reset")
	require.True(t, begun(func() error { return db.Restore("w", "c", nothing) }), "restore")
	require.True(t, begun(func() error { return db.ResetTo("w", "empty", nil, nil) }), "reset to a base")
	require.True(t, begun(func() error {
		return db.Replace("w", func(*store.Tx) (meta json.RawMessage, err error) { return nil, nil }, nil)
	}), "replace")
	require.False(t, begun(func() error { return db.Checkpoint("w", "c", nil) }), "checkpoint")
	require.False(t, begun(func() error { return db.Fork("w", "c", "v", nil, nil) }), "fork")
	require.False(t, begun(func() error { return db.SetMeta("w", nil) }), "meta")
	require.False(t, begun(func() error {
		failed := db.Restore("w", "c", func(*store.Tx) (bool, error) { return false, errors.ErrUnsupported })
		require.ErrorIs(t, failed, errors.ErrUnsupported)
		return nil
	}), "a restore that fails")
	require.True(t, begun(func() error { return db.DeleteWorld("w") }), "delete")
}

// What Restore's function writes is on top of the checkpoint, and it can read the checkpoint's meta.
func TestRestore_RunsOnTheCheckpoint(t *testing.T) {
	db := newStore(t)
	put := func(tx *store.Tx, name string) { require.NoError(t, items.Put(tx, &item{ID: "a", Name: name})) }
	require.NoError(t, db.Update("w", func(tx *store.Tx) error { put(tx, "kept"); return nil }))
	require.NoError(t, db.Checkpoint("w", "c", func(tx *store.Tx) (json.RawMessage, error) {
		got, err := items.Get(tx, "a")
		return json.RawMessage(`"` + got.Name + `"`), err
	}))
	require.NoError(t, db.Update("w", func(tx *store.Tx) error { put(tx, "later"); return nil }))
	require.NoError(t, db.Restore("w", "c", func(tx *store.Tx) (bool, error) {
		got, err := items.Get(tx, "a")
		require.Equal(t, "kept", got.Name)
		require.JSONEq(t, `"kept"`, string(tx.Origin()))
		put(tx, "above")
		return false, err
	}))
	require.NoError(t, db.View("w", func(tx *store.Tx) error {
		got, err := items.Get(tx, "a")
		require.Equal(t, "above", got.Name)
		require.Nil(t, tx.Origin())
		return err
	}))
	meta, err := db.CheckpointMeta("w", "c")
	require.NoError(t, err)
	require.JSONEq(t, `"kept"`, string(meta))
	require.NoError(t, db.Verify(items))
}
