package store

import (
	"fmt"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"

	"storagesim/internal/store/wal"
)

// Callers that write take turns. The caller that has the turn runs its own function in its own goroutine (so that a
// panic or a Goexit stays there), keeps what it wrote, and passes the turn to the caller that has waited longest. If
// nobody waits, or the batch is full, the caller that has the turn commits for all, and the next caller begins a new
// batch. Nobody ever waits for others to come.

// call is one caller's place in the queue.
type call struct {
	turn   chan struct{} // capacity 1
	done   chan struct{} // closed when the batch of the call is committed or has failed
	joined bool          // it must wait for the commit
	err    error
	hooks  []func()
	panic  any // of a hook
}

// batch is one commit and the calls whose writes are in it.
type batch struct {
	db      *DB
	btx     *bolt.Tx // for reading
	recent  recent
	commit  uint64  // the number of this commit
	src     *source // of the last session's world
	calls   []*call
	turns   int
	touched []*versions // those that have a value of this commit
	record  []byte      // of the log
}

// maxRecord is the largest buffer, in bytes, that is kept for the record of the next commit.
const maxRecord = 4 << 20

func (b *batch) full(l limits) bool { return b.turns >= l.turns || len(b.touched) >= l.rows }

func (b *batch) dirty() bool { return len(b.touched) > 0 }

// Update runs fn on the world in a write transaction, whose commit it may share with other callers. If fn returns an
// error or panics, nothing of what it wrote stays, and others are not affected. When Update returns nil, the writes
// survive the end of the process (see Options.SyncDisk). When it returns fn's error, all writes that fn may have read
// are committed; if that commit fails, Update returns its error instead. The other errors are ErrNoWorld and a
// *CorruptError. fn must not call Update or anything else that writes.
func (db *DB) Update(world string, fn func(*Tx) error) error {
	return db.UpdateEach(world, func(tx *Tx) (bool, error) { return false, fn(tx) })
}

// UpdateEach calls next until it returns false. Each call is a transaction of its own, as in Update, and sees what the
// earlier ones wrote. They share commits, so that thousands of small ones cost little. An error undoes the transaction
// that it comes from and ends UpdateEach. The earlier ones stay, and are committed when UpdateEach returns. Others may
// write between any two of them.
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
		src.over(b.recent, b.commit)
		b.src = src
	}
	var v struct { // one allocation
		s  session
		tx Tx
	}
	s := &v.s
	s.src, s.mem, s.writable, s.decoded = b.src, &b.db.mem, true, &b.db.decoded
	v.tx = s.whole()
	defer s.end()
	err = catchCorrupt(func(tx *Tx) (err error) {
		more, err = next(tx)
		return err
	}, &v.tx)
	if err != nil {
		return false, err
	}
	b.keep(s)
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

// keep makes what a session wrote visible to the next session, and part of the commit.
func (b *batch) keep(s *session) {
	if s.over == nil {
		return
	}
	g, layer := b.recent.now, s.src.chain[0]
	m := g.table(layer)
	if m == nil {
		m = g.mustTable(layer, s.src.world)
		s.src.over(b.recent, b.commit)
	}
	if len(b.record) == 0 {
		b.record = wal.NewRecord(b.record)
	}
	b.record = wal.AppendGroup(b.record, layer, s.over.Len())
	for n := s.over.First(); n != nil; n = n.Next() {
		b.touched = append(b.touched, m.put(n.Key, n.Value, b.commit))
		b.record = wal.AppendEntry(b.record, n.Key, n.Value)
		g.bytes += len(n.Key) + len(n.Value)
	}
	g.entries += s.over.Len()
}

// change runs fn in a transaction of bbolt. What was committed before is in the tree when fn runs. fn checks everything
// before it writes: it returns a refusal if it has written nothing, and any other error means that bbolt failed.
func (db *DB) change(fn func(*bolt.Tx) error) error {
	return db.changeCall(func(btx *bolt.Tx, _ *call) error { return fn(btx) })
}

