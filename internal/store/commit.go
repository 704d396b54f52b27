package store

import (
	"errors"
	"fmt"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// Callers that write take turns on one bolt transaction. Whoever has the turn runs its own function in its own
// goroutine (so a panic or a Goexit stays where it belongs), applies what it wrote, and passes the turn to the caller
// that has waited longest. When nobody waits, or the batch is full, the one who has the turn commits for all, and the
// next caller begins a new batch. Nobody ever waits for others to come.

// call is one caller's place in the queue.
type call struct {
	turn   chan struct{} // capacity 1
	done   chan struct{} // closed when the batch that the call was part of is committed, or has failed
	joined bool          // it is to wait for the commit
	err    error
	hooks  []func()
	panic  any // of a hook
}

// batch is one bolt write transaction and the calls whose writes are in it.
type batch struct {
	btx    *bolt.Tx
	db     *DB
	src    *source // the world of the last session, nil if its record may have changed since
	mem    *arena
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
// panics, nothing that it did stays, and the others are not concerned. An error is returned only when the writes are committed
// that fn may have seen: if that fails, so does Update. When Update returns nil, the writes survive the
// end of the process (see Options.SyncDisk for more). It returns fn's error, ErrNoWorld, a *CorruptError, or the reason
// why the commit failed. fn must not call Update or anything else that writes.
func (db *DB) Update(world string, fn func(*Tx) error) error {
	return db.UpdateEach(world, func(tx *Tx) (bool, error) { return false, fn(tx) })
}

// UpdateEach is Update, one after the other, for as long as next answers true: each call of next is a transaction of its
// own, which sees what those before it wrote. They share commits, so that thousands of small ones cost little. An error
// undoes the transaction that it comes from and ends it; those before it stay, and are committed when UpdateEach returns.
// Others may write between any two of them.
func (db *DB) UpdateEach(world string, next func(*Tx) (more bool, err error)) error {
	for more := true; more; {
		err := db.write(func(b *batch, c *call) (err error) {
			for again := true; again; again = more && !b.full(db.limits) {
				if more, err = b.session(world, c, next); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// session runs one transaction of a call.
func (b *batch) session(world string, c *call, next func(*Tx) (bool, error)) (more bool, err error) {
	if b.src == nil || b.src.world != world {
		src := &source{}
		if _, err := src.open(b.btx, world); err != nil {
			return false, err
		}
		b.src = src
	}
	var v struct { // one allocation
		s  session
		tx Tx
	}
	s := &v.s
	s.src, s.mem, s.writable = b.src, b.mem, true
	v.tx = s.whole()
	defer s.end()
	err = call1(func(tx *Tx) (err error) {
		more, err = next(tx)
		return err
	}, &v.tx)
	if err != nil {
		return false, err
	}
	if err := b.apply(s); err != nil {
		return false, err
	}
	c.hooks = append(c.hooks, s.hooks...)
	b.join(c)
	return more, nil
}

// join makes the call wait for the commit.
func (b *batch) join(c *call) {
	if !c.joined {
		c.joined = true
		b.calls = append(b.calls, c)
	}
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
	return db.write(func(b *batch, c *call) error {
		b.src = nil
		if err := fn(b.btx); err != nil {
			var r refusal
			if !errors.As(err, &r) {
				b.broken = err
			}
			return err
		}
		b.dirty = true
		b.join(c)
		return nil
	})
}

// refusal marks an error of a change that has written nothing.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// write runs op when it is this caller's turn, and returns when what op wrote is committed.
func (db *DB) write(op func(*batch, *call) error) error {
	c := &call{turn: make(chan struct{}, 1), done: make(chan struct{})}
	if err := db.enter(c); err != nil {
		return err
	}
	err := db.takeTurn(c, op)
	if !c.joined {
		return err
	}
	<-c.done
	if c.panic != nil {
		panic(c.panic)
	}
	if c.err != nil {
		return c.err
	}
	return err
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
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer db.catch(&err)
	if err := db.Err(); err != nil {
		return err
	}
	if db.batch == nil {
		btx, err := db.beginWrite()
		if err != nil {
			return err
		}
		db.mem.reset()
		db.batch = &batch{btx: btx, db: db, mem: &db.mem}
	}
	b := db.batch
	b.turns++
	if err = op(b, c); err != nil && b.dirty && b.broken == nil {
		b.join(c) // what it was refused for may be a write that nobody else can see yet
	}
	return err
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
	b.db.readers.resume()
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
	if b.broken == nil {
		b.broken = b.db.Err()
	}
	if b.broken != nil || !b.dirty {
		b.btx.Rollback()
		return b.broken
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			b.btx.Rollback()
			err = b.db.damaged(r)
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
