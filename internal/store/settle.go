package store

import (
	"errors"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"
)

// settler writes to the tree what was committed, and the list of free pages, when nothing has been committed for a while: what
// is asked for then is found in one place, and whoever opens the file next has little to do.
type settler struct {
	signal chan struct{} // capacity 1
	quit   chan struct{}
	done   chan struct{}
}

// settleAfter is how long nothing must have been committed. It is longer than the pauses of a client that waits for answers.
const settleAfter = 100 * time.Millisecond

func (s *settler) start(db *DB) {
	s.signal, s.quit, s.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.done)
		pause := time.NewTimer(0)
		defer pause.Stop()
		for {
			select {
			case <-s.quit:
				return
			case <-s.signal:
			}
			if !s.settle(db, pause) {
				return
			}
		}
	}()
}

// settle answers false when it is to end.
func (s *settler) settle(db *DB, pause *time.Timer) bool {
	for seen := uint64(math.MaxUint64); ; {
		now := db.readers.now()
		if now.now.empty() && !db.unlisted.Load() {
			return true
		}
		if seen == now.commit {
			if !db.settled() {
				return true
			}
			continue
		}
		seen = now.commit
		pause.Reset(settleAfter)
		select {
		case <-s.quit:
			return false
		case <-pause.C:
		}
	}
}

// settled writes to the tree what was committed. It answers false when that cannot be had now, and asking at once again
// would not help: the store is closed, and Close writes the rest itself, or the disk refuses, and the log keeps it.
func (db *DB) settled() bool {
	err := db.change(func(*bolt.Tx) error {
		db.listFree()
		return nil
	})
	if err != nil && !errors.Is(err, ErrClosed) {
		db.log.Error().Err(err).Msg("store: what was committed stays in the log for now")
	}
	return err == nil
}

// wake is called after the first commit of a generation, and after a transaction of bbolt that listed no free pages.
func (s *settler) wake() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

func (s *settler) stop() {
	close(s.quit)
	<-s.done
}
