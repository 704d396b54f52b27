package store

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"
)

// OpenSmall opens a file with limits so small that a few rows make several steps of background work.
func OpenSmall(path string) (*DB, error) {
	return open(path, Options{}, limits{turns: 4, rows: 50, step: 7, stepSize: 1 << 10, chain: 2, small: 3,
		recent: 20, recentSize: 1 << 13, checkpoints: 1000, worldCheckpoints: 100})
}

// Tidy folds and collects all that there is to fold and collect.
func (db *DB) Tidy() error { return db.tidy(todo{all: true}) }

// Layers returns the number of layers in the file, and that of the frozen ones in a world's present chain.
func (db *DB) Layers(world string) (all, chain int, err error) {
	btx, err := db.begin()
	if err != nil {
		return 0, 0, err
	}
	defer btx.Rollback()
	c := btx.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if _, ok := layerID(k); ok {
			all++
		}
	}
	r, err := readWorld(btx, world, nil)
	return all, len(r.chain) - 1, err
}

// SetMaxSize makes writes fail that would let the file or its log grow beyond size. With 0 there is no limit. Nothing
// may be written meanwhile.
func (db *DB) SetMaxSize(size int) {
	_ = db.change(func(*bolt.Tx) error { return nil })
	db.bolt.MaxSize, db.limits.log = size, int64(size)
}

// SetSchema sets the schema version in the file.
func (db *DB) SetSchema(version string) error {
	return db.change(func(btx *bolt.Tx) error { return btx.Bucket(bucketMeta).Put(keySchema, []byte(version)) })
}

// Spoil replaces an encoded row without any check.
func (db *DB) Spoil(world, table, key string, value []byte) error {
	return db.Update(world, func(tx *Tx) error {
		tx.put(tx.key(spacePrefix(table, ""), key), value)
		return nil
	})
}

// WaitQueued returns when n callers wait for their turn. It panics if that takes longer than two minutes.
func (db *DB) WaitQueued(n int) {
	for began := time.Now(); time.Since(began) < 2*time.Minute; {
		db.mu.Lock()
		waiting := len(db.queue)
		db.mu.Unlock()
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
	panic("too few callers wait for their turn")
}

// CopyTo copies the file and its logs as a process leaves them that is killed between two commits. It returns the path
// of the copy.
func (db *DB) CopyTo(dir string) (string, error) {
	c := newCall()
	if err := db.enter(c); err != nil {
		return "", err
	}
	defer db.pass()
	db.finish()
	db.awaitFlush()
	logs, err := filepath.Glob(db.bolt.Path() + "*")
	if err != nil {
		return "", err
	}
	for _, name := range logs {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), content, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, filepath.Base(db.bolt.Path())), nil
}

// SetMaxTree is SetMaxSize of the tree alone.
func (db *DB) SetMaxTree(size int) {
	_ = db.change(func(*bolt.Tx) error { return nil })
	db.bolt.MaxSize = size
}

// FlushIdleWhileClosing runs the idle flusher as if Close had begun and was waiting for it. It closes its result when
// the flusher rests. The store is open again then.
func (db *DB) FlushIdleWhileClosing() <-chan struct{} {
	db.idle.stop()
	db.mu.Lock()
	db.closed = true
	db.mu.Unlock()
	rests := make(chan struct{})
	go func() {
		(&idleFlusher{quit: make(chan struct{})}).run(db, time.NewTimer(0))
		db.mu.Lock()
		db.closed = false
		db.mu.Unlock()
		db.idle.start(db)
		close(rests)
	}()
	return rests
}

// FreeListed reports whether a file has a list of its free pages, in the meta page of its last transaction.
func FreeListed(path string) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	const pageHeader, freelist, txid = 16, 32, 48
	number := binary.NativeEndian.Uint64
	newest, other := data[pageHeader:], data[os.Getpagesize()+pageHeader:]
	if number(other[txid:]) > number(newest[txid:]) {
		newest = other
	}
	return number(newest[freelist:]) != 1<<64-1, nil
}

// FlushAll writes what was committed to the tree.
func (db *DB) FlushAll() bool { return db.flushAll() }
