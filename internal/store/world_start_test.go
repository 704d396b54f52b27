package store_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// starts are the ways in which a world gets its start. Each puts the world "v" on the row "base" and on what next
// writes.
var starts = map[string]func(db *store.DB, meta json.RawMessage, next func(*store.Tx) (bool, error)) error{
	"CreateWorld": func(db *store.DB, meta json.RawMessage, next func(*store.Tx) (bool, error)) error {
		return db.CreateWorld("v", "base", meta, next)
	},
	"Fork of the present": func(db *store.DB, meta json.RawMessage, next func(*store.Tx) (bool, error)) error {
		return db.Fork("w", "", "v", meta, next)
	},
	"Fork of a checkpoint": func(db *store.DB, meta json.RawMessage, next func(*store.Tx) (bool, error)) error {
		return db.Fork("w", "c", "v", meta, next)
	},
	"ResetTo": func(db *store.DB, meta json.RawMessage, next func(*store.Tx) (bool, error)) error {
		return db.ResetTo("v", "base", meta, next)
	},
	"Replace": func(db *store.DB, meta json.RawMessage, next func(*store.Tx) (bool, error)) error {
		return db.Replace("v", func(tx *store.Tx) (json.RawMessage, error) { return meta, put(tx, "base") }, next)
	},
}

// newStarts returns a store with the base "base", whose one row is "base", and a world "w" on it with a checkpoint "c".
// If the start needs an existing world, "v" exists, with the row "old" and the meta "old".
func newStarts(t *testing.T, start string) (db *store.DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "db")
	db, err := store.Open(path, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.Base("base", func(tx *store.Tx) error { return put(tx, "base") }))
	require.NoError(t, db.CreateWorld("w", "base", nil, nil))
	require.NoError(t, db.Checkpoint("w", "c", nil))
	if start == "ResetTo" || start == "Replace" {
		require.NoError(t, db.CreateWorld("v", "base", json.RawMessage(`"old"`), nil))
		require.NoError(t, db.Update("v", func(tx *store.Tx) error { return put(tx, "old") }))
	}
	return db, path
}

// copyFiles copies a database and its logs as they are now.
func copyFiles(path, dir string) error {
	files, err := filepath.Glob(path + "*")
	if err != nil {
		return err
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(name)), content, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// What a process leaves that is killed right after the commit has the whole start. The hook of a transaction runs
// before any other commit.
func TestStart_IsOneCommit(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			db, path := newStarts(t, name)
			before, after := t.TempDir(), t.TempDir()
			calls, hooks := 0, 0
			require.NoError(t, start(db, json.RawMessage(`"new"`), func(tx *store.Tx) (bool, error) {
				calls++
				if calls == 2 {
					require.Equal(t, []string{"base", "first"}, keysOf(tx), "it sees what the one before it wrote")
					return false, put(tx, "second")
				}
				require.Equal(t, "v", tx.World())
				require.Equal(t, `"new"`, string(tx.Meta()))
				require.Equal(t, []string{"base"}, keysOf(tx))
				require.NoError(t, copyFiles(path, before))
				tx.OnCommit(func() {
					hooks++
					if err := copyFiles(path, after); err != nil {
						t.Error(err)
					}
				})
				return true, put(tx, "first")
			}))
			require.Equal(t, 2, calls)
			require.Equal(t, 1, hooks)

			whole := func(db *store.DB) {
				t.Helper()
				w, err := db.World("v")
				require.NoError(t, err)
				require.Equal(t, `"new"`, string(w.Meta))
				read := func(tx *store.Tx) error {
					require.Equal(t, []string{"base", "first", "second"}, keysOf(tx))
					return nil
				}
				require.NoError(t, db.View("v", read))
				require.NoError(t, db.ViewStart("v", read))
				require.NoError(t, db.Update("v", func(tx *store.Tx) error { return put(tx, "later") }))
				require.NoError(t, db.Reset("v", nil))
				require.NoError(t, db.View("v", read))
				require.NoError(t, db.Verify(items))
			}
			whole(db)
			reopened, err := store.Open(filepath.Join(after, "db"), store.Options{})
			require.NoError(t, err)
			whole(reopened)
			require.NoError(t, reopened.Close())

			reopened, err = store.Open(filepath.Join(before, "db"), store.Options{})
			require.NoError(t, err)
			unstarted(t, reopened, name)
			require.NoError(t, reopened.Close())
		})
	}
}

func TestStart_ErrorLeavesNothing(t *testing.T) {
	errOwn := errors.New("own")
	for name, start := range starts {
		for end, want := range map[string]error{"error": errOwn, "panic": nil, "damaged row": &store.CorruptError{}} {
			t.Run(name+", "+end, func(t *testing.T) {
				db, _ := newStarts(t, name)
				require.True(t, db.FlushAll())
				layers, _, err := db.Layers("w")
				require.NoError(t, err)
				calls := 0
				next := func(tx *store.Tx) (bool, error) {
					tx.OnCommit(func() { t.Error("hook of a failed start") })
					if calls++; calls == 1 {
						return true, put(tx, "first")
					}
					require.NoError(t, put(tx, "second"))
					switch end {
					case "panic":
						panic(errOwn)
					case "damaged row":
						panic(&store.CorruptError{})
					}
					return false, errOwn
				}
				run := func() error { return start(db, json.RawMessage(`"new"`), next) }
				switch {
				case want == nil:
					require.PanicsWithValue(t, errOwn, func() { _ = run() })
				case end == "damaged row":
					require.ErrorAs(t, run(), new(*store.CorruptError))
				default:
					require.Equal(t, errOwn, run())
				}
				unstarted(t, db, name)
				require.NoError(t, db.Tidy())
				left, _, err := db.Layers("w")
				require.NoError(t, err)
				require.Equal(t, layers, left, "layers")
			})
		}
	}
}

// unstarted checks that the world "v" is what it was, or is not there.
func unstarted(t *testing.T, db *store.DB, start string) {
	t.Helper()
	w, err := db.World("v")
	if start == "ResetTo" || start == "Replace" {
		require.NoError(t, err)
		require.Equal(t, `"old"`, string(w.Meta))
		view(t, db, "v", func(tx *store.Tx) { require.Equal(t, []string{"base", "old"}, keysOf(tx)) })
	} else {
		require.ErrorIs(t, err, store.ErrNoWorld)
	}
	view(t, db, "w", func(tx *store.Tx) { require.Equal(t, []string{"base"}, keysOf(tx)) })
	require.NoError(t, db.Verify(items))
}
