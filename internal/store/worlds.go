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
func (db *DB) changed(err error, world string) error {
	if err == nil {
		db.worker.wake(todo{worlds: map[string]bool{world: true}})
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

// addWorld makes a world that starts on a frozen chain.
func addWorld(btx *bolt.Tx, name string, start []uint64, meta json.RawMessage) error {
	r := record{start: start, meta: meta}
	if err := r.replace(btx, start); err != nil {
		return err
	}
	return writeRecord(btx, name, r)
}

func worldIsNew(btx *bolt.Tx, name string) error {
	if btx.Bucket(bucketWorlds).Get([]byte(name)) != nil {
		return refusal{fmt.Errorf("world %q: %w", name, ErrWorldExists)}
	}
	return nil
}

// CreateWorld makes a world that starts as a copy of a base: ErrWorldExists, ErrNoBase, ErrBadName.
func (db *DB) CreateWorld(name, from string, meta json.RawMessage) error {
	if err := goodRecordName("world", name); err != nil {
		return err
	}
	return plain(db.change(func(btx *bolt.Tx) error {
		if err := worldIsNew(btx, name); err != nil {
			return err
		}
		start, err := readBase(btx, from)
		if err != nil {
			return err
		}
		return addWorld(btx, name, start, meta)
	}))
}

// Fork makes a world that starts as a copy of another one as it was at a checkpoint, or with "" as it is now.
// ErrNoWorld, ErrNoCheckpoint, ErrWorldExists, ErrBadName.
func (db *DB) Fork(from, checkpoint, name string, meta json.RawMessage) error {
	if err := goodRecordName("world", name); err != nil {
		return err
	}
	return db.changeWorld(from, func(btx *bolt.Tx, r *record) error {
		if err := worldIsNew(btx, name); err != nil {
			return err
		}
		var start []uint64
		var err error
		if checkpoint == "" {
			start, err = r.freeze(btx)
		} else {
			start, err = readCheckpoint(btx, from, checkpoint)
		}
		if err != nil {
			return err
		}
		return addWorld(btx, name, start, meta)
	})
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

// ResetTo puts the world on another base, which becomes its start: ErrNoWorld, ErrNoBase. Checkpoints stay.
func (db *DB) ResetTo(world, base string) error {
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, r *record) error {
		chain, err := readBase(btx, base)
		if err != nil {
			return err
		}
		r.start = chain
		return r.replace(btx, chain)
	}))
}
