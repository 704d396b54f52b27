package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// What is committed goes to a log and to memory first, and to the file's tree later: a tree wants pages read, copied and
// written for every key, and the neighbours of a key, or its next value, are seldom more than a few thousand commits away. What
// the tree lacks is a generation. When one is full it becomes the old one, another goroutine writes it to the tree, and the
// log goes on in another file. Anything that changes the chains of worlds writes all that the tree lacks first, in the same
// transaction of bbolt: so there are only ever entries of top layers in memory, and a layer that becomes frozen is
// complete in the tree.

// generation is what some commits have written: one memtable for each layer.
type generation struct {
	number uint64 // of its log

	mu     sync.RWMutex
	tables map[uint64]*memtable

	// The rest belongs to who has the turn, until the generation is the old one.
	log     *wal // nil until something is committed
	entries int
	bytes   int

	flushed chan struct{} // closed when it is in the tree, or could not be written there
}

func newGeneration(number uint64) *generation {
	return &generation{number: number, tables: map[uint64]*memtable{}, flushed: make(chan struct{})}
}

// table answers a layer's memtable, nil if nothing was written to the layer.
func (g *generation) table(layer uint64) *memtable {
	if g == nil {
		return nil
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.tables[layer]
}

// empty tells whether nothing was written.
func (g *generation) empty() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.tables) == 0
}

// mustTable makes it if there is none.
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

// full tells whether it has grown to a multiple of what a generation is meant to have.
func (g *generation) full(l limits, times int) bool {
	return g.entries >= times*l.recent || g.bytes >= times*l.recentSize
}

// removeLog is called when the tree has everything, or nothing was acknowledged.
func (g *generation) removeLog() error {
	if g.log == nil {
		return nil
	}
	w := g.log
	g.log = nil
	return w.remove()
}

// write moves the generation into the tree.
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

// setApplied notes in the tree that it has all that stands in the logs up to this one.
func setApplied(btx *bolt.Tx, number uint64) error {
	return btx.Bucket(bucketMeta).Put(keyApplied, binary.BigEndian.AppendUint64(nil, number))
}

func applied(btx *bolt.Tx) uint64 {
	if v := btx.Bucket(bucketMeta).Get(keyApplied); len(v) == 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// recent is what readers need to know of what the tree lacks.
type recent struct {
	commit      uint64      // the last one that is acknowledged
	now, before *generation // before is nil unless it is being written to the tree
	tree        uint64      // the transaction of bbolt that they go on from
	coming      uint64      // that of the one that before is being written in: both show the same
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

// firstGeneration begins with what the tree has.
func (db *DB) firstGeneration() error {
	btx, err := db.begin()
	if err != nil {
		return err
	}
	db.readers.recent = recent{now: newGeneration(applied(btx) + 1), tree: uint64(btx.ID())}
	return btx.Rollback()
}

// rotate begins a new generation and has the full one written by another goroutine. The caller has the turn.
func (db *DB) rotate() {
	full := db.readers.rotate()
	db.flushing.Go(func() {
		defer close(full.flushed)
		if err := db.flush(full); err != nil {
			db.log.Error().Err(err).Msg("store: what was committed stays in the log for now")
		}
	})
}

// flush writes the generation before the present one.
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
	return g.removeLog()
}

// settle waits until no other goroutine writes to the tree. The caller has the turn.
func (db *DB) settle() {
	if g := db.readers.now().before; g != nil {
		<-g.flushed
	}
}

// changeTree writes to the tree all that it lacks, and what fn does. A refusal of fn undoes nothing. The caller has the
// turn, and no batch is open.
func (db *DB) changeTree(fn func(*bolt.Tx) error) error {
	db.settle()
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
		if err := g.removeLog(); err != nil {
			db.log.Error().Err(err).Msg("store: a log that is not needed any more")
		}
	}
	return refused
}

// listFree has the present transaction of bbolt write the list of free pages, so that whoever opens the file next, even after
// this process is killed, need not search for them. The list may be long: nobody should wait for this transaction.
func (db *DB) listFree() { db.bolt.NoFreelistSync = false }

// writeTree runs fn in a transaction of bbolt and, if it is committed, lets readers know by install. The list of free pages is
// left to the settler, unless fn calls listFree.
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
			if !ofPages(r) {
				db.abandon(btx)
				panic(r)
			}
			err = db.damaged(r)
			defer db.catch(&err) // bbolt may stumble once more
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
	if err := btx.Commit(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	committed = true
	if db.unlisted.Store(db.bolt.NoFreelistSync); db.bolt.NoFreelistSync {
		db.settler.wake()
	}
	return nil
}

// abandon ends a transaction of bbolt that changes nothing.
func (db *DB) abandon(btx *bolt.Tx) {
	_ = btx.Rollback() // it may have ended
	db.readers.resume(func(*recent) {})
}
