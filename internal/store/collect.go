package store

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

// worker runs background work when it is woken: first it folds long chains, then it deletes layers that no chain names.
type worker struct {
	signal chan struct{} // capacity 1
	quit   chan struct{}
	done   chan struct{}
}

func (w *worker) start(db *DB) {
	w.signal, w.quit, w.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	w.wake()
	go func() {
		defer close(w.done)
		for {
			select {
			case <-w.quit:
				return
			case <-w.signal:
			}
			if err := db.tidy(); err != nil && !errors.Is(err, ErrClosed) {
				db.log.Error().Err(err).Msg("store: background work")
			}
		}
	}()
}

// wake makes the worker look for work once more.
func (w *worker) wake() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// stop returns after the current step.
func (w *worker) stop() {
	close(w.quit)
	<-w.done
}

// tidy folds and collects until there is nothing left to do.
func (db *DB) tidy() error {
	for {
		folded, err := db.fold()
		if err != nil {
			return err
		}
		collected, err := db.collect()
		if err != nil || !folded && !collected {
			return err
		}
	}
}

// eachChain calls fn with every chain of the file. After a change fn answers the new chain, else nil.
func eachChain(btx *bolt.Tx, fn func(chain []uint64, present bool) []uint64) error {
	put := map[string]map[string][]byte{}
	visit := func(name []byte, fn func(k, v []byte) ([]byte, error)) error {
		changes := map[string][]byte{}
		put[string(name)] = changes
		return btx.Bucket(name).ForEach(func(k, v []byte) error {
			now, err := fn(k, v)
			if now != nil {
				changes[string(k)] = now
			}
			return err
		})
	}
	err := visit(bucketWorlds, func(_, v []byte) ([]byte, error) {
		r, err := decodeRecord(v, nil)
		if err != nil {
			return nil, err
		}
		chain, start := fn(r.chain, true), fn(r.start, false)
		if chain == nil && start == nil {
			return nil, nil
		}
		if chain != nil {
			r.chain = chain
		}
		if start != nil {
			r.start = start
		}
		return r.encode(), nil
	})
	for _, name := range [][]byte{bucketCheckpoints, bucketBases} {
		if err != nil {
			return err
		}
		err = visit(name, func(_, v []byte) ([]byte, error) {
			chain, _, err := readChain(v, nil)
			if err != nil {
				return nil, err
			}
			if chain = fn(chain, false); chain == nil {
				return nil, nil
			}
			return appendChain(nil, chain), nil
		})
	}
	for name, changes := range put {
		for k, v := range changes {
			if err == nil {
				err = btx.Bucket([]byte(name)).Put([]byte(k), v)
			}
		}
	}
	return err
}

// collect deletes the layers that no chain names and nobody is building. It tells whether there were any.
func (db *DB) collect() (bool, error) {
	garbage, err := db.garbage()
	for _, id := range garbage {
		for done := false; !done && err == nil; {
			if err = db.quitting(); err == nil {
				err = db.change(func(btx *bolt.Tx) (err error) {
					done, err = db.deleteStep(btx, id)
					return err
				})
			}
		}
		if err != nil {
			break
		}
		db.log.Debug().Uint64("layer", id).Msg("layer deleted")
	}
	return len(garbage) > 0, err
}

func (db *DB) quitting() error {
	select {
	case <-db.worker.quit:
		return ErrClosed
	default:
		return nil
	}
}

func (db *DB) garbage() ([]uint64, error) {
	// Pinned layers are looked up first: one that is unpinned after that is named by a chain in what is read next, and
	// one that is pinned after that is not in it.
	keep := map[uint64]bool{}
	db.mu.Lock()
	for id := range db.pinned {
		keep[id] = true
	}
	db.mu.Unlock()
	btx, err := db.begin(false)
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	err = eachChain(btx, func(chain []uint64, _ bool) []uint64 {
		for _, id := range chain {
			keep[id] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var garbage []uint64
	c := btx.Cursor()
	for k, _ := c.Seek([]byte{'L'}); k != nil; k, _ = c.Next() {
		if id, ok := layerID(k); ok && !keep[id] {
			garbage = append(garbage, id)
		}
	}
	return garbage, nil
}

// deleteStep deletes a bounded part of a layer and tells whether that was the last one.
func (db *DB) deleteStep(btx *bolt.Tx, id uint64) (bool, error) {
	layer := btx.Bucket(layerKey(id))
	if layer == nil {
		return true, nil
	}
	budget := 4 * db.limits.step // whole buckets go fast
	var whole [][]byte
	c := layer.Cursor()
	for name, _ := c.First(); name != nil; name, _ = c.Next() {
		entries := layer.Bucket(name).Cursor()
		n := 0
		for k, _ := entries.First(); k != nil && n <= budget; k, _ = entries.Next() {
			n++
		}
		if n > budget {
			if len(whole) == 0 {
				return false, deleteEntries(layer.Bucket(name), db.limits.step)
			}
			break
		}
		budget -= n
		whole = append(whole, name)
	}
	for _, name := range whole {
		if err := layer.DeleteBucket(name); err != nil {
			return false, err
		}
	}
	if left, _ := layer.Cursor().First(); left != nil {
		return false, nil
	}
	return true, btx.DeleteBucket(layerKey(id))
}

func deleteEntries(b *bolt.Bucket, n int) error {
	keys := make([][]byte, 0, n)
	c := b.Cursor()
	for k, _ := c.First(); k != nil && len(keys) < n; k, _ = c.Next() {
		keys = append(keys, k)
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
