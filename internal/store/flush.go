package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	bolt "go.etcd.io/bbolt"

	"storagesim/internal/store/pagefile"
	"storagesim/internal/store/wal"
)

// What is committed goes to a log and to memory first, and to the file's tree later. The tree reads, copies and writes
// pages for every key, and the neighbors of a key, or its next value, usually follow within a few thousand commits.
// What the tree lacks is called a generation. When the present generation is full, another goroutine writes it to the
// tree, and a new generation with a log of its own takes its place. Everything that changes the chains of worlds first
// writes what the tree lacks, in the same transaction of bbolt. So memory only has entries of top layers, and a layer
// that becomes frozen is complete in the tree.

// generation is what a number of commits have written: one memtable for each layer.
type generation struct {
	number uint64 // of its log

	mu     sync.RWMutex
	tables map[uint64]*memtable

	// The rest belongs to the caller that has the turn, until the generation is full.
	log     *wal.Log // nil until something is committed
	entries int
	bytes   int

	flushed chan struct{} // closed when it is in the tree or could not be written
}

func newGeneration(number uint64) *generation {
	return &generation{number: number, tables: map[uint64]*memtable{}, flushed: make(chan struct{})}
}

// table returns the memtable of a layer, nil if nothing was written to the layer.
func (g *generation) table(layer uint64) *memtable {
	if g == nil {
		return nil
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.tables[layer]
}

// empty reports whether nothing was written.
func (g *generation) empty() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.tables) == 0
}

// mustTable returns the memtable of a layer, and creates it if there is none.
func (g *generation) mustTable(layer uint64, world string) *memtable {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.tables[layer]
	if m == nil {
		m = newMemtable(world)
		g.tables[layer] = m
	}
	return m
}

// full reports whether the generation has at least the given multiple of its intended size.
func (g *generation) full(l limits, times int) bool {
	return g.entries >= times*l.recent || g.bytes >= times*l.recentSize
}

// removeLog deletes the log of a generation. The tree must have all of it.
func (db *DB) removeLog(g *generation) error {
	if g.log == nil {
		return nil
	}
	log := g.log
	g.log = nil
	return db.owned.remove(log)
}

// write writes the generation to the tree.
func (g *generation) write(btx *bolt.Tx) error {
	for layer, m := range g.tables {
		var src source
		if _, err := src.open(btx, m.world); err != nil {
			return plain(err)
		}
		if src.chain[0] != layer {
			return fmt.Errorf("layer %d is not the top of world %q", layer, m.world)
		}
		src.openLayers()
		if err := src.write(m); err != nil {
			return err
		}
	}
	return setApplied(btx, g.number)
}

var keyApplied = []byte("applied")

// setApplied notes in the tree that it has all logs up to this one.
func setApplied(btx *bolt.Tx, number uint64) error {
	return btx.Bucket(bucketMeta).Put(keyApplied, binary.BigEndian.AppendUint64(nil, number))
}

