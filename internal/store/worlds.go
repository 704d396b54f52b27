package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// World describes a world.
type World struct {
	Name        string
	Meta        json.RawMessage // the caller's own; not part of checkpoints
	Checkpoints []string        // in the order of their names
}

// changeWorld reads a world's record, lets fn change it, and writes it back. It wakes the background work.
func (db *DB) changeWorld(world string, fn func(*bolt.Tx, *record) error) error {
	err := db.change(func(btx *bolt.Tx) error {
		r, err := readRecord(btx, world, nil)
		if err != nil {
			return err
		}
		if err := fn(btx, &r); err != nil {
			return err
		}
		return writeRecord(btx, world, r)
	})
	return db.changed(err, world)
}

// changed wakes the background work after a success, and takes the mark off a refusal.
func (db *DB) changed(err error, worlds ...string) error {
	if err == nil {
		t := todo{worlds: map[string]bool{}}
		for _, w := range worlds {
			t.worlds[w] = true
		}
		db.worker.wake(t)
	}
	return plain(err)
}

// dropped is changed after something that leaves layers behind.
func (db *DB) dropped(err error) error {
	if err == nil {
		db.worker.wake(todo{dropped: true})
	}
	return err
}

func plain(err error) error {
	var r refusal
	if errors.As(err, &r) {
		return r.error
	}
	return err
}

func worldIsNew(btx *bolt.Tx, name string) error {
	if btx.Bucket(bucketWorlds).Get([]byte(name)) != nil {
		return refusal{fmt.Errorf("world %q: %w", name, ErrWorldExists)}
	}
	return nil
}

// CreateWorld makes a world that starts as a copy of a base. If next is not nil, its transactions run on the new world
// first, and what they write is part of its start. They are called as those of UpdateEach, but all of them are part of
// the commit that makes the world, and an error leaves no world. Other writers wait for them. The errors are those of
// next, ErrWorldExists, ErrNoBase and ErrBadName.
func (db *DB) CreateWorld(name, base string, meta json.RawMessage, next func(*Tx) (more bool, err error)) error {
	if err := goodRecordName("world", name); err != nil {
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
		return db.startWorld(btx, c, name, record{meta: meta}, frozen, next)
	}), name)
}

// Fork makes a world that starts as a copy of another one as it was at a checkpoint or, if checkpoint is empty, as it
// is now. The transactions of next are part of its start as those of CreateWorld. The errors are those of next,
// ErrNoWorld, ErrNoCheckpoint, ErrWorldExists and ErrBadName.
func (db *DB) Fork(from, checkpoint, name string, meta json.RawMessage, next func(*Tx) (more bool, err error)) error {
	if err := goodRecordName("world", name); err != nil {
		return err
	}
	return db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		r, err := readRecord(btx, from, nil)
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
			return db.startWorld(btx, c, name, record{meta: meta}, frozen, next)
		}
		frozen := r.chain
		if layerEmpty(btx, frozen[0]) {
			frozen = frozen[1:]
		}
		if err := db.startWorld(btx, c, name, record{meta: meta}, frozen, next); err != nil {
			return err
		}
		if _, err := r.freeze(btx); err != nil {
			return err
		}
		return writeRecord(btx, from, r)
	}), from, name)
}

