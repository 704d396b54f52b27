package store

import (
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// CreateWorld makes a world that starts as a copy of a base. If next is not nil, its transactions run on the new world
// first, and what they write is part of its start. They are called as those of UpdateEach, but all of them are part of
// the commit that makes the world, and an error leaves no world. Other writers wait for them. The errors are those of
// next, ErrWorldExists, ErrNoBase and ErrBadName.
func (db *DB) CreateWorld(name, base string, meta json.RawMessage, next func(*Tx) (more bool, err error)) error {
	if err := checkName("world", name); err != nil {
		return err
	}
	return db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		if err := worldIsNew(btx, name); err != nil {
			return err
		}
		frozen, err := readBase(btx, base)
		if err != nil {
			return err
		}
		r := worldRecord{meta: meta}
		return db.startWorld(btx, c, name, &r, origin{chain: frozen}, next)
	}), name)
}

// Fork makes a world that starts as a copy of another one as it was at a checkpoint or, if checkpoint is empty, as it
// is now. The transactions of next are part of its start as those of CreateWorld. The errors are those of next,
// ErrNoWorld, ErrNoCheckpoint, ErrWorldExists and ErrBadName.
func (db *DB) Fork(from, checkpoint, name string, meta json.RawMessage, next func(*Tx) (more bool, err error)) error {
	if err := checkName("world", name); err != nil {
		return err
	}
	return db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		r, err := readWorld(btx, from, nil)
		if err != nil {
			return err
		}
		if err := worldIsNew(btx, name); err != nil {
			return err
		}
		if checkpoint != "" {
			frozen, kept, err := readCheckpoint(btx, from, checkpoint)
			if err != nil {
				return err
			}
			return db.startWorld(btx, c, name, &worldRecord{meta: meta}, origin{frozen, kept}, next)
		}
		frozen := r.chain
		if layerEmpty(btx, frozen[0]) {
			frozen = frozen[1:]
		}
		if err := db.startWorld(btx, c, name, &worldRecord{meta: meta}, origin{chain: frozen}, next); err != nil {
			return err
		}
		if _, err := r.freeze(btx); err != nil {
			return err
		}
		return writeWorld(btx, from, r)
	}), from, name)
}

// ResetTo puts the world on another base, which becomes its start, and replaces its meta. Its checkpoints stay. The
// transactions of next are part of the start as those of CreateWorld; if one fails, the world stays as it is. The
// errors are those of next, ErrNoWorld and ErrNoBase.
func (db *DB) ResetTo(world, base string, meta json.RawMessage, next func(*Tx) (more bool, err error)) error {
	return db.dropped(db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		r, err := readWorld(btx, world, nil)
		if err != nil {
			return err
		}
		frozen, err := readBase(btx, base)
		if err != nil {
			return err
		}
		r.meta = meta
		return db.startWorld(btx, c, world, &r, origin{chain: frozen}, next)
	}), world))
}

// Replace puts the world on what fn writes into an empty store of its own, which becomes the world's start too, and
// gives it the meta that fn returns. Its checkpoints stay. The transactions of next are part of the start as those of
// CreateWorld. If one of them, fn or a commit fails, the world stays as it is; otherwise it changes in one step. fn
// runs concurrently with all other transactions, and must not call Replace or Base. The errors are those of fn and
// next, and ErrNoWorld.
func (db *DB) Replace(
	world string, fn func(*Tx) (meta json.RawMessage, err error), next func(*Tx) (more bool, err error),
) error {
	if _, err := db.World(world); err != nil {
		return err
	}
	return db.dropped(db.startBuilt(world, fn, next, func(btx *bolt.Tx) (worldRecord, error) {
		return readWorld(btx, world, nil)
	}))
}

// BuildWorld makes a world that starts as what fn writes into an empty store of its own, with the meta that fn returns.
// Like Replace it runs fn concurrently with all other transactions and makes the world in one step. The errors are
// those of fn and next, ErrWorldExists and ErrBadName.
func (db *DB) BuildWorld(
	name string, fn func(*Tx) (meta json.RawMessage, err error), next func(*Tx) (more bool, err error),
) error {
	if err := checkName("world", name); err != nil {
		return err
	}
	return db.startBuilt(name, fn, next, func(btx *bolt.Tx) (worldRecord, error) {
		return worldRecord{}, worldIsNew(btx, name)
	})
}

