package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

func TestUpdate_ConcurrentWritersFailAlone(t *testing.T) {
	db := newStore(t)
	const writers, each = 16, 60
	errOwn := errors.New("own")
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				row := &item{ID: fmt.Sprintf("%02d-%03d", w, i), Name: fmt.Sprint(w, "/", i)}
				put := func(end func() error) error {
					return db.Update("w", func(tx *store.Tx) error {
						if err := items.Insert(tx, row); err != nil {
							return err
						}
						return end()
					})
				}
				switch i % 4 {
				case 0:
					if err := put(func() error { return errOwn }); !errors.Is(err, errOwn) {
						t.Errorf("got %v", err)
					}
				case 1:
					func() {
						defer func() {
							if r := recover(); r != row {
								t.Errorf("panic with %v", r)
							}
						}()
						_ = put(func() error { panic(row) })
					}()
				case 2:
					var gone sync.WaitGroup
					gone.Go(func() {
						_ = put(func() error { runtime.Goexit(); return nil })
						t.Error("went on after Goexit")
					})
					gone.Wait()
				default:
					if err := put(func() error { return nil }); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	await(t, &wg)
	view(t, db, "w", func(tx *store.Tx) {
		keys := keysOf(tx)
		require.Len(t, keys, writers*each/4)
		for _, k := range keys {
			require.Contains(t, "37159", k[len(k)-1:], "row of a failed function")
		}
	})
	require.NoError(t, db.Verify(items))
}

func TestUpdate_SeesEarlierWritersOfTheSameCommit(t *testing.T) {
	db := newStore(t)
	const writers, each = 8, 200
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				err := db.Update("w", func(tx *store.Tx) error {
					row, _ := items.Get(tx, "counter")
					return items.Put(tx, &item{ID: "counter", N: row.N + 1})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	await(t, &wg)
	view(t, db, "w", func(tx *store.Tx) {
		row, err := items.Get(tx, "counter")
		require.NoError(t, err)
		require.Equal(t, writers*each, row.N)
	})
}

func TestOnCommit_RunsInCommitOrder(t *testing.T) {
	db := newStore(t)
	const writers, each = 8, 50
	var order, hooks []int // the store orders both
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				done := false
				err := db.Update("w", func(tx *store.Tx) error {
					row, _ := items.Get(tx, "n")
					n := row.N + 1
					if i%5 == 0 {
						tx.OnCommit(func() { t.Error("hook of a failed function") })
						return errModel
					}
					tx.OnCommit(func() {
						hooks = append(hooks, n)
						err := db.View("w", func(tx *store.Tx) error {
							if row, _ := items.Get(tx, "n"); row.N < n {
								t.Errorf("hook %d ran before its commit, there is %d", n, row.N)
							}
							return nil
						})
						if err != nil {
							t.Error(err)
						}
						done = true
					})
					return items.Put(tx, &item{ID: "n", N: n})
				})
				if (err == nil) != done {
					t.Errorf("writer %d: %v, hook ran: %t", w, err, done)
				}
			}
		})
	}
	await(t, &wg)
	for i := range writers * each * 4 / 5 {
		order = append(order, i+1)
	}
	require.Equal(t, order, hooks)
}

func TestOnCommit_PanicReachesItsCaller(t *testing.T) {
	db := newStore(t)
	require.PanicsWithValue(t, "hook", func() {
		_ = db.Update("w", func(tx *store.Tx) error {
			tx.OnCommit(func() { panic("hook") })
			return items.Put(tx, &item{ID: "a"})
		})
	})
	view(t, db, "w", func(tx *store.Tx) { require.Equal(t, []string{"a"}, keysOf(tx)) })
	update(t, db, func(*store.Tx) {})
}

