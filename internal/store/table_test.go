package store_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// newStore returns an open file with a world "w" on an empty base.
func newStore(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	addWorld(t, db, "w")
	return db
}

func addWorld(t testing.TB, db *store.DB, name string) {
	t.Helper()
	require.NoError(t, db.Base("empty", func(*store.Tx) error { return nil }))
	require.NoError(t, db.CreateWorld(name, "empty", nil, nil))
}

func update(t testing.TB, db *store.DB, fn func(tx *store.Tx)) {
	t.Helper()
	require.NoError(t, db.Update("w", func(tx *store.Tx) error { fn(tx); return nil }))
}

func view(t testing.TB, db *store.DB, world string, fn func(tx *store.Tx)) {
	t.Helper()
	require.NoError(t, db.View(world, func(tx *store.Tx) error { fn(tx); return nil }))
}

func keysOf(tx *store.Tx) []string {
	var list []string
	for k := range items.Scan(tx, "", "") {
		list = append(list, k)
	}
	return list
}

func TestTable_Errors(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) {
		require.NoError(t, items.Insert(tx, &item{ID: "a", Name: "one"}))
		require.ErrorIs(t, items.Insert(tx, &item{ID: "a"}), store.ErrExists)
		require.ErrorIs(t, items.Insert(tx, &item{ID: "b", Name: "one"}), store.ErrExists)
		require.NoError(t, items.Put(tx, &item{ID: "a", Name: "one", N: 2}))
		require.ErrorIs(t, items.Delete(tx, "b"), store.ErrNotFound)
		_, err := items.Get(tx, "b")
		require.EqualError(t, err, `items "b": not found`)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorContains(t, items.Put(tx, &item{}), "key of 0 bytes")
		require.ErrorContains(t, items.Put(tx, &item{ID: strings.Repeat("k", 4097)}), "key of 4097 bytes")
		require.ErrorContains(t, items.Put(tx, &item{ID: "c", Name: strings.Repeat("n", 8193)}), "value of 8193 bytes")
		// the largest key and value, all bytes escaped
		long := item{ID: strings.Repeat("\x01", 4096), Name: strings.Repeat("\x00", 8192)}
		require.NoError(t, items.Insert(tx, &long))
	})
	view(t, db, "w", func(tx *store.Tx) {
		keys := slices.Collect(items.KeysBy(tx, "name", strings.Repeat("\x00", 8192)))
		require.Len(t, keys, 1)
		require.Panics(t, func() { _ = items.Put(tx, &item{ID: "x"}) }, "write in a read transaction")
		require.Panics(t, func() { tx.Rand() })
		require.Panics(t, func() { items.KeysBy(tx, "colour", "red") })
	})
	require.NoError(t, db.Verify(items))
	require.Panics(t, func() { itemTable("Items") })
	require.Panics(t, func() { itemTable("_random") })
	require.Panics(t, func() { itemTable("") })
}

func TestTable_UniqueValueIsFreeAfterDelete(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) {
		require.NoError(t, items.Insert(tx, &item{ID: "a", Name: "n"}))
		require.NoError(t, items.Insert(tx.In("east"), &item{ID: "z", Name: "n"}), "another partition")
	})
	require.NoError(t, db.Checkpoint("w", "c", nil)) // the old row is in a frozen layer from here on
	update(t, db, func(tx *store.Tx) {
		require.NoError(t, items.Delete(tx, "a"))
		require.NoError(t, items.Insert(tx, &item{ID: "b", Name: "n"}))
		require.Equal(t, []string{"b"}, slices.Collect(items.KeysBy(tx, "name", "n")))
	})
	require.NoError(t, db.Verify(items))
}