// startBuilt begins a life of the world, whose record find returns, on what fn writes.
func (db *DB) startBuilt(
	world string, fn func(*Tx) (json.RawMessage, error), next func(*Tx) (bool, error),
	find func(*bolt.Tx) (worldRecord, error),
) error {
	db.buildMu.Lock()
	defer db.buildMu.Unlock()
	s := &session{writable: true, src: &source{opened: true, world: world}, mem: &arena{}}
	defer s.end()
	var meta json.RawMessage
	id, err := db.buildLayer(s, func(tx *Tx) (err error) {
		meta, err = fn(tx)
		return err
	})
	if err != nil {
		return err
	}
	defer db.unpin(id)
	return db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		r, err := find(btx)
		if err != nil {
			return err
		}
		r.meta = meta
		return db.startWorld(btx, c, world, &r, origin{chain: []uint64{id}}, next)
	}), world)
}

// Restore puts the world back to a checkpoint, which stays, and begins a new life. The transactions of next run as
// those of CreateWorld, but are not part of a start. The errors are those of next, ErrNoWorld and ErrNoCheckpoint.
func (db *DB) Restore(world, name string, next func(*Tx) (more bool, err error)) error {
	return db.putBack(world, next, func(btx *bolt.Tx, _ *worldRecord) (o origin, err error) {
		o.chain, o.meta, err = readCheckpoint(btx, world, name)
		return o, err
	})
}

// Reset puts the world back to its start: its base or the state that it was forked from, with what was written when it
// was made. Its checkpoints stay, and a new life begins. The transactions of next run as those of Restore. The errors
// are those of next and ErrNoWorld.
func (db *DB) Reset(world string, next func(*Tx) (more bool, err error)) error {
	return db.putBack(world, next, func(_ *bolt.Tx, r *worldRecord) (origin, error) { return origin{chain: r.start}, nil })
}

// putBack puts a world on the origin that find returns.
func (db *DB) putBack(
	world string, next func(*Tx) (bool, error), find func(*bolt.Tx, *worldRecord) (origin, error),
) error {
	return db.dropped(db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		r, err := readWorld(btx, world, nil)
		if err != nil {
			return err
		}
		o, err := find(btx, &r)
		if err != nil {
			return err
		}
		if err := db.beginLife(btx, c, world, &r, o, next); err != nil {
			return err
		}
		return writeWorld(btx, world, r)
	}), world))
}

// origin is the frozen chain that a world is put on, and the meta of its checkpoint, nil if it is none.
type origin struct {
	chain []uint64
	meta  []byte
}

// startWorld begins a life of a world on the origin, and makes that the world's start. If a transaction of next fails,
// nothing has been written.
func (db *DB) startWorld(
	btx *bolt.Tx, c *call, name string, r *worldRecord, o origin, next func(*Tx) (bool, error),
) (err error) {
	if err := db.beginLife(btx, c, name, r, o, next); err != nil {
		return err
	}
	if r.start, err = r.freeze(btx); err != nil {
		return err
	}
	return writeWorld(btx, name, *r)
}

// beginLife puts a world's record on the origin and on what the transactions of next write above it. The life begins
// with the commit. If one of them fails, nothing has been written.
func (db *DB) beginLife(
	btx *bolt.Tx, c *call, name string, r *worldRecord, o origin, next func(*Tx) (bool, error),
) (err error) {
	life := btx.Bucket(bucketWorlds).Sequence() + 1
	c.hooks = append(c.hooks, func() { db.lives.begin(name, life) })
	first := newMemtable(name)
	src := &source{btx: btx, world: name, meta: r.meta, life: life, origin: o.meta, tables: []*memtable{first}, commit: 1,
		chain: append([]uint64{0}, o.chain...)} // the top layer has no number yet
	if err := db.runStart(c, src, first, next); err != nil {
		return refusal{err}
	}
	if r.life, err = btx.Bucket(bucketWorlds).NextSequence(); err != nil {
		return err
	}
	if err := r.replace(btx, o.chain); err != nil {
		return err
	}
	src.chain[0] = r.chain[0]
	src.openLayers()
	return src.write(first)
}

// runStart runs the transactions of next on the source, and writes what they write to first.
func (db *DB) runStart(c *call, src *source, first *memtable, next func(*Tx) (bool, error)) error {
	for more := next != nil; more; {
		s := session{src: src, mem: &arena{}, writable: true, decoded: &db.decoded}
		tx := s.whole()
		err := catchCorrupt(func(tx *Tx) (err error) {
			more, err = next(tx)
			return err
		}, &tx)
		if err != nil {
			s.end()
			return err
		}
		if s.over != nil {
			for n := s.over.First(); n != nil; n = n.Next() {
				first.put(n.Key, n.Value, src.commit)
			}
		}
		c.hooks = append(c.hooks, s.hooks...)
		s.end()
	}
	return nil
}

// worldIsNew returns a refusal if there is a world of that name.
func worldIsNew(btx *bolt.Tx, name string) error {
	if btx.Bucket(bucketWorlds).Get([]byte(name)) != nil {
		return refusal{fmt.Errorf("world %q: %w", name, ErrWorldExists)}
	}
	return nil
}
