package store_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// An Update that fails because of another's write returns only after that write is committed. Otherwise a client that
// is refused because a name is taken could not find the owner of the name, and after kill -9 there would be none.
func TestUpdate_RefusalWaitsForTheCommitItRead(t *testing.T) {
	db := newStore(t)
	errTaken := errors.New("taken")
	writing, queued, refused := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		err := db.Update("w", func(tx *store.Tx) error {
			close(writing)
			<-queued
			return items.Put(tx, &item{ID: "a"})
		})
		if err != nil {
			t.Error(err)
		}
	})
	receive(t, writing)
	work.Go(func() {
		err := db.Update("w", func(tx *store.Tx) error {
			if _, err := items.Get(tx, "a"); err != nil {
				return err
			}
			return errTaken
		})
		close(refused)
		if !errors.Is(err, errTaken) {
			t.Error(err)
		}
		view(t, db, "w", func(tx *store.Tx) { require.Equal(t, []string{"a"}, keysOf(tx)) })
	})
	db.WaitQueued(1)
	work.Go(func() {
		err := db.Update("w", func(*store.Tx) error {
			for range 10_000 { // the refused Update has every chance to return too early
				runtime.Gosched()
			}
			select {
			case <-refused:
				t.Error("the refusal came before the commit")
			default:
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	db.WaitQueued(2)
	close(queued)
	await(t, &work)
}
