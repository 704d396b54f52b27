package store

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A hidden checkpoint can be read, and is in no list.
func TestViewCheckpoint_ReadsKeptState(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "sim.db"), Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	type thing struct{ Name, Value string }
	things := NewTable("things", func(v *thing) string { return v.Name }, JSON[thing]())
	put := func(value string) {
		require.NoError(t, db.Update("w", func(tx *Tx) error { return things.Put(tx, &thing{"a", value}) }))
	}
	require.NoError(t, db.Base("empty", func(*Tx) error { return nil }))
	require.NoError(t, db.CreateWorld("w", "empty", nil, nil))
	put("old")
	require.NoError(t, db.Checkpoint("w", Hidden+"1", nil))
	require.NoError(t, db.Checkpoint("w", "shown", nil))
	put("new")
	require.NoError(t, db.ViewCheckpoint("w", Hidden+"1", func(tx *Tx) error {
		got, err := things.Get(tx, "a")
		require.Equal(t, "old", got.Value)
		require.False(t, tx.Writable())
		return err
	}))
	w, err := db.World("w")
	require.NoError(t, err)
	require.Equal(t, []string{"shown"}, w.Checkpoints)
	hidden, err := db.HiddenCheckpoints("w")
	require.NoError(t, err)
	require.Equal(t, []string{Hidden + "1"}, hidden)
	none := func(*Tx) error { return nil }
	require.ErrorIs(t, db.ViewCheckpoint("w", "none", none), ErrNoCheckpoint)
	require.ErrorIs(t, db.ViewCheckpoint("v", "none", none), ErrNoWorld)
	_, err = db.HiddenCheckpoints("v")
	require.ErrorIs(t, err, ErrNoWorld)
}
