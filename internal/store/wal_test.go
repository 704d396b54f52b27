package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// left returns a directory with a database and its log, neither of them open. The row "before" is in the tree. The rows
// "0", "1" and so on are only in the log, each in a commit of its own.
func left(t *testing.T, commits int) string {
	t.Helper()
	db := newStore(t)
	update(t, db, func(tx *store.Tx) { require.NoError(t, put(tx, "before")) })
	require.NoError(t, db.Checkpoint("w", "c", nil))
	for i := range commits {
		update(t, db, func(tx *store.Tx) { require.NoError(t, put(tx, fmt.Sprint(i))) })
	}
	dir := t.TempDir()
	_, err := db.CopyTo(dir)
	require.NoError(t, err)
	return dir
}

// logOf returns the only log in a directory.
func logOf(t *testing.T, dir string) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log.*"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	return logs[0]
}

// keysIn opens a copy of a directory and returns the keys of its rows.
func keysIn(t *testing.T, dir string) (keys []string, err error) {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	db, err := store.Open(filepath.Join(to, "db"), store.Options{})
	if err != nil {
		require.ErrorIs(t, err, store.ErrNotStore)
		for _, file := range []string{filepath.Join(dir, "db"), logOf(t, dir)} {
			was, err := os.ReadFile(file)
			require.NoError(t, err)
			is, err := os.ReadFile(filepath.Join(to, filepath.Base(file)))
			require.NoError(t, err)
			require.True(t, bytes.Equal(was, is), "%s was changed", file)
		}
		return nil, err
	}
	view(t, db, "w", func(tx *store.Tx) { keys = keysOf(tx) })
	require.NoError(t, db.Verify(items))
	require.NoError(t, db.Close())
	names, err := filepath.Glob(filepath.Join(to, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(to, "db")}, names, "the log is in the tree, and gone")
	return keys, nil
}

func TestLog_IsReplayed(t *testing.T) {
	keys, err := keysIn(t, left(t, 3))
	require.NoError(t, err)
	require.Equal(t, []string{"0", "1", "2", "before"}, keys)
}

// A process that is killed while it writes leaves the beginning of a record, which was never acknowledged.
func TestLog_CutOffAnywhere(t *testing.T) {
	dir := left(t, 3)
	whole, err := os.ReadFile(logOf(t, dir))
	require.NoError(t, err)
	seen := map[int]bool{}
	for size := range whole {
		require.NoError(t, os.WriteFile(logOf(t, dir), whole[:size], 0o600))
		keys, err := keysIn(t, dir)
		require.NoError(t, err, size)
		require.Equal(t, []string{"0", "1", "2"}[:len(keys)-1], keys[:len(keys)-1], "a commit without those before it")
		seen[len(keys)-1] = true
	}
	require.Equal(t, map[int]bool{0: true, 1: true, 2: true}, seen)
	require.NoError(t, os.WriteFile(logOf(t, dir), append(whole, make([]byte, 100)...), 0o600))
	keys, err := keysIn(t, dir)
	require.NoError(t, err, "zeros, as after a power loss")
	require.Len(t, keys, 4)
}

func TestLog_FlippedBit(t *testing.T) {
	dir := left(t, 2)
	whole, err := os.ReadFile(logOf(t, dir))
	require.NoError(t, err)
	for at := range whole {
		whole[at] ^= 1 << (at % 8)
		require.NoError(t, os.WriteFile(logOf(t, dir), whole, 0o600))
		_, err := keysIn(t, dir)
		require.ErrorContains(t, err, "damaged log", "byte %d", at)
		whole[at] ^= 1 << (at % 8)
	}
}

func TestLog_OfAnotherFile(t *testing.T) {
	dir, other := left(t, 2), t.TempDir()
	db, err := store.Open(filepath.Join(other, "db"), store.Options{})
	require.NoError(t, err)
	addWorld(t, db, "w")
	for i := range 5 {
		require.NoError(t, db.Checkpoint("w", fmt.Sprint(i), nil))
	}
	require.NoError(t, db.Close())
	content, err := os.ReadFile(filepath.Join(other, "db"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "db"), content, 0o600))
	_, err = keysIn(t, dir)
	require.ErrorContains(t, err, "another state")

	require.NoError(t, os.Remove(filepath.Join(dir, "db")))
	_, err = store.Open(filepath.Join(dir, "db"), store.Options{})
	require.ErrorContains(t, err, "its database does not")
	require.NoFileExists(t, filepath.Join(dir, "db"))
}

// A process may be killed after a log was written to the tree and before it is deleted.
func TestLog_AlreadyInTheTree(t *testing.T) {
	dir := left(t, 1)
	log, err := os.ReadFile(logOf(t, dir))
	require.NoError(t, err)
	db, err := store.Open(filepath.Join(dir, "db"), store.Options{})
	require.NoError(t, err)
	update(t, db, func(tx *store.Tx) { require.NoError(t, items.Delete(tx, "0")) })
	require.NoError(t, db.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "db.log.1"), log, 0o600))
	keys, err := keysIn(t, dir)
	require.NoError(t, err)
	require.Equal(t, []string{"before"}, keys)
}

// If the disk is too full for the tree, commits stay in the log, and writes fail when the log has too many.
func TestUpdate_TreeThatCannotGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := store.OpenSmall(path)
	require.NoError(t, err)
	addWorld(t, db, "w")
	db.SetMaxTree(1)
	written := 0
	for err == nil {
		err = db.Update("w", func(tx *store.Tx) error { return put(tx, fmt.Sprintf("%04d", written)) })
		if err == nil {
			written++
		}
		require.Less(t, written, 1000, "grows without bound")
	}
	require.ErrorContains(t, err, "store: commit")
	view(t, db, "w", func(tx *store.Tx) { require.Len(t, keysOf(tx), written) })
	require.Error(t, db.Checkpoint("w", "c", nil))

	dir := t.TempDir()
	copied, err := db.CopyTo(dir)
	require.NoError(t, err)
	after, err := store.Open(copied, store.Options{})
	require.NoError(t, err, "what a process leaves that is killed now")
	view(t, after, "w", func(tx *store.Tx) { require.Len(t, keysOf(tx), written) })
	require.NoError(t, after.Verify(items))
	require.NoError(t, after.Close())

	db.SetMaxTree(0)
	update(t, db, func(tx *store.Tx) { require.NoError(t, put(tx, "more")) })
	require.NoError(t, db.Checkpoint("w", "c", nil))
	require.NoError(t, db.Close())
	db, err = store.Open(path, store.Options{})
	require.NoError(t, err)
	view(t, db, "w", func(tx *store.Tx) { require.Len(t, keysOf(tx), written+1) })
	require.NoError(t, db.Verify(items))
	require.NoError(t, db.Close())
}

func TestOptions_SyncDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := store.Open(path, store.Options{SyncDisk: true})
	require.NoError(t, err)
	addWorld(t, db, "w")
	update(t, db, func(tx *store.Tx) { require.NoError(t, put(tx, "a")) })
	copied, err := db.CopyTo(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, db.Close())
	after, err := store.Open(copied, store.Options{SyncDisk: true})
	require.NoError(t, err)
	view(t, after, "w", func(tx *store.Tx) { require.Equal(t, []string{"a"}, keysOf(tx)) })
	require.NoError(t, after.Close())
}
