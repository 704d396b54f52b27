package store

import (
	"bytes"
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// A chain of more than limits.chain frozen layers is folded: a run of adjacent layers is copied into one new layer,
// which replaces the run in every chain that has it. Chains that share only a part of the run keep the originals. A run
// is extended by the next older layer only if that is at most twice as large as the run so far. So each entry that is
// copied ends in a layer at least half as large again, the number of its copies grows with the logarithm of the entries
// above it, and a large layer at the bottom is copied only after half as much was written. A chain without a run has
// layers that double in size, and is short.

// fold folds one run of the world's present chain, and reports whether there was one.
func (db *DB) fold(world string) (bool, error) {
	run, err := db.findRun(world)
	if err != nil || run == nil {
		return false, err
	}
	id, err := db.pinLayer()
	if err != nil {
		return false, err
	}
	defer db.unpin(id)
	f := folding{db: db, run: run, id: id}
	for !f.complete {
		if err := db.quitting(); err != nil {
			return false, err
		}
		if err := db.change(f.step); err != nil {
			return false, err
		}
	}
	if err := f.swapAll(world); err != nil {
		return false, err
	}
	db.log.Debug().Int("layers", len(run.ids)).Int("entries", f.total).Msg("chain folded")
	return true, nil
}

// run is a part of one or more chains, newest first.
type run struct {
	ids    []uint64
	bottom bool // nothing is below it, so that tombstones are not needed
}

// findRun returns nil if the chain is short enough, or the world does not exist.
func (db *DB) findRun(world string) (*run, error) {
	btx, err := db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	r, err := readWorld(btx, world, nil)
	switch {
	case errors.Is(err, ErrNoWorld):
		return nil, nil
	case err != nil:
		return nil, err
	case len(r.chain)-1 <= db.limits.chain:
		return nil, nil
	}
	return db.chooseRun(btx, r.chain[1:]), nil
}

// chooseRun returns the newest run of two or more layers by the rule above, nil if there is none.
func (db *DB) chooseRun(btx *bolt.Tx, frozen []uint64) *run {
	sizes := make([]int, len(frozen))
	for i, id := range frozen {
		if b := layerBucket(btx, id); b != nil {
			sizes[i] = int(b.Sequence())
		}
		sizes[i] = max(sizes[i], db.limits.small)
	}
	for i := range sizes {
		sum, j := sizes[i], i+1
		for ; j < len(sizes) && sizes[j] <= 2*sum; j++ {
			sum += sizes[j]
		}
		if j-i > 1 {
			return &run{ids: slices.Clone(frozen[i:j]), bottom: j == len(frozen)}
		}
	}
	return nil
}

// folding copies a run into a new layer, step by step.
type folding struct {
	db       *DB
	run      *run
	id       uint64
	after    []byte // the last key that was copied
	total    int
	complete bool
}

func (f *folding) step(btx *bolt.Tx) error {
	it := iterator{at: f.after, passed: f.after != nil}
	for _, id := range f.run.ids {
		if b := layerBucket(btx, id); b != nil {
			it.set = append(it.set, cursor{c: b.Cursor()})
		}
	}
	it.start()
	w := layerWriter{btx: btx, id: f.id}
	for budget := f.db.limits.step; budget > 0 && w.bytes < f.db.limits.stepSize; budget-- {
		key, value := it.step()
		if key == nil {
			f.complete = true
			break
		}
		f.after = bytes.Clone(key)
		if value[0] == tagGone && f.run.bottom {
			continue
		}
		if err := w.put(key, value); err != nil {
			return err
		}
	}
	f.total += w.entries
	return w.finish()
}

// swapAll replaces the run by the new layer: first in the world itself, and then, a few at a time, in all other chains
// that have the run. Both forms of a chain have the same content, so it does not matter when each of them changes.
func (f *folding) swapAll(world string) error {
	places := []place{{string(bucketWorlds), world}}
	if err := f.db.change(func(btx *bolt.Tx) error { return f.swap(btx, places) }); err != nil {
		return err
	}
	places, err := f.places()
	if err != nil {
		return err
	}
	for part := range slices.Chunk(places, max(f.db.limits.step/4, 1)) {
		if err := f.db.quitting(); err != nil {
			return err
		}
		if err := f.db.change(func(btx *bolt.Tx) error { return f.swap(btx, part) }); err != nil {
			return err
		}
	}
	return nil
}

// places returns the records that have the run.
func (f *folding) places() ([]place, error) {
	btx, err := f.db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	var list []place
	err = eachChain(btx, func(p place, chain []uint64) {
		if find(chain, f.run.ids) >= 0 && (len(list) == 0 || list[len(list)-1] != p) {
			list = append(list, p)
		}
	})
	return list, err
}

// swap replaces the run in the chains of some records.
func (f *folding) swap(btx *bolt.Tx, places []place) error {
	var with []uint64
	if !layerEmpty(btx, f.id) {
		with = []uint64{f.id}
	}
	for _, p := range places {
		v, err := p.chains(btx, func(chain []uint64) []uint64 {
			at := find(chain, f.run.ids)
			if at < 0 || f.run.bottom && at+len(f.run.ids) != len(chain) {
				return chain
			}
			return slices.Concat(chain[:at], with, chain[at+len(f.run.ids):])
		})
		if err != nil {
			return err
		}
		if v == nil {
			continue
		}
		if err := btx.Bucket([]byte(p.bucket)).Put([]byte(p.key), v); err != nil {
			return err
		}
	}
	return nil
}

// find returns the index of part in chain, -1 if it is not there.
func find(chain, part []uint64) int {
	for i := 0; i+len(part) <= len(chain); i++ {
		if slices.Equal(chain[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}
