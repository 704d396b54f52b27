package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

func TestMemo_HoldsUntilTheNextWrite(t *testing.T) {
	db := newStore(t)
	var asked atomic.Int64
	memo := store.NewMemo(func(tx *store.Tx) int {
		asked.Add(1)
		n := 0
		for range items.Scan(tx, "", "") {
			n++
		}
		return n
	})
	count := func(partition string) (n int) {
		require.NoError(t, db.View("w", func(tx *store.Tx) error {
			n = memo.Of(tx.In(partition))
			return nil
		}))
		return n
	}
	add := func(partition, id string) {
		require.NoError(t, db.Update("w", func(tx *store.Tx) error {
			require.NoError(t, items.Put(tx.In(partition), &item{ID: id}))
			in := tx.In(partition)
			require.Equal(t, countRows(in), memo.Of(in), "a write transaction sees what it wrote")
			return nil
		}))
	}
	require.Zero(t, count(""))
	require.Zero(t, count(""))
	require.EqualValues(t, 1, asked.Load(), "the second reader shares the first one's value")

	add("", "a")
	require.Equal(t, 1, count(""))
	require.Zero(t, count("p"), "each partition has a value of its own")
	add("p", "b")
	add("p", "c")
	require.Equal(t, 2, count("p"))
	require.Equal(t, 1, count(""))
}

func countRows(tx *store.Tx) (n int) {
	for range items.Scan(tx, "", "") {
		n++
	}
	return n
}

// A reader that began before a write sees the state that it began with, and the write does not wait for it.
func TestReaders_SeeOneState(t *testing.T) {
	db := newStore(t)
	require.NoError(t, db.View("w", func(tx *store.Tx) error {
		require.NoError(t, db.Update("w", func(tx *store.Tx) error { return items.Put(tx, &item{ID: "a"}) }))
		require.False(t, items.Has(tx, "a"))
		return db.View("w", func(later *store.Tx) error {
			require.True(t, items.Has(later, "a"))
			require.False(t, items.Has(tx, "a"))
			return nil
		})
	}))
}

// Writers let the file outgrow its mapping again and again, while readers always have a transaction open.
func TestReaders_NeverStopWriters(t *testing.T) {
	db, err := store.OpenSmall(filepath.Join(t.TempDir(), "db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	addWorld(t, db, "w")
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			seen := 0
			for {
				select {
				case <-done:
					return
				default:
				}
				n := 0
				_ = db.View("w", func(tx *store.Tx) error { n = countRows(tx); return nil })
				if n < seen {
					t.Errorf("%d rows after %d", n, seen)
					return
				}
				seen = n
			}
		})
	}
	for w := range 4 {
		writers.Go(func() {
			for i := range 150 {
				row := item{ID: fmt.Sprintf("%d-%d", w, i), Name: fmt.Sprint(w, i, strings.Repeat("x", 4000))}
				if err := db.Update("w", func(tx *store.Tx) error { return items.Put(tx, &row) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	await(t, &writers)
	close(done)
	await(t, &readers)
	require.NoError(t, db.View("w", func(tx *store.Tx) error {
		require.Equal(t, 600, countRows(tx))
		return nil
	}))
}