func TestUpdate_FailedCommitChangesNothing(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) { require.NoError(t, items.Put(tx, &item{ID: "a"})) })
	db.SetMaxSize(1)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			err := db.Update("w", func(tx *store.Tx) error {
				tx.OnCommit(func() { t.Error("hook without commit") })
				for i := range 100 {
					if err := items.Put(tx, &item{ID: fmt.Sprint(w, "-", i), Name: fmt.Sprint(w, "-", i)}); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil {
				t.Error("committed beyond the limit")
			}
		})
	}
	await(t, &wg)
	db.SetMaxSize(0)
	view(t, db, "w", func(tx *store.Tx) { require.Equal(t, []string{"a"}, keysOf(tx)) })
	update(t, db, func(tx *store.Tx) { require.NoError(t, items.Put(tx, &item{ID: "b"})) })
	view(t, db, "w", func(tx *store.Tx) { require.Equal(t, []string{"a", "b"}, keysOf(tx)) })
	require.NoError(t, db.Verify(items))
}

func TestView_DoesNotWaitForWriters(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) {
		require.NoError(t, items.Put(tx, &item{ID: "a"}))
		view(t, db, "w", func(tx *store.Tx) { require.Empty(t, keysOf(tx)) }) // would hang
	})
}

func TestClose_WaitsForTransactions(t *testing.T) {
	db := newStore(t)
	inside, closing := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := db.Update("w", func(tx *store.Tx) error {
			close(inside)
			<-closing
			return items.Put(tx, &item{ID: "a"})
		})
		if err != nil {
			t.Error(err)
		}
	})
	receive(t, inside)
	wg.Go(func() {
		close(closing)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	await(t, &wg)
	nothing := func(*store.Tx) error { return nil }
	require.ErrorIs(t, db.Close(), store.ErrClosed)
	require.ErrorIs(t, db.View("w", nothing), store.ErrClosed)
	require.ErrorIs(t, db.Update("w", nothing), store.ErrClosed)
	require.ErrorIs(t, db.Checkpoint("w", "c", nil), store.ErrClosed)
	require.ErrorIs(t, db.Base("b", nothing), store.ErrClosed)
	require.ErrorIs(t, db.Verify(), store.ErrClosed)
	_, err := db.Worlds()
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = db.WorldNames()
	require.ErrorIs(t, err, store.ErrClosed)
}

// Close writes what the idle flusher cannot write any more because Close has begun.
func TestClose_WhileIdleFlusherIsAboutToWrite(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) { require.NoError(t, put(tx, "a")) })
	receive(t, db.FlushIdleWhileClosing()) // would hang if the idle flusher retried on a closed store
	require.NoError(t, db.Close())
}

// The list of free pages is written once nothing is committed for a while, so that it is there if the process is
// killed.
func TestIdleFlusher_ListsFreePages(t *testing.T) {
	db := newStore(t)
	listed := func() bool {
		file, err := db.CopyTo(t.TempDir())
		require.NoError(t, err)
		listed, err := store.FreeListed(file)
		require.NoError(t, err)
		return listed
	}
	for _, change := range []func(){
		func() { update(t, db, func(tx *store.Tx) { require.NoError(t, put(tx, "a")) }) },
		func() { require.NoError(t, db.Checkpoint("w", "c", nil)) },
	} {
		change()
		require.Eventually(t, listed, 10*time.Second, 5*time.Millisecond)
	}
}

// Under constant load, the list of free pages is written with each flush.
func TestFlush_ListsFreePages(t *testing.T) {
	db, err := store.OpenSmall(filepath.Join(t.TempDir(), "db"))
	require.NoError(t, err)
	defer db.Close()
	addWorld(t, db, "w")
	for i := range 100 {
		for k := range 25 {
			update(t, db, func(tx *store.Tx) { require.NoError(t, put(tx, fmt.Sprint(i, "-", k))) })
		}
		file, err := db.CopyTo(t.TempDir())
		require.NoError(t, err)
		listed, err := store.FreeListed(file)
		require.NoError(t, err)
		if listed {
			return
		}
	}
	t.Fatal("never")
}
