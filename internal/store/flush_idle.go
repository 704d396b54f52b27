package store

import (
	"errors"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"
)

// idleFlusher writes what was committed, and the list of free pages, to the tree when nothing has been committed for a
// while. Later reads then look in one place, and the next Open has little to do.
type idleFlusher struct {
	signal chan struct{} // capacity 1
	quit   chan struct{}
	done   chan struct{}
}

// idleTime is how long nothing must have been committed. It is longer than the pauses of a client that waits for each
// response.
const idleTime = 100 * time.Millisecond

func (f *idleFlusher) start(db *DB) {
	f.signal, f.quit, f.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(f.done)
		pause := time.NewTimer(0)
		defer pause.Stop()
		for {
			select {
			case <-f.quit:
				return
			case <-f.signal:
			}
			if !f.run(db, pause) {
				return
			}
		}
	}()
}

// run waits until nothing has been committed for idleTime, and flushes. It returns false if it must quit.
func (f *idleFlusher) run(db *DB, pause *time.Timer) bool {
	for seen := uint64(math.MaxUint64); ; {
		now := db.readers.now()
		if now.now.empty() && !db.unlisted.Load() {
			return true
		}
		if seen == now.commit {
			if !db.flushAll() {
				return true
			}
			continue
		}
		seen = now.commit
		pause.Reset(idleTime)
		select {
		case <-f.quit:
			return false
		case <-pause.C:
		}
	}
}

// flushAll writes what was committed to the tree. It returns false if a retry would not help now: the store is closed,
// and Close writes the rest, or the disk fails, and the log keeps it.
func (db *DB) flushAll() bool {
	err := db.change(func(*bolt.Tx) error {
		db.listFree()
		return nil
	})
	if err != nil && !errors.Is(err, ErrClosed) {
		db.log.Error().Err(err).Msg(msgFlushFailed)
	}
	return err == nil
}

// wake is called after the first commit of a generation, and after a transaction of bbolt that listed no free pages.
func (f *idleFlusher) wake() {
	select {
	case f.signal <- struct{}{}:
	default:
	}
}

func (f *idleFlusher) stop() {
	close(f.quit)
	<-f.done
}
