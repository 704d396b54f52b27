package store

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Base makes a base, a frozen layer with what fn writes, unless there is one of that name. A world is created on a base
// in a time that does not depend on its size. fn runs concurrently with all other transactions, on an empty store of
// its own. What it writes reaches the file in small commits. It must not call Base. The errors are those of fn and
// ErrBadName.
func (db *DB) Base(name string, fn func(*Tx) error) error {
	if err := checkName("base", name); err != nil {
		return err
	}
	db.buildMu.Lock()
	defer db.buildMu.Unlock()
	if exists, err := db.hasBase(name); exists || err != nil {
		return err
	}
	s := &session{writable: true, src: &source{opened: true}, mem: &arena{}}
	defer s.end()
	id, err := db.buildLayer(s, fn)
	if err != nil {
		return err
	}
	defer db.unpin(id)
	err = db.change(func(btx *bolt.Tx) error {
		return btx.Bucket(bucketBases).Put([]byte(name), appendChain(nil, []uint64{id}))
	})
	if err != nil {
		return err
	}
	for _, hook := range s.hooks {
		hook()
	}
	return nil
}

// buildLayer runs fn in the session, which is on an empty store, and writes what it wrote to a new layer. The layer is
// not collected until it is unpinned.
func (db *DB) buildLayer(s *session, fn func(*Tx) error) (id uint64, err error) {
	tx := s.whole()
	if err := catchCorrupt(fn, &tx); err != nil {
		return 0, err
	}
	if id, err = db.pinLayer(); err != nil {
		return 0, err
	}
	if err := db.fill(id, s); err != nil {
		db.unpin(id)
		return 0, err
	}
	return id, nil
}

func (db *DB) hasBase(name string) (bool, error) {
	btx, err := db.begin()
	if err != nil {
		return false, err
	}
	defer btx.Rollback()
	return btx.Bucket(bucketBases).Get([]byte(name)) != nil, nil
}

// pinLayer returns the number of a new layer, which is not collected until it is unpinned.
func (db *DB) pinLayer() (id uint64, err error) {
	err = db.change(func(btx *bolt.Tx) error {
		if id, err = newLayer(btx); err == nil {
			db.mu.Lock()
			db.pinned[id] = true
			db.mu.Unlock()
		}
		return err
	})
	return id, err
}

func (db *DB) unpin(id uint64) {
	db.mu.Lock()
	delete(db.pinned, id)
	db.mu.Unlock()
	db.worker.wake(todo{dropped: true})
}

// fill writes the rows of a session to a layer, in steps.
func (db *DB) fill(id uint64, s *session) error {
	if s.over == nil {
		return nil
	}
	for n := s.over.First(); n != nil; {
		err := db.change(func(btx *bolt.Tx) (err error) {
			n, err = db.fillStep(btx, id, n)
			return err
		})
		if err != nil {
			return fmt.Errorf("store: base: %w", err)
		}
	}
	return nil
}

// fillStep writes a bounded number of rows beginning with n, and returns the first row that is left.
func (db *DB) fillStep(btx *bolt.Tx, id uint64, n *overlayNode) (*overlayNode, error) {
	w := layerWriter{btx: btx, id: id}
	for ; n != nil && w.entries < 4*db.limits.step && w.bytes < 4*db.limits.stepSize; n = n.Next() {
		if n.Value[0] == tagGone {
			continue
		}
		if err := w.put(n.Key, n.Value); err != nil {
			return nil, err
		}
	}
	return n, w.finish()
}

// layerWriter appends entries, in ascending order, to a layer that is in no chain yet.
type layerWriter struct {
	btx     *bolt.Tx
	id      uint64
	layer   *bolt.Bucket
	entries int
	bytes   int
}

func (w *layerWriter) put(key, value []byte) (err error) {
	if w.layer == nil {
		if w.layer, err = w.btx.CreateBucketIfNotExists(layerKey(w.id)); err != nil {
			return err
		}
		w.layer.FillPercent = 0.95
	}
	w.entries++
	w.bytes += len(key) + len(value)
	return w.layer.Put(key, value)
}

// finish writes the number of entries.
func (w *layerWriter) finish() error {
	if w.layer == nil {
		return nil
	}
	return w.layer.SetSequence(w.layer.Sequence() + uint64(w.entries))
}

// Bases returns the sorted names of the bases.
func (db *DB) Bases() (list []string, err error) {
	defer db.guard.Protect(&err)()
	btx, err := db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	err = btx.Bucket(bucketBases).ForEach(func(k, _ []byte) error {
		list = append(list, string(k))
		return nil
	})
	return list, err
}

// DeleteBases deletes the bases of those names, if they exist. Worlds that started on them keep their state.
func (db *DB) DeleteBases(names ...string) error {
	return db.dropped(db.change(func(btx *bolt.Tx) error {
		for _, name := range names {
			if err := btx.Bucket(bucketBases).Delete([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	}))
}
