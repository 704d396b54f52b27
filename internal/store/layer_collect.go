package store

import (
	"errors"
	"maps"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// worker runs background work when it is woken: it folds long chains, and deletes layers that are in no chain.
type worker struct {
	signal chan struct{} // capacity 1
	quit   chan struct{}
	done   chan struct{}

	mu   sync.Mutex
	todo todo
}

// todo is what has changed since the worker last looked.
type todo struct {
	all     bool            // check everything
	worlds  map[string]bool // those whose chains have become longer
	dropped bool            // a chain was deleted or replaced
}

func (w *worker) start(db *DB) {
	w.signal, w.quit, w.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	w.wake(todo{all: true})
	go func() {
		defer close(w.done)
		for {
			select {
			case <-w.quit:
				return
			case <-w.signal:
			}
			if err := db.tidy(w.take()); err != nil && !errors.Is(err, ErrClosed) {
				db.log.Error().Err(err).Msg("store: background work")
			}
		}
	}()
}

// wake makes the worker check what has changed.
func (w *worker) wake(t todo) {
	w.mu.Lock()
	w.todo.all = w.todo.all || t.all
	w.todo.dropped = w.todo.dropped || t.dropped
	if w.todo.worlds == nil {
		w.todo.worlds = map[string]bool{}
	}
	maps.Copy(w.todo.worlds, t.worlds)
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *worker) take() todo {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.todo
	w.todo = todo{}
	return t
}

// stop returns after the current step.
func (w *worker) stop() {
	close(w.quit)
	<-w.done
}

// tidy folds the chains that may have become too long, and then deletes the layers that are in no chain.
func (db *DB) tidy(t todo) (err error) {
	defer db.guard.Protect(&err)()
	if t.all {
		list, err := db.WorldNames()
		if err != nil {
			return err
		}
		t.worlds = map[string]bool{}
		for _, w := range list {
			t.worlds[w] = true
		}
	}
	for world := range t.worlds {
		for again := true; again; {
			var err error
			if again, err = db.fold(world); err != nil {
				return err
			}
			t.dropped = t.dropped || again
		}
	}
	if t.all || t.dropped {
		return db.collect()
	}
	return nil
}

// place is a record that holds chains.
type place struct {
	bucket, key string
}

// eachChain calls fn with every chain of the file.
func eachChain(btx *bolt.Tx, fn func(p place, chain []uint64)) error {
	for _, bucket := range [][]byte{bucketWorlds, bucketCheckpoints, bucketBases} {
		err := btx.Bucket(bucket).ForEach(func(k, _ []byte) error {
			p := place{string(bucket), string(k)}
			_, err := p.chains(btx, func(chain []uint64) []uint64 {
				fn(p, chain)
				return chain
			})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// chains calls fn with each chain of the record, and returns the record with the chains that fn returned. It returns
// nil if there is no such record any more.
func (p place) chains(btx *bolt.Tx, fn func(chain []uint64) []uint64) ([]byte, error) {
	v := btx.Bucket([]byte(p.bucket)).Get([]byte(p.key))
	if v == nil {
		return nil, nil
	}
	if p.bucket == string(bucketWorlds) {
		r, err := decodeWorld(v, nil)
		if err != nil {
			return nil, err
		}
		r.chain, r.start = fn(r.chain), fn(r.start)
		return r.encode(), nil
	}
	chain, meta, err := readChain(v, nil)
	if err != nil {
		return nil, err
	}
	return append(appendChain(nil, fn(chain)), meta...), nil
}

// collect deletes the layers that are in no chain and are not being built.
func (db *DB) collect() error {
	garbage, err := db.garbage()
	if err != nil {
		return err
	}
	for _, id := range garbage {
		for done := false; !done; {
			if err := db.quitting(); err != nil {
				return err
			}
			err := db.change(func(btx *bolt.Tx) (err error) {
				done, err = db.deleteStep(btx, id)
				return err
			})
			if err != nil {
				return err
			}
		}
		db.log.Debug().Uint64("layer", id).Msg("layer deleted")
	}
	return nil
}

// quitting returns ErrClosed once the worker must stop.
func (db *DB) quitting() error {
	select {
	case <-db.worker.quit:
		return ErrClosed
	default:
		return nil
	}
}

// garbage returns the layers that are in no chain and are not being built.
func (db *DB) garbage() ([]uint64, error) {
	// A layer is pinned before it is in the file, and unpinned after it is in a chain. The snapshot is taken with the
	// lock held, so a layer in it without a chain is either pinned or garbage.
	keep := map[uint64]bool{}
	db.mu.Lock()
	btx, err := db.begin()
	for id := range db.pinned {
		keep[id] = true
	}
	db.mu.Unlock()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	err = eachChain(btx, func(_ place, chain []uint64) {
		for _, id := range chain {
			keep[id] = true
		}
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

// deleteStep deletes a bounded part of a layer, and reports whether that was the last part.
func (db *DB) deleteStep(btx *bolt.Tx, id uint64) (bool, error) {
	layer := layerBucket(btx, id)
	if layer == nil {
		return true, nil
	}
	if layer.Sequence() > uint64(4*db.limits.step) { // deleting a smaller bucket is fast enough
		if err := deleteEntries(layer, db.limits.step); err != nil {
			return false, err
		}
		return false, layer.SetSequence(layer.Sequence() - uint64(db.limits.step))
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
