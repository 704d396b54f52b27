package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// World describes a world.
type World struct {
	Name        string
	Meta        json.RawMessage // the caller's own; not part of checkpoints
	Checkpoints []string        // in the order of their names
}

// changeWorld reads a world's record, lets fn change it, and writes it back. It wakes the background work.
func (db *DB) changeWorld(world string, fn func(*bolt.Tx, *worldRecord) error) error {
	err := db.change(func(btx *bolt.Tx) error {
		r, err := readWorld(btx, world, nil)
		if err != nil {
			return err
		}
		if err := fn(btx, &r); err != nil {
			return err
		}
		return writeWorld(btx, world, r)
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

// SetMeta replaces the world's meta: ErrNoWorld.
func (db *DB) SetMeta(world string, meta json.RawMessage) error {
	return db.changeWorld(world, func(_ *bolt.Tx, r *worldRecord) error {
		r.meta = meta
		return nil
	})
}

// DeleteWorld removes a world and its checkpoints: ErrNoWorld. Its forks stay.
func (db *DB) DeleteWorld(name string) error {
	return db.dropped(plain(db.change(func(btx *bolt.Tx) error {
		if _, err := readWorld(btx, name, nil); err != nil {
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
	defer db.guard.Protect(&err)()
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
	defer db.guard.Protect(&err)()
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
	defer db.guard.Protect(&err)()
	btx, err := db.begin()
	if err != nil {
		return World{}, err
	}
	defer btx.Rollback()
	w, err = describe(btx, name)
	return w, plain(err)
}

func describe(btx *bolt.Tx, name string) (World, error) {
	r, err := readWorld(btx, name, nil)
	if err != nil {
		return World{}, err
	}
	return World{Name: name, Meta: bytes.Clone(r.meta), Checkpoints: visible(checkpointNames(btx, name))}, nil
}

// Checkpoint keeps the world's present under a name, in place of what had that name: ErrNoWorld, ErrBadName.
func (db *DB) Checkpoint(world, name string) error {
	if err := checkName("checkpoint", name); err != nil {
		return err
	}
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, r *worldRecord) error {
		chain, err := r.freeze(btx)
		if err != nil {
			return err
		}
		return btx.Bucket(bucketCheckpoints).Put(checkpointKey(world, name), appendChain(nil, chain))
	}))
}

// Restore takes the world back to a checkpoint, which stays: ErrNoWorld, ErrNoCheckpoint.
func (db *DB) Restore(world, name string) error {
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, r *worldRecord) error {
		chain, err := readCheckpoint(btx, world, name)
		if err != nil {
			return err
		}
		return r.replace(btx, chain)
	}))
}

// DeleteCheckpoint forgets a checkpoint: ErrNoWorld, ErrNoCheckpoint.
func (db *DB) DeleteCheckpoint(world, name string) error {
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, _ *worldRecord) error {
		if _, err := readCheckpoint(btx, world, name); err != nil {
			return err
		}
		return btx.Bucket(bucketCheckpoints).Delete(checkpointKey(world, name))
	}))
}

// Reset takes the world back to where it started: its base, or the state that it was forked from. Checkpoints stay.
// ErrNoWorld.
func (db *DB) Reset(world string) error {
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, r *worldRecord) error {
		return r.replace(btx, r.start)
	}))
}

// Hidden begins the names of checkpoints that no list shows: those that the program makes for its own ends.
const Hidden = "\x01"

// visible leaves hidden names out; they are the first ones.
func visible(names []string) []string {
	for len(names) > 0 && strings.HasPrefix(names[0], Hidden) {
		names = names[1:]
	}
	return names
}

// HiddenCheckpoints lists a world's hidden checkpoints in the order of their names: ErrNoWorld.
func (db *DB) HiddenCheckpoints(world string) (names []string, err error) {
	defer db.guard.Protect(&err)()
	btx, err := db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	if _, err := readWorld(btx, world, nil); err != nil {
		return nil, plain(err)
	}
	all := checkpointNames(btx, world)
	return all[:len(all)-len(visible(all))], nil
}

// ViewCheckpoint is View of the world as it is kept under the name of a checkpoint: ErrNoWorld, ErrNoCheckpoint.
func (db *DB) ViewCheckpoint(world, name string, fn func(*Tx) error) (err error) {
	defer db.guard.Protect(&err)()
	btx, err := db.begin()
	if err != nil {
		return err
	}
	defer btx.Rollback()
	var src source
	if _, err := src.open(btx, world); err != nil {
		return plain(err)
	}
	if src.chain, err = readCheckpoint(btx, world, name); err != nil {
		return plain(err)
	}
	s := session{src: &src}
	tx := s.whole()
	defer s.end()
	return catchCorrupt(fn, &tx)
}
