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
		return db.startWorld(btx, c, name, worldRecord{meta: meta}, frozen, next)
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
			frozen, err := readCheckpoint(btx, from, checkpoint)
			if err != nil {
				return err
			}
			return db.startWorld(btx, c, name, worldRecord{meta: meta}, frozen, next)
		}
		frozen := r.chain
		if layerEmpty(btx, frozen[0]) {
			frozen = frozen[1:]
		}
		if err := db.startWorld(btx, c, name, worldRecord{meta: meta}, frozen, next); err != nil {
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
		return db.startWorld(btx, c, world, r, frozen, next)
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
	return db.dropped(db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		r, err := readWorld(btx, world, nil)
		if err != nil {
			return err
		}
		r.meta = meta
		return db.startWorld(btx, c, world, r, []uint64{id}, next)
	}), world))
}

// startWorld puts a world on a frozen chain and on what the transactions of next write above it, and makes that the
// world's start. If one of them fails, nothing has been written.
func (db *DB) startWorld(
	btx *bolt.Tx, c *call, name string, r worldRecord, frozen []uint64, next func(*Tx) (bool, error),
) error {
	first := newMemtable(name)
	src := &source{btx: btx, world: name, meta: r.meta, tables: []*memtable{first}, commit: 1,
		chain: append([]uint64{0}, frozen...)} // the top layer has no number yet
	for more := next != nil; more; {
		s := session{src: src, mem: &arena{}, writable: true, decoded: &db.decoded}
		tx := s.whole()
		err := catchCorrupt(func(tx *Tx) (err error) {
			more, err = next(tx)
			return err
		}, &tx)
		if err != nil {
			s.end()
			return refusal{err}
		}
		if s.over != nil {
			for n := s.over.First(); n != nil; n = n.Next() {
				first.put(n.Key, n.Value, src.commit)
			}
		}
		c.hooks = append(c.hooks, s.hooks...)
		s.end()
	}
	if err := r.replace(btx, frozen); err != nil {
		return err
	}
	src.chain[0] = r.chain[0]
	src.openLayers()
	if err := src.write(first); err != nil {
		return err
	}
	var err error
	if r.start, err = r.freeze(btx); err != nil {
		return err
	}
	return writeWorld(btx, name, r)
}

// worldIsNew returns a refusal if there is a world of that name.
func worldIsNew(btx *bolt.Tx, name string) error {
	if btx.Bucket(bucketWorlds).Get([]byte(name)) != nil {
		return refusal{fmt.Errorf("world %q: %w", name, ErrWorldExists)}
	}
	return nil
}