// changeCall is change with the hooks that fn adds to the call. They run after the commit and before any other one.
func (db *DB) changeCall(fn func(*bolt.Tx, *call) error) error {
	c := newCall()
	if err := db.enter(c); err != nil {
		return err
	}
	defer db.pass()
	db.finish()
	if err := db.changeTree(func(btx *bolt.Tx) error { return fn(btx, c) }); err != nil {
		return err
	}
	if c.runHooks(); c.panic != nil {
		panic(c.panic)
	}
	return nil
}

// refusal marks an error of a change that has written nothing.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// write runs op when it is this caller's turn, and returns when what op wrote is committed.
func (db *DB) write(op func(*batch, *call) error) error {
	c := newCall()
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

func newCall() *call { return &call{turn: make(chan struct{}, 1), done: make(chan struct{})} }

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
	defer db.guard.Catch(&err)
	if err := db.Err(); err != nil {
		return err
	}
	if db.batch == nil {
		if db.batch, err = db.newBatch(); err != nil {
			return err
		}
	}
	b := db.batch
	b.turns++
	if err = op(b, c); err != nil && b.dirty() {
		b.join(c) // the reason may be a write of this batch, which is not committed yet
	}
	return err
}

// newBatch begins a batch. It waits if the tree lacks too much.
func (db *DB) newBatch() (*batch, error) {
	if r := db.readers.now(); r.before != nil && r.now.full(db.limits, 4) {
		db.awaitFlush()
		if db.readers.now().before != nil { // it could not be written: retry, and return the reason
			if err := db.changeTree(func(*bolt.Tx) error { return nil }); err != nil {
				return nil, err
			}
		}
	}
	btx, r, err := db.readers.snapshot(db)
	if err != nil {
		return nil, err
	}
	db.mem.reset()
	return &batch{db: db, btx: btx, recent: r, commit: r.commit + 1,
		record: db.record[:0], touched: db.touched[:0]}, nil
}

// pass gives the turn to the next caller, after a commit if the batch is complete.
func (db *DB) pass() {
	db.mu.Lock()
	if b := db.batch; len(db.queue) == 0 || b == nil || b.full(db.limits) {
		db.mu.Unlock()
		db.finish()
		db.mu.Lock()
	}
	if len(db.queue) == 0 {
		db.writing = false
		db.noWriter.Broadcast()
		db.mu.Unlock()
		return
	}
	next := db.queue[0]
	db.queue[0] = nil
	db.queue = db.queue[1:]
	db.mu.Unlock()
	next.turn <- struct{}{}
}

// finish commits the batch, runs the hooks, and releases the callers. The caller has the turn.
func (db *DB) finish() {
	b := db.batch
	if b == nil {
		return
	}
	db.batch = nil
	_ = b.btx.Rollback()
	err := b.append()
	if err != nil {
		for _, v := range b.touched {
			v.undo(b.commit)
		}
	} else if b.dirty() {
		db.readers.publish(b.commit)
		if b.recent.now.full(db.limits, 1) && db.readers.now().before == nil {
			db.rotate()
		}
	}
	clear(b.touched)
	db.touched = b.touched[:0]
	if db.record = b.record[:0]; cap(db.record) > maxRecord {
		db.record = nil
	}
	for _, c := range b.calls {
		if c.err = err; err == nil {
			c.runHooks()
		}
	}
	for _, c := range b.calls {
		close(c.done)
	}
}

// append writes the commit to the log.
func (b *batch) append() (err error) {
	if err := b.db.Err(); err != nil || !b.dirty() {
		return err
	}
	g := b.recent.now
	if g.log == nil {
		g.log, err = b.db.newLog(g.number, b.recent.tree)
		if err != nil {
			return fmt.Errorf("store: commit: %w", err)
		}
		b.db.idle.wake()
	}
	if err := g.log.Commit(b.record); err != nil {
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