func TestTable_WritingWhileIterating(t *testing.T) {
	db := newStore(t)
	fill := func(tx *store.Tx) {
		for _, k := range []string{"a", "b", "c", "d", "e"} {
			require.NoError(t, items.Put(tx, &item{ID: k, Tags: []string{"t"}}))
		}
	}
	edit := func(tx *store.Tx, k string) {
		switch k {
		case "a":
			require.NoError(t, items.Delete(tx, "a"))
			require.NoError(t, items.Delete(tx, "b"))
		case "c":
			require.NoError(t, items.Put(tx, &item{ID: "aa", Tags: []string{"t"}})) // before the iterator: not yielded
			require.NoError(t, items.Put(tx, &item{ID: "cc", Tags: []string{"t"}})) // ahead: yielded
			require.NoError(t, items.Put(tx, &item{ID: "d", N: 7, Tags: []string{"t"}}))
		case "e":
			require.NoError(t, items.Put(tx, &item{ID: "f", Tags: []string{"t"}}))
		}
	}
	seen := []string{"a", "c", "cc", "d", "e", "f"}
	frozen := func(freeze bool) func(t *testing.T) {
		return func(t *testing.T) {
			require.NoError(t, db.Reset("w", nil))
			if freeze {
				update(t, db, fill)
				require.NoError(t, db.Checkpoint("w", "c", nil))
			}
			update(t, db, func(tx *store.Tx) {
				if !freeze {
					fill(tx)
				}
				var got []string
				for k, row := range items.All(tx, "", "") {
					got = append(got, k)
					edit(tx, k)
					require.Equal(t, k == "d", row.N == 7)
				}
				require.Equal(t, seen, got)
				require.Equal(t, []string{"aa", "c", "cc", "d", "e", "f"}, keysOf(tx))
			})
			require.NoError(t, db.Verify(items))
			update(t, db, func(tx *store.Tx) {
				fill(tx)
				require.NoError(t, items.Delete(tx, "cc"))
				var got []string
				for k := range items.By(tx, "tag", "t") {
					got = append(got, k)
					edit(tx, k)
				}
				require.Equal(t, []string{"a", "aa", "c", "cc", "d", "e", "f"}, got)
			})
		}
	}
	t.Run("rows of this transaction", frozen(false))
	t.Run("rows of frozen layers", frozen(true))
}

func TestTable_RowsOutliveTheTransaction(t *testing.T) {
	db := newStore(t)
	var kept []string
	update(t, db, func(tx *store.Tx) {
		for i := range 500 {
			require.NoError(t, items.Put(tx, &item{ID: fmt.Sprintf("%03d", i)}))
		}
	})
	view(t, db, "w", func(tx *store.Tx) { kept = keysOf(tx) })
	update(t, db, func(tx *store.Tx) {
		for k := range items.Scan(tx, "", "") {
			require.NoError(t, items.Put(tx, &item{ID: k, N: 1}))
		}
	})
	for i, k := range kept {
		require.Equal(t, fmt.Sprintf("%03d", i), k)
	}
}

func TestTx_UsedAfterItsEndPanics(t *testing.T) {
	db := newStore(t)
	var kept *store.Tx
	update(t, db, func(tx *store.Tx) { kept = tx })
	require.Panics(t, func() { items.Has(kept, "a") })
	view(t, db, "w", func(tx *store.Tx) { kept = tx })
	require.Panics(t, func() { items.Has(kept, "a") })
}

func TestTx_ManyPartitions(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) {
		for i := range 100 {
			require.NoError(t, items.Insert(tx.In(fmt.Sprint("p", i)), &item{ID: "a", N: i}))
		}
	})
	view(t, db, "w", func(tx *store.Tx) {
		for i := range 100 {
			row, err := items.Get(tx.In(fmt.Sprint("p", i)), "a")
			require.NoError(t, err)
			require.Equal(t, i, row.N)
		}
		require.Empty(t, keysOf(tx))
	})
	require.NoError(t, db.Verify(items))
}

func TestCorruptRowIsAnError(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) { require.NoError(t, items.Put(tx, &item{ID: "a", Name: "n"})) })
	require.NoError(t, db.Spoil("w", "items", "a", []byte{1, 0, '{'}))
	read := func(tx *store.Tx) error {
		for range items.All(tx, "", "") {
		}
		return nil
	}
	for _, err := range []error{db.View("w", read), db.Update("w", read)} {
		var corrupt *store.CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, "items", corrupt.Table)
		require.Equal(t, "a", corrupt.Key)
	}
	require.ErrorContains(t, db.Verify(items), `row items "a" is damaged`)
	require.NoError(t, db.Spoil("w", "items", "a", []byte(`{`)))
	require.Error(t, db.Verify(items))
}

func TestVerify_FindsRowsWithoutIndex(t *testing.T) {
	db := newStore(t)
	require.NoError(t, db.Spoil("w", "items", "a", append([]byte{1, 0}, `{"ID":"a","Name":"n"}`...)))
	err := db.Verify(items)
	require.ErrorContains(t, err, "stored index entries are not those of the row")
	require.ErrorContains(t, err, "index name: no entry")
}

func TestRand_SameSeedSameDraws(t *testing.T) {
	db := newStore(t)
	addWorld(t, db, "other")
	draw := func(world string) (list []string) {
		require.NoError(t, db.Update(world, func(tx *store.Tx) error {
			tx.SetSeed(7)
			for range 3 {
				list = append(list, tx.In("east").NewUUID().String(), fmt.Sprint(tx.Rand().IntN(1000)))
			}
			return nil
		}))
		return list
	}
	first := draw("w")
	require.Equal(t, first, draw("other"))
	require.NotEqual(t, first, draw("w"), "the counter goes on")
	require.NoError(t, db.Reset("w", nil))
	require.Equal(t, first, draw("w"))
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, first[0])
}
