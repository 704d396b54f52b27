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
	Meta        json.RawMessage // the caller's data, not part of checkpoints
	Checkpoints []string        // sorted, without the hidden ones
}

// changeWorld reads a world, lets fn change it, and writes it. It wakes the background work.
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

// changed wakes the background work if err is nil, and unwraps a refusal.
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

// dropped wakes the background work if err is nil, after a change that may have left layers without a chain.
func (db *DB) dropped(err error) error {
	if err == nil {
		db.worker.wake(todo{dropped: true})
	}
	return err
}

// plain unwraps a refusal.
func plain(err error) error {
	var r refusal
	if errors.As(err, &r) {
		return r.error
	}
	return err
}

// SetMeta replaces the world's meta. It returns ErrNoWorld if there is no such world.
func (db *DB) SetMeta(world string, meta json.RawMessage) error {
	return db.changeWorld(world, func(_ *bolt.Tx, r *worldRecord) error {
		r.meta = meta
		return nil
	})
}

// DeleteWorld deletes a world and its checkpoints, but not its forks. It returns ErrNoWorld if there is no such world.
func (db *DB) DeleteWorld(name string) error {
	return db.dropped(plain(db.changeCall(func(btx *bolt.Tx, c *call) error {
		if _, err := readWorld(btx, name, nil); err != nil {
			return err
		}
		checkpoints := btx.Bucket(bucketCheckpoints)
		for _, c := range checkpointNames(btx, name) {
			if err := checkpoints.Delete(checkpointKey(name, c)); err != nil {
				return err
			}
		}
		c.hooks = append(c.hooks, func() { db.lives.end(name) })
		return btx.Bucket(bucketWorlds).Delete([]byte(name))
	})))
}

// Worlds returns all worlds in the order of their names.
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

// WorldNames returns the sorted names of all worlds.
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

// World returns the world with that name, or ErrNoWorld.
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

// Checkpoint keeps the present of the world under a name, with the meta that fn returns, and replaces the checkpoint of
// that name. fn reads the state that is kept. It may be nil. The errors are those of fn, ErrNoWorld, ErrBadName and a
// *LimitError.
func (db *DB) Checkpoint(world, name string, fn func(*Tx) (meta json.RawMessage, err error)) error {
	if err := checkName("checkpoint", name); err != nil {
		return err
	}
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, r *worldRecord) error {
		var meta json.RawMessage
		if fn != nil {
			s := session{src: &source{btx: btx, world: world, meta: r.meta, life: r.life, chain: r.chain}}
			tx := s.whole()
			err := catchCorrupt(func(tx *Tx) (err error) {
				meta, err = fn(tx)
				return err
			}, &tx)
			s.end()
			if err != nil {
				return refusal{err}
			}
		}
		if err := db.checkpointRoom(btx, world, name); err != nil {
			return err
		}
		chain, err := r.freeze(btx)
		if err != nil {
			return err
		}
		value := append(appendChain(nil, chain), meta...)
		return btx.Bucket(bucketCheckpoints).Put(checkpointKey(world, name), value)
	}))
}

// CheckpointMeta returns the meta of a checkpoint. The errors are ErrNoWorld and ErrNoCheckpoint.
func (db *DB) CheckpointMeta(world, name string) (meta json.RawMessage, err error) {
	defer db.guard.Protect(&err)()
	btx, err := db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	if _, err := readWorld(btx, world, nil); err != nil {
		return nil, plain(err)
	}
	_, kept, err := readCheckpoint(btx, world, name)
	return bytes.Clone(kept), plain(err)
}

// DeleteCheckpoint deletes a checkpoint. The errors are ErrNoWorld and ErrNoCheckpoint.
func (db *DB) DeleteCheckpoint(world, name string) error {
	return db.dropped(db.changeWorld(world, func(btx *bolt.Tx, _ *worldRecord) error {
		if _, _, err := readCheckpoint(btx, world, name); err != nil {
			return err
		}
		return btx.Bucket(bucketCheckpoints).Delete(checkpointKey(world, name))
	}))
}

// Hidden is the prefix of the names of checkpoints that World does not list. The program makes them for its own use.
const Hidden = "\x01"

// visible returns sorted names without the hidden ones, which are the first.
func visible(names []string) []string {
	for len(names) > 0 && strings.HasPrefix(names[0], Hidden) {
		names = names[1:]
	}
	return names
}

// HiddenCheckpoints returns the sorted names of a world's hidden checkpoints, or ErrNoWorld.
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

// ViewCheckpoint is View of a checkpoint. The errors are those of fn, ErrNoWorld and ErrNoCheckpoint.
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
	if src.chain, src.origin, err = readCheckpoint(btx, world, name); err != nil {
		return plain(err)
	}
	s := session{src: &src}
	tx := s.whole()
	defer s.end()
	return catchCorrupt(fn, &tx)
}
