package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

func put(tx *store.Tx, id string) error { return items.Put(tx, &item{ID: id, Name: "name of " + id}) }

func TestUpdateEach_SeesEarlierTransactions(t *testing.T) {
	db := newStore(t)
	n := 0
	var hooks []int
	require.NoError(t, db.UpdateEach("w", func(tx *store.Tx) (bool, error) {
		require.Len(t, keysOf(tx), n)
		n++
		at := n
		tx.OnCommit(func() { hooks = append(hooks, at) })
		return n < 5, put(tx, fmt.Sprint(n))
	}))
	require.Equal(t, []int{1, 2, 3, 4, 5}, hooks)
	view(t, db, "w", func(tx *store.Tx) { require.Len(t, keysOf(tx), 5) })
	require.NoError(t, db.Verify(items))
}

func TestUpdateEach_ErrorUndoesOneTransaction(t *testing.T) {
	db := newStore(t)
	errOwn := errors.New("own")
	n, hooks := 0, 0
	err := db.UpdateEach("w", func(tx *store.Tx) (bool, error) {
		n++
		tx.OnCommit(func() { hooks++ })
		if err := put(tx, fmt.Sprint(n)); err != nil {
			return false, err
		}
		if n == 3 {
			return true, errOwn
		}
		return true, nil
	})
	require.ErrorIs(t, err, errOwn)
	require.Equal(t, 2, hooks, "the earlier transactions are committed when it returns")
	view(t, db, "w", func(tx *store.Tx) { require.Equal(t, []string{"1", "2"}, keysOf(tx)) })
}

func TestUpdateEach_PanicKeepsEarlierTransactions(t *testing.T) {
	db := newStore(t)
	n := 0
	require.PanicsWithValue(t, "own", func() {
		_ = db.UpdateEach("w", func(tx *store.Tx) (bool, error) {
			if n++; n == 3 {
				panic("own")
			}
			return true, put(tx, fmt.Sprint(n))
		})
	})
	view(t, db, "w", func(tx *store.Tx) { require.Equal(t, []string{"1", "2"}, keysOf(tx)) })
	update(t, db, func(tx *store.Tx) { require.NoError(t, put(tx, "4")) })
}

// OpenSmall commits after 50 entries, so this takes several commits.
func TestUpdateEach_ManyCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := store.OpenSmall(path)
	require.NoError(t, err)
	addWorld(t, db, "w")
	n := 0
	require.NoError(t, db.UpdateEach("w", func(tx *store.Tx) (bool, error) {
		n++
		return n < 200, put(tx, fmt.Sprintf("%03d", n))
	}))
	require.NoError(t, db.Close())
	db, err = store.OpenSmall(path)
	require.NoError(t, err)
	defer db.Close()
	view(t, db, "w", func(tx *store.Tx) { require.Len(t, keysOf(tx), 200) })
	require.NoError(t, db.Verify(items))
}

func TestUpdateEach_NoWorld(t *testing.T) {
	db := newStore(t)
	require.ErrorIs(t, db.UpdateEach("nowhere", func(*store.Tx) (bool, error) { return true, nil }), store.ErrNoWorld)
}

func TestTable_FirstReturnsTheSmallestRow(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) {
		_, _, found := items.First(tx, "", "")
		require.False(t, found)
		for _, id := range []string{"b", "a", "ab"} {
			require.NoError(t, put(tx, id))
		}
	})
	require.NoError(t, db.Checkpoint("w", "c", nil))
	update(t, db, func(tx *store.Tx) {
		require.NoError(t, items.Delete(tx, "a"))
		key, raw, found := items.First(tx, "", "")
		require.True(t, found)
		require.Equal(t, "ab", key)
		require.Equal(t, "name of ab", items.Decode(key, raw).Name)
		key, _, _ = items.First(tx, "b", "")
		require.Equal(t, "b", key)
	})
}

// Names of partitions may have any byte. No partition overlaps another.
func TestTx_PartitionsWithZeroBytes(t *testing.T) {
	db := newStore(t)
	names := []string{"", "\x00", "\x00\x01", "\x00\xff", "a", "a\x00", "a\x00\x01b"}
	update(t, db, func(tx *store.Tx) {
		for _, name := range names {
			require.NoError(t, put(tx.In(name), "only"))
		}
		require.NoError(t, items.Delete(tx.In("a"), "only"))
	})
	view(t, db, "w", func(tx *store.Tx) {
		for _, name := range names {
			want := 1
			if name == "a" {
				want = 0
			}
			require.Len(t, keysOf(tx.In(name)), want, "%q", name)
		}
	})
	require.NoError(t, db.Verify(items))
}
