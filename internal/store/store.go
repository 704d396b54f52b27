// Package store keeps everything that the simulator knows in one bbolt file: isolated worlds, each a chain of layers.
//
// It exists so that a checkpoint, a restore, a fork and a reset cost the same few microseconds in a world of ten rows
// and of a million. Reads go through a world's chain from the newest layer to the oldest, the first layer that knows a
// key decides, and a tombstone says that the key is gone. Writes go to the top layer only. All other layers are frozen
// for ever and may belong to many chains. A checkpoint freezes the top and puts an empty layer on it; restore and reset
// leave the top behind and put an empty layer on an older chain. Layers that no chain names are deleted, and long
// chains are folded, by one goroutine in small steps (see fold.go, collect.go).
//
// The file:
//
//	meta                          bucket; its sequence is the number of the last layer made
//	  schema                      decimal version of this drawing, now 1
//	  applied                     8 bytes, big endian: the number of the last log that is in the tree (see wal.go)
//	worlds
//	  <world>                     top layer, frozen chain, start chain, opaque meta (see record)
//	checkpoints
//	  <world> 00 <checkpoint>     chain
//	bases
//	  <base>                      chain of one layer
//	L<8 bytes, big endian>        one bucket for each layer that was ever written to; its sequence counts the entries
//	  <space> <key>               table: 01, uvarint n, n bytes of index entries, the row
//	  <space> <value, escaped> 00 01 <key>
//	                              index: 01
//	  <any of these keys>         00: tombstone, older layers are not asked
//
// A space is one sorted set of entries: a table (index name empty) or one of its indexes, in one partition. It is
//
//	<table> 00 <index> 00 <partition, escaped> 00 01
//
// and escaped means that 00 is written as 00 FF, so that no value is the beginning of another. All spaces of a layer lie in
// one tree: a transaction opens as many buckets as its chain has layers, and small tables share pages.
//
// A chain is written as uvarint count and uvarint layer numbers, newest first. The tables whose names begin with an
// tilde are the store's own (~random: seed and draws, in partition ""; it lies beside the timers, which are written as often).
//
// Concurrent writers share commits (see commit.go); readers never wait for writers. A commit goes to a log and to memory, and
// to bbolt with many others (see flush.go); a function that fails leaves no trace in a commit that it shares.
package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const schemaVersion = 1

// What went wrong. Functions of this package wrap these with the name that they are about; ask with errors.Is.
var (
	ErrNoWorld      = errors.New("no such world") // always a *NoWorldError
	ErrWorldExists  = errors.New("world exists")
	ErrNoCheckpoint = errors.New("no such checkpoint")
	ErrNoBase       = errors.New("no such base")
	ErrNotFound     = errors.New("not found")
	ErrExists       = errors.New("exists already")
	ErrBadName      = errors.New("not a usable name")
	ErrLocked       = errors.New("another process has the file open")
	ErrNewer        = errors.New("the file was written by a newer version of this program")
	ErrNotStore     = errors.New("not a database of this program, or a damaged one")
	ErrClosed       = errors.New("store is closed")
	ErrDamaged      = errors.New("the file was damaged while it was open")
)

// Options for Open; the zero value is the default.
type Options struct {
	// SyncDisk makes every (shared) commit wait for the disk, so that it survives a power loss. Without it a commit is
	// handed to the operating system before Update returns: it survives the end of the process, however sudden.
	SyncDisk bool
	// Log receives background work at debug level, and its failures.
	Log zerolog.Logger
}

// DB is an open file. All methods may be called from any goroutine.
type DB struct {
	bolt   *bolt.DB
	log    zerolog.Logger
	limits limits

	mu      sync.Mutex // guards the five fields below
	idle    sync.Cond  // writing became false
	queue   []*call
	writing bool // some call has the turn
	closed  bool
	pinned  map[uint64]bool // layers being built, which no chain names yet

	batch   *batch // belongs to the call that has the turn, as mem, record and touched do
	mem     arena
	record  []byte
	touched []*memNode

	syncDisk bool
	readers  readers
	decoded  decodedRows
	flushing sync.WaitGroup
	settler  settler
	unlisted atomic.Bool // whether the last transaction of bbolt listed no free pages

	baseMu sync.Mutex // one Base is being built at a time
	worker worker
	damage damage
}

// limits are the sizes that tests change.
type limits struct {
	turns    int // calls in a commit
	rows     int // entries after which a commit takes no further call
	step     int // entries of one step of background work
	stepSize int // bytes of one step of background work
	chain    int // frozen layers that a chain may have without being folded
	small    int // layers of fewer entries count as having this many
	mapping  int // bytes of the file that are mapped at first

	recent     int   // entries that the tree may lack before they are written to it
	recentSize int   // bytes of them
	log        int64 // bytes that a log may have; 0: any number
}

func defaultLimits() limits {
	return limits{turns: 64, rows: 4096, step: 250, stepSize: 1 << 18, chain: 6, small: 16, mapping: 1 << 30,
		recent: 16384, recentSize: 8 << 20}
}

// Open opens the file, and makes it if it does not exist or is empty. It does not wait for a lock: ErrLocked.
// ErrNewer and ErrNotStore leave the file as it is. Every page is looked at before anything is written (see pages.go).
func Open(path string, o Options) (*DB, error) {
	return open(path, o, defaultLimits())
}

