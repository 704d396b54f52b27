package store

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Callers that write take turns on one bolt transaction. Whoever has the turn runs its own function in its own
// goroutine (so a panic or a Goexit stays where it belongs), applies what it wrote, and passes the turn to the caller
// that has waited longest. When nobody waits, or the batch is full, the one who has the turn commits for all, and the
// next caller begins a new batch. Nobody ever waits for others to come.

// call is one caller's place in the queue.
type call struct {
	turn  chan struct{} // capacity 1
	done  chan struct{} // closed when the batch that the call was part of is committed, or has failed
	err   error
	hooks []func()
	panic any // of a hook
}

// batch is one bolt write transaction and the calls whose writes are in it.
type batch struct {
	btx    *bolt.Tx
	calls  []*call
	turns  int
	rows   int
	dirty  bool
	broken error // a write was half applied: nobody's writes may be committed
}

func (b *batch) full(l limits) bool {
	return b.turns >= l.turns || b.rows >= l.rows || b.broken != nil
}

// Update runs fn on the world in a write transaction, shared with other callers of Update: if fn returns an error or
// panics, nothing that it did stays, and the others are not concerned. When Update returns nil, the writes survive the
// end of the process (see Options.SyncDisk for more). It returns fn's error, ErrNoWorld, a *CorruptError, or the reason
// why the commit failed. fn must not call Update or anything else that writes.
func (db *DB) Update(world string, fn func(*Tx) error) error {
	return db.write(func(b *batch, c *call) error {
		s := &session{writable: true}
		if err := s.open(b.btx, world, false); err != nil {
			return err
		}
		defer s.end()
		if err := call1(fn, &Tx{session: s}); err != nil {
			return err
		}
		c.hooks = s.hooks
		return b.apply(s)
	})
}

// apply writes what a session wrote. If that fails in the middle, the whole batch does.
func (b *batch) apply(s *session) error {
	b.broken = errors.New("store: another write of the same commit failed")
	n, err := s.apply()
	if err != nil {
		return err
	}
	b.broken = nil
	b.rows += n
	b.dirty = b.dirty || n > 0
	return nil
}

// change is write for functions that use the bolt transaction directly; they check everything first, so that an error
// after the first write means that bolt failed.
func (db *DB) change(fn func(*bolt.Tx) error) error {
	return db.write(func(b *batch, _ *call) error {
		if err := fn(b.btx); err != nil {
			var r refusal
			if !errors.As(err, &r) {
				b.broken = err
			}
			return err
		}
		b.dirty = true
		return nil
	})
}

// refusal marks an error of a change that has written nothing.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// write runs op when it is this caller's turn and returns when its batch is committed.
func (db *DB) write(op func(*batch, *call) error) error {
	c := &call{turn: make(chan struct{}, 1), done: make(chan struct{})}
	if err := db.enter(c); err != nil {
		return err
	}
	if err := db.takeTurn(c, op); err != nil {
		return err
	}
	<-c.done
	if c.panic != nil {
		panic(c.panic)
	}
	return c.err
}

// enter returns when the caller has the turn.
func (db *DB) enter(c *call) error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return ErrClosed
	}
	if !db.writing {
		db.writing = true
		db.mu.Unlock()
		return nil
	}
	db.queue = append(db.queue, c)
	db.mu.Unlock()
	<-c.turn
	return nil
}

// takeTurn runs op and passes the turn on, however op ends.
func (db *DB) takeTurn(c *call, op func(*batch, *call) error) (err error) {
	defer db.pass()
	if db.batch == nil {
		btx, err := db.begin(true)
		if err != nil {
			return err
		}
		db.batch = &batch{btx: btx}
	}
	b := db.batch
	b.turns++
	if err := op(b, c); err != nil {
		return err
	}
	b.calls = append(b.calls, c)
	return nil
}

// pass gives the turn to the next caller, after a commit if the batch is complete.
func (db *DB) pass() {
	db.mu.Lock()
	if b := db.batch; len(db.queue) == 0 || b == nil || b.full(db.limits) {
		db.mu.Unlock()
		if b != nil {
			db.batch = nil
			b.finish()
		}
		db.mu.Lock()
	}
	if len(db.queue) == 0 {
		db.writing = false
		db.idle.Broadcast()
		db.mu.Unlock()
		return
	}
	next := db.queue[0]
	db.queue[0] = nil
	db.queue = db.queue[1:]
	db.mu.Unlock()
	next.turn <- struct{}{}
}

// finish commits, runs the hooks, and lets the callers go.
func (b *batch) finish() {
	err := b.commit()
	for _, c := range b.calls {
		if c.err = err; err == nil {
			c.runHooks()
		}
	}
	for _, c := range b.calls {
		close(c.done)
	}
}

func (b *batch) commit() (err error) {
	if b.broken != nil || !b.dirty {
		b.btx.Rollback()
		return b.broken
	}
	defer func() {
		if r := recover(); r != nil {
			b.btx.Rollback()
			err = fmt.Errorf("store: commit: %v", r)
		}
	}()
	if err := b.btx.Commit(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	return nil
}

func (c *call) runHooks() {
	defer func() { c.panic = recover() }()
	for _, hook := range c.hooks {
		hook()
	}
}
