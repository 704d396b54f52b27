package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store/wal"
)

type note struct{ Name string }

var notes = NewTable("notes", func(n *note) string { return n.Name }, JSON[note]())

// openNotes opens a database and creates the world w in it.
func openNotes(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(path, Options{})
	require.NoError(t, err)
	require.NoError(t, db.Base("empty", func(*Tx) error { return nil }))
	require.NoError(t, db.CreateWorld("w", "empty", nil, nil))
	return db
}

func putNote(db *DB, name string) error {
	return db.Update("w", func(tx *Tx) error { return notes.Put(tx, &note{name}) })
}

// A process whose directory was removed leaves alone what another one has made in its place, and fails.
func TestOwned_NothingOfAnotherProcessIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(dir, "sim.db")
	require.NoError(t, os.Mkdir(dir, 0o700))
	a := openNotes(t, path)
	require.NoError(t, putNote(a, "of a"))
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.Mkdir(dir, 0o700))
	b := openNotes(t, path)
	require.NoError(t, putNote(b, "of b"))

	require.ErrorIs(t, a.Close(), ErrGone)
	require.ErrorIs(t, a.Err(), ErrGone)
	select {
	case <-a.Failed():
	default:
		require.Fail(t, "the failure is not told")
	}
	killed := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(killed, os.DirFS(dir)))
	require.NoError(t, b.Close())
	again, err := Open(filepath.Join(killed, "sim.db"), Options{})
	require.NoError(t, err)
	require.NoError(t, again.View("w", func(tx *Tx) error {
		require.True(t, notes.Has(tx, "of b"))
		require.False(t, notes.Has(tx, "of a"))
		return nil
	}))
	require.NoError(t, again.Close())
}

func TestOwned_CommitToANewLogFails(t *testing.T) {
	dir := t.TempDir()
	db := openNotes(t, filepath.Join(dir, "sim.db"))
	require.NoError(t, os.Rename(filepath.Join(dir, "sim.db"), filepath.Join(dir, "moved.db")))
	err := putNote(db, "a") // the first in the log
	require.ErrorIs(t, err, ErrGone)
	require.ErrorContains(t, err, "sim.db: it was removed or replaced while it was open")
	require.ErrorIs(t, putNote(db, "b"), ErrGone)
}

func TestOwned_MissingFilesAreNoticed(t *testing.T) {
	for name, pattern := range map[string]string{"database": "sim.db", "log": "sim.db.log.*"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				db := openNotes(t, filepath.Join(dir, "sim.db"))
				db.idle.stop() // so that the log stays
				db.idle.quit = make(chan struct{})
				require.NoError(t, putNote(db, "a"))
				time.Sleep(2 * lookEvery) //nolint:forbidigo // the clock of a bubble
				require.NoError(t, db.Err())
				found, err := filepath.Glob(filepath.Join(dir, pattern))
				require.NoError(t, err)
				require.Len(t, found, 1)
				require.NoError(t, os.Remove(found[0]))
				time.Sleep(lookEvery + time.Millisecond) //nolint:forbidigo // the clock of a bubble
				<-db.Failed()
				require.ErrorIs(t, db.Close(), ErrGone)
			})
		})
	}
}

func TestOwned_LogOfAnotherProcessIsNotTruncated(t *testing.T) {
	database := filepath.Join(t.TempDir(), "sim.db")
	l, err := wal.Create(database, 1, 1, false, 0)
	require.NoError(t, err)
	_, err = wal.Create(database, 1, 1, false, 0)
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoError(t, os.Rename(l.Name(), l.Name()+".moved"))
	require.NoError(t, os.WriteFile(l.Name(), []byte("other"), 0o600))
	require.ErrorContains(t, l.Remove(), "is gone or was replaced")
	require.FileExists(t, l.Name())
}

func TestTableNames_OfAllLayers(t *testing.T) {
	db := openNotes(t, filepath.Join(t.TempDir(), "sim.db"))
	other := NewTable("other", func(n *note) string { return n.Name }, JSON[note]())
	require.NoError(t, putNote(db, "a"))
	require.NoError(t, db.Checkpoint("w", "c", nil))
	require.NoError(t, db.Update("w", func(tx *Tx) error { return other.Put(tx.In("p"), &note{"b"}) }))
	require.NoError(t, db.Checkpoint("w", "d", nil))
	names, err := db.TableNames()
	require.NoError(t, err)
	require.Equal(t, []string{"notes", "other"}, names)
	require.NoError(t, db.Close())
}

func TestLastWall_IsKeptAndNeverGoesBack(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "sim.db"), time.UnixMilli(1_800_000_000_000)
	open := func() *DB {
		db, err := Open(path, Options{Wall: func() time.Time { return now }})
		require.NoError(t, err)
		return db
	}
	last := func(db *DB) time.Time {
		at, err := db.LastWall()
		require.NoError(t, err)
		return at
	}
	db := open()
	require.NoError(t, db.Base("empty", func(*Tx) error { return nil }))
	require.True(t, last(db).Equal(now))
	now = now.Add(time.Hour)
	require.NoError(t, db.Close())
	latest := now
	now = now.Add(-2 * time.Hour)
	db = open()
	require.True(t, last(db).Equal(latest))
	require.NoError(t, db.Close())
	db = open()
	require.True(t, last(db).Equal(latest))
	require.NoError(t, db.Close())
}