func open(path string, o Options, l limits) (*DB, error) {
	if err := inspect(path); err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	b, err := openBolt(path, boltOptions(o, l))
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, openError(path, err))
	}
	db := &DB{bolt: b, log: o.Log, limits: l, syncDisk: o.SyncDisk, pinned: map[uint64]bool{}, damage: damage{told: make(chan struct{})},
		decoded: decodedRows{seed: maphash.MakeSeed()}}
	db.idle.L = &db.mu
	if err := db.firstGeneration(); err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, errors.Join(err, b.Close()))
	}
	db.settler.start(db)
	db.worker.start(db)
	return db, nil
}

// openBolt opens the file. A new one is made under another name first, so that a process that is killed meanwhile leaves none
// that is half made.
func openBolt(path string, o *bolt.Options) (b *bolt.DB, err error) {
	defer func() {
		if r := recover(); r != nil { // bbolt's way to say that it cannot find out which pages are free
			err = fmt.Errorf("%w: %v", ErrNotStore, r)
		}
	}()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeFile(path); err != nil {
			return nil, err
		}
	}
	if b, err = bolt.Open(path, 0o644, o); err != nil {
		return nil, err
	}
	if err := errors.Join(prepare(b), replay(b)); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// makeFile makes a file with the fixed buckets.
func makeFile(path string) error {
	draft := path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := bolt.Open(draft, 0o644, &bolt.Options{Timeout: time.Nanosecond, NoSync: true})
	if err != nil {
		return err
	}
	if err := errors.Join(prepare(b), b.Close()); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return os.Rename(draft, path)
}

func boltOptions(o Options, l limits) *bolt.Options {
	opts := &bolt.Options{
		Timeout:      time.Nanosecond, // one attempt
		NoSync:       !o.SyncDisk,
		NoGrowSync:   !o.SyncDisk,
		FreelistType: bolt.FreelistMapType,
		NoStatistics: true,
	}
	// A mapping larger than the file costs only addresses, and growing it would stop readers. Windows would make the
	// file that large.
	if math.MaxInt > math.MaxInt32 && runtime.GOOS != "windows" {
		opts.InitialMmapSize = l.mapping
	}
	return opts
}

// inspect looks at an existing file without changing it.
func inspect(path string) (err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		logs, _, err := readWALs(path, 0)
		if err == nil && len(logs) > 0 {
			err = fmt.Errorf("%s is there without the file that it belongs to", logs[0].name)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotStore, err)
		}
		return nil
	case err != nil:
		return openError(path, err)
	case !info.Mode().IsRegular():
		return ErrNotStore
	case info.Size() == 0:
		return nil
	}
	b, err := bolt.Open(path, 0, &bolt.Options{ReadOnly: true, Timeout: time.Nanosecond, NoStatistics: true})
	if err != nil {
		if err = openError(path, err); errors.Is(err, ErrLocked) || errors.As(err, new(*fs.PathError)) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrNotStore, err)
	}
	defer func() { _ = b.Close() }()
	if err := examine(path); err != nil {
		return fmt.Errorf("%w: %w", ErrNotStore, err)
	}
	if err := b.View(checkSchema); err != nil {
		return err
	}
	if _, _, err := leftBehind(b); err != nil {
		return fmt.Errorf("%w: %w", ErrNotStore, err)
	}
	return nil
}

// checkSchema accepts a file of this version, and a file that holds nothing at all.
func checkSchema(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return ErrNotStore
		}
		return nil
	}
	v := meta.Get(keySchema)
	var version int
	if _, err := fmt.Sscanf(string(v), "%d", &version); err != nil || version < 1 {
		return fmt.Errorf("%w: schema version %q", ErrNotStore, v)
	}
	if version > schemaVersion {
		return fmt.Errorf("%w: schema version %d, this program knows %d", ErrNewer, version, schemaVersion)
	}
	return nil
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("directory %s must exist and be writable: %w", filepath.Dir(path), err)
	}
	return err
}

// prepare makes the fixed buckets of a new file.
func prepare(b *bolt.DB) error {
	fresh := false
	err := b.View(func(tx *bolt.Tx) error {
		fresh = tx.Bucket(bucketMeta) == nil
		return nil
	})
	if err != nil || !fresh {
		return err
	}
	return b.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketWorlds, bucketCheckpoints, bucketBases} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, fmt.Append(nil, schemaVersion))
	})
}

// Close waits for running transactions and for the current step of background work, and closes and seals the file. Later
// calls of any method answer ErrClosed. A damaged file is left as it is: ErrDamaged.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return ErrClosed
	}
	db.closed = true
	db.mu.Unlock()

	db.settler.stop()
	db.worker.stop()
	db.mu.Lock()
	for db.writing {
		db.idle.Wait()
	}
	db.mu.Unlock()
	if err := db.Err(); err != nil {
		return err // bbolt may hold locks that nobody will release
	}
	db.flushing.Wait()
	last := db.changeTree(func(*bolt.Tx) error {
		db.listFree()
		return nil
	})
	db.readers.hold() // for good
	path := db.bolt.Path()
	if err := errors.Join(last, db.bolt.Close()); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	if err := writeSeal(path); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}
