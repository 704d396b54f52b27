// Package store keeps all state of the simulator in one bbolt file: isolated worlds, each a chain of layers.
//
// A checkpoint, a restore, a fork and a reset cost the same few microseconds in a world of ten rows and of a million.
// Reads go through a world's chain from the newest layer to the oldest. The first layer that has the key decides, and a
// tombstone means that the key is deleted. Writes go to the top layer only. All other layers are frozen and may belong
// to many chains. A checkpoint freezes the top layer and puts an empty layer on it; restore and reset abandon the top
// layer and put an empty layer on an older chain. One goroutine deletes layers that no chain has and folds long chains,
// in small steps (see layer_fold.go, layer_collect.go).
//
// The file:
//
//	meta                          bucket; its sequence is the number of the last layer made
//	  schema                      decimal version of this layout, now 2
//	  applied                     8 bytes, big endian: the number of the last log that is in the tree (see package wal)
//	  wall                        8 bytes, big endian: a time of the wall clock (see DB.LastWall)
//	worlds                        bucket; its sequence is the number of the last life that began
//	  <world>                     top layer, frozen chain, start chain, life, opaque meta (see worldRecord)
//	checkpoints
//	  <world> 00 <checkpoint>     chain, opaque meta
//	bases
//	  <base>                      chain of one layer
//	L<8 bytes, big endian>        one bucket for each layer that was ever written to; its sequence counts the entries
//	  <space> <key>               table: 01, uvarint n, n bytes of index entries, the row
//	  <space> <value, escaped> 00 01 <key>
//	                              index: 01
//	  <any of these keys>         00: tombstone, older layers are not read
//
// A space is one sorted set of entries: a table (index name empty) or one of its indexes, in one partition. It is
//
//	<table> 00 <index> 00 <partition, escaped> 00 01
//
// where escaped means that 00 is written as 00 FF, so that no value is a prefix of another. All spaces of a layer are
// in one tree: a transaction opens one bucket for each layer of its chain, and small tables share pages.
//
// A chain is written as uvarint count and uvarint layer numbers, newest first. Tables whose names begin with a tilde
// are the store's own (~random: seed and draws, in partition "", next to the timers, which are written as often).
//
// Concurrent writers share commits (see commit.go), and readers never wait for writers. A commit goes to a log and to
// memory first, and to bbolt with many others (see flush.go). A function that fails leaves no trace in a commit that it
// shares.
package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"

	"storagesim/internal/store/pagefile"
)

// schemaVersion is the version of the layout. Version 1 has no lives, and its first programs had no log. A program
// refuses the file of a newer one, and upgrades the file of an older one (see upgrade.go).
const schemaVersion = 2

// The errors of this package. They are returned wrapped, with the name that they are about.
var (
	ErrNoWorld      = errors.New("no such world") // always a *NoWorldError
	ErrWorldExists  = errors.New("world exists")
	ErrNoCheckpoint = errors.New("no such checkpoint")
	ErrNoBase       = errors.New("no such base")
	ErrNotFound     = errors.New("not found")
	ErrExists       = errors.New("already exists")
	ErrBadName      = errors.New("invalid name")
	ErrLocked       = errors.New("another process has the file open")
	ErrNewer        = errors.New("the file was written by a newer version of this program")
	ErrNotStore     = errors.New("not a database of this program, or a damaged one")
	ErrClosed       = errors.New("store is closed")
	ErrDamaged      = pagefile.ErrDamaged
)

// Options are options of Open. The zero value is the default.
type Options struct {
	// SyncDisk makes every commit wait for the disk, so that it survives a power loss. Without it a commit is handed to
	// the operating system before Update returns, and survives a sudden end of the process.
	SyncDisk bool
	// Log receives background work at debug level, and its failures at error level.
	Log zerolog.Logger
	// Wall is the clock of LastWall. It may be nil.
	Wall func() time.Time
}

// DB is an open file. Its methods may be called from any goroutine.
type DB struct {
	bolt   *bolt.DB
	log    zerolog.Logger
	limits limits
	guard  *pagefile.Guard

	mu       sync.Mutex // guards the five fields below
	noWriter sync.Cond  // writing became false
	queue    []*call
	writing  bool // a call has the turn
	closed   bool
	pinned   map[uint64]bool // layers that are being built and are in no chain yet

	batch   *batch // this and the next three belong to the call that has the turn
	mem     arena
	record  []byte
	touched []*versions

	syncDisk bool
	wall     func() time.Time // nil: not kept
	owned    owned
	readers  readers
	lives    lives
	decoded  decodedRows
	flushing sync.WaitGroup
	idle     idleFlusher
	unlisted atomic.Bool // whether the last transaction of bbolt did not list the free pages

	buildMu sync.Mutex // one layer is built at a time
	worker  worker
}

// limits are sizes that tests make smaller.
type limits struct {
	turns    int // calls in a commit
	rows     int // entries after which a commit takes no more calls
	step     int // entries of one step of background work
	stepSize int // bytes of one step of background work
	chain    int // frozen layers that a chain may have before it is folded

	checkpoints      int // of all worlds together
	worldCheckpoints int // of one world

	small   int // the least size that a layer counts with when chains are folded
	mapping int // bytes of the first mapping of the file

	recent     int   // entries that may be missing from the tree
	recentSize int   // bytes that may be missing from the tree
	log        int64 // bytes of a log; 0: any number
}

func defaultLimits() limits {
	return limits{turns: 64, rows: 4096, step: 250, stepSize: 1 << 18, chain: 6, small: 16, mapping: 1 << 30,
		checkpoints: 10_000, worldCheckpoints: 1000, recent: 16384, recentSize: 8 << 20}
}

// Close waits for running transactions and for the current step of background work, and closes and seals the file. All
// methods return ErrClosed afterwards. If the file is damaged, Close leaves it as it is and returns ErrDamaged. If it
// is gone, Close leaves alone what is in its place, and returns ErrGone.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return ErrClosed
	}
	db.closed = true
	db.mu.Unlock()

	close(db.owned.quit)
	<-db.owned.done
	db.idle.stop()
	db.worker.stop()
	db.mu.Lock()
	for db.writing {
		db.noWriter.Wait()
	}
	db.mu.Unlock()
	if err := db.Err(); err != nil {
		return err // bbolt may hold locks that are never released
	}
	if err := db.owned.check(); err != nil {
		return db.guard.Lose(err)
	}
	db.flushing.Wait()
	last := db.changeTree(func(*bolt.Tx) error {
		db.listFree()
		return nil
	})
	db.readers.hold() // never resumed
	if err := errors.Join(last, db.bolt.Close()); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	if err := pagefile.Seal(db.owned.path, db.owned.file); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

// Failed returns a channel that is closed when damage to the open file has been found, or that it was removed or
// replaced; Err returns it. Every write fails from then on, and the program should end.
func (db *DB) Failed() <-chan struct{} { return db.guard.Failed() }

// Err returns nil until Failed is closed, and an error that wraps ErrDamaged or ErrGone from then on.
func (db *DB) Err() error { return db.guard.Err() }