// startWorld puts a world on a frozen chain and on what the transactions of next write above it, and makes that the
// world's start. If one of them fails, nothing has been written.
func (db *DB) startWorld(btx *bolt.Tx, c *call, name string, r record, frozen []uint64, next func(*Tx) (bool, error)) error {
	first := newMemtable(name)
	src := &source{btx: btx, world: name, meta: r.meta, tables: []*memtable{first}, commit: 1,
		chain: append([]uint64{0}, frozen...)} // the top layer has no number yet
	for more := next != nil; more; {
		s := session{src: src, mem: &arena{}, writable: true, decoded: &db.decoded}
		tx := s.whole()
		err := call1(func(tx *Tx) (err error) {
			more, err = next(tx)
			return err
		}, &tx)
		if err != nil {
			s.end()
			return refusal{err}
		}
		if s.over != nil {
			for n := s.over.first(); n != nil; n = n.next[0] {
				first.put(n.key, n.value, src.commit)
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
	return writeRecord(btx, name, r)
}

// SetMeta replaces the world's meta: ErrNoWorld.
func (db *DB) SetMeta(world string, meta json.RawMessage) error {
	return db.changeWorld(world, func(_ *bolt.Tx, r *record) error {
		r.meta = meta
		return nil
	})
}

// DeleteWorld removes a world and its checkpoints: ErrNoWorld. Its forks stay.
func (db *DB) DeleteWorld(name string) error {
	return db.dropped(plain(db.change(func(btx *bolt.Tx) error {
		if _, err := readRecord(btx, name, nil); err != nil {
			return err
		}
		checkpoints := btx.Bucket(bucketCheckpoints)
		for _, c := range checkpointNames(btx, name) {
			if err := checkpoints.Delete(checkpointKey(name, c)); err != nil {
				return err
			}
		}
		return btx.Bucket(bucketWorlds).Delete([]byte(name))
	})))
}

// Worlds lists all worlds in the order of their names.
func (db *DB) Worlds() (list []World, err error) {
	defer db.guard(&err)()
	btx, err := db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	err = btx.Bucket(bucketWorlds).ForEach(func(k, v []byte) error {
		w, err := describe(btx, string(k))
		list = append(list, w)
		return err
	})
	return list, plain(err)
}

// WorldNames lists the names of all worlds in their order, without looking at the worlds.
func (db *DB) WorldNames() (names []string, err error) {
	defer db.guard(&err)()
	btx, err := db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	c := btx.Bucket(bucketWorlds).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		names = append(names, string(k))
	}
	return names, nil
}

// World describes one world: ErrNoWorld.
func (db *DB) World(name string) (w World, err error) {
	defer db.guard(&err)()
	btx, err := db.begin()
	if err != nil {
		return World{}, err
	}
	defer btx.Rollback()
	w, err = describe(btx, name)
	return w, plain(err)
}

func describe(btx *bolt.Tx, name string) (World, error) {
	r, err := readRecord(btx, name, nil)
	if err != nil {
		return World{}, err
	}
	return World{Name: name, Meta: bytes.Clone(r.meta), Checkpoints: visible(checkpointNames(btx, name))}, nil
}

// Checkpoint keeps the world's present under a name, in place of what had that name: ErrNoWorld, ErrBadName.
func (db *DB) Checkpoint(world, name string) error {
	if err := goodRecordName("checkpoint", name); err != nil {
		return err
	}
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, r *record) error {
		chain, err := r.freeze(btx)
		if err != nil {
			return err
		}
		return btx.Bucket(bucketCheckpoints).Put(checkpointKey(world, name), appendChain(nil, chain))
	}))
}

// Restore takes the world back to a checkpoint, which stays: ErrNoWorld, ErrNoCheckpoint.
func (db *DB) Restore(world, name string) error {
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, r *record) error {
		chain, err := readCheckpoint(btx, world, name)
		if err != nil {
			return err
		}
		return r.replace(btx, chain)
	}))
}

// DeleteCheckpoint forgets a checkpoint: ErrNoWorld, ErrNoCheckpoint.
func (db *DB) DeleteCheckpoint(world, name string) error {
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, _ *record) error {
		if _, err := readCheckpoint(btx, world, name); err != nil {
			return err
		}
		return btx.Bucket(bucketCheckpoints).Delete(checkpointKey(world, name))
	}))
}

// Reset takes the world back to where it started: its base, or the state that it was forked from. Checkpoints stay.
// ErrNoWorld.
func (db *DB) Reset(world string) error {
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, r *record) error {
		return r.replace(btx, r.start)
	}))
}

// ResetTo puts the world on another base, which becomes its start, and replaces its meta. Its checkpoints stay. The
// transactions of next are part of the start as those of CreateWorld; if one fails, the world stays as it is. The errors
// are those of next, ErrNoWorld and ErrNoBase.
func (db *DB) ResetTo(world, base string, meta json.RawMessage, next func(*Tx) (more bool, err error)) error {
	return db.dropped(db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		r, err := readRecord(btx, world, nil)
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