func applied(btx *bolt.Tx) uint64 {
	if v := btx.Bucket(bucketMeta).Get(keyApplied); len(v) == 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// recent is what the tree lacks of the present state.
type recent struct {
	commit      uint64      // the last one that is acknowledged
	now, before *generation // before is nil unless it is being written to the tree
	tree        uint64      // the transaction of bbolt that the generations continue
	coming      uint64      // the transaction that writes before: with it, the state is the same
}

// unwritten lists the generations that the tree lacks, the older first.
func (r recent) unwritten() (list []*generation) {
	if r.before != nil {
		list = append(list, r.before)
	}
	if !r.now.empty() {
		list = append(list, r.now)
	}
	return list
}

// firstGeneration begins a generation on the tree as it was opened.
func (db *DB) firstGeneration() error {
	btx, err := db.begin()
	if err != nil {
		return err
	}
	db.readers.recent = recent{now: newGeneration(applied(btx) + 1), tree: uint64(btx.ID())}
	return btx.Rollback()
}

// msgFlushFailed is logged when commits could not be written to the tree.
const msgFlushFailed = "store: the tree could not be written; the log keeps what was committed"

// rotate begins a new generation, and starts a goroutine that writes the full one. The caller has the turn.
func (db *DB) rotate() {
	full := db.readers.rotate()
	db.flushing.Go(func() {
		defer close(full.flushed)
		if err := db.flush(full); err != nil {
			db.log.Error().Err(err).Msg(msgFlushFailed)
		}
	})
}

// flush writes a full generation to the tree.
func (db *DB) flush(g *generation) error {
	err := db.writeTree(func(btx *bolt.Tx) error {
		if err := g.write(btx); err != nil {
			return err
		}
		db.readers.comes(btx)
		db.listFree()
		return nil
	}, func(r *recent) { r.before = nil })
	if err != nil {
		return err
	}
	return db.removeLog(g)
}

// awaitFlush returns when no other goroutine writes to the tree. The caller has the turn.
func (db *DB) awaitFlush() {
	if g := db.readers.now().before; g != nil {
		<-g.flushed
	}
}

// changeTree writes to the tree what it lacks and what fn writes. If fn returns a refusal, the rest is committed. The
// caller has the turn, and no batch is open.
func (db *DB) changeTree(fn func(*bolt.Tx) error) error {
	db.awaitFlush()
	was := db.readers.now()
	pending := was.unwritten()
	var refused error
	err := db.writeTree(func(btx *bolt.Tx) error {
		for _, g := range pending {
			if err := g.write(btx); err != nil {
				return fmt.Errorf("store: write: %w", err)
			}
		}
		err := fn(btx)
		if errors.As(err, new(refusal)) && len(pending) > 0 {
			refused = err
			return nil
		}
		return err
	}, func(r *recent) {
		if r.before = nil; len(pending) > 0 {
			r.now = newGeneration(was.now.number + 1)
		}
	})
	if err != nil {
		return err
	}
	for _, g := range pending {
		if err := db.removeLog(g); err != nil {
			db.log.Error().Err(err).Msg("store: a log that is in the tree could not be deleted")
		}
	}
	return refused
}

// listFree makes the present transaction of bbolt write the list of free pages, so that the next Open need not search
// for them, even if this process is killed. The list may be long: no caller should wait for this transaction.
func (db *DB) listFree() { db.bolt.NoFreelistSync = false }

// writeTree runs fn in a transaction of bbolt. After the commit, install updates what readers use. The idle flusher
// writes the list of free pages, unless fn calls listFree.
func (db *DB) writeTree(fn func(*bolt.Tx) error, install func(*recent)) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if err := db.Err(); err != nil {
		return err
	}
	btx, err := db.beginWrite()
	if err != nil {
		return err
	}
	id, committed := uint64(btx.ID()), false
	db.bolt.NoFreelistSync = true
	defer func() {
		if r := recover(); r != nil {
			if !pagefile.IsDamage(r) {
				db.abandon(btx)
				panic(r)
			}
			err = db.guard.Fail(r)
			defer db.guard.Catch(&err) // the rollback may panic too
		}
		if committed {
			db.readers.resume(func(r *recent) { r.tree = id; install(r) })
			return
		}
		db.abandon(btx)
	}()
	if err := fn(btx); err != nil {
		return err
	}
	if err := db.writeWall(btx); err != nil {
		return err
	}
	if err := btx.Commit(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	committed = true
	if db.unlisted.Store(db.bolt.NoFreelistSync); db.bolt.NoFreelistSync {
		db.idle.wake()
	}
	return nil
}

// abandon ends a transaction of bbolt without a commit.
func (db *DB) abandon(btx *bolt.Tx) {
	_ = btx.Rollback() // it may have ended already
	db.readers.resume(func(*recent) {})
}
