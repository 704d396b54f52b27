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
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"storagesim/internal/store/pagefile"
	"storagesim/internal/store/wal"
)

// Open opens the file, and makes it if it does not exist or is empty. It checks the file before it writes to it, and
// leaves a file that it refuses as it is. The errors are ErrLocked (it does not wait), ErrNewer and ErrNotStore.
func Open(path string, o Options) (*DB, error) {
	return open(path, o, defaultLimits())
}

func open(path string, o Options, l limits) (*DB, error) {
	if err := inspect(path); err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	b, file, err := openBolt(path, boltOptions(o, l))
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, openError(path, err))
	}
	db := &DB{
		bolt:     b,
		owned:    owned{path: path, file: file, logs: map[*wal.Log]bool{}},
		log:      o.Log,
		limits:   l,
		guard:    pagefile.NewGuard(path),
		syncDisk: o.SyncDisk,
		wall:     o.Wall,
		pinned:   map[uint64]bool{},
		decoded:  decodedRows{seed: maphash.MakeSeed()},
	}
	db.noWriter.L = &db.mu
	if err := errors.Join(db.firstGeneration(), db.firstLives()); err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, errors.Join(err, b.Close()))
	}
	db.watch()
	db.idle.start(db)
	db.worker.start(db)
	return db, nil
}

// openBolt opens the file. A new file is created under another name first, so that a process that is killed meanwhile
// does not leave an incomplete file. It returns what it has opened.
func openBolt(path string, o *bolt.Options) (b *bolt.DB, file os.FileInfo, err error) {
	defer func() {
		if r := recover(); r != nil { // bbolt panics if it cannot find the free pages
			err = fmt.Errorf("%w: %v", ErrNotStore, r)
		}
	}()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeFile(path); err != nil {
			return nil, nil, err
		}
	}
	o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		if err == nil {
			file, err = f.Stat()
		}
		return f, err
	}
	if b, err = bolt.Open(path, 0o600, o); err != nil {
		return nil, nil, err
	}
	there, err := os.Stat(path)
	if err == nil && !os.SameFile(there, file) {
		err = ErrGone // between the open and the lock
	}
	if err == nil {
		err = errors.Join(prepare(b), replay(b))
	}
	if err != nil {
		return nil, nil, errors.Join(err, b.Close())
	}
	return b, file, nil
}

// InUse reports whether a process has the file open. A file that does not exist, or is not a store, is not in use.
func InUse(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	b, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Nanosecond, ReadOnly: true})
	if err != nil {
		return errors.Is(err, bolterrors.ErrTimeout)
	}
	_ = b.Close() // it was not changed
	return false
}

// makeFile makes a file that has only the fixed buckets, unless another process makes it meanwhile.
func makeFile(path string) error {
	draft := path + ".new." + strconv.Itoa(os.Getpid())
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := bolt.Open(draft, 0o600, &bolt.Options{Timeout: time.Nanosecond, NoSync: true})
	if err != nil {
		return err
	}
	if err := errors.Join(prepare(b), b.Close()); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	err = os.Link(draft, path) // unlike a rename, it does not replace a file
	if err == nil || errors.Is(err, fs.ErrExist) {
		return os.Remove(draft)
	}
	return os.Rename(draft, path) // the file system has no links
}

func boltOptions(o Options, l limits) *bolt.Options {
	opts := &bolt.Options{
		Timeout:      time.Nanosecond, // one attempt
		NoSync:       !o.SyncDisk,
		NoGrowSync:   !o.SyncDisk,
		FreelistType: bolt.FreelistMapType,
		NoStatistics: true,
	}
	// A mapping that is larger than the file costs only addresses, and growing it would block readers. Windows would
	// grow the file to that size.
	if math.MaxInt > math.MaxInt32 && runtime.GOOS != "windows" {
		opts.InitialMmapSize = l.mapping
	}
	return opts
}

// inspect checks an existing file without changing it.
func inspect(path string) (err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		logs, _, err := wal.ReadAll(path, 0)
		if err == nil && len(logs) > 0 {
			err = fmt.Errorf("the log %s exists, but its database does not", logs[0].Name)
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
	if err := pagefile.Check(path); err != nil {
		return fmt.Errorf("%w: %w", ErrNotStore, err)
	}
	if err := b.View(checkSchema); err != nil {
		return err
	}
	if _, _, err := unappliedLogs(b); err != nil {
		return fmt.Errorf("%w: %w", ErrNotStore, err)
	}
	return nil
}

// checkSchema accepts a file of this version or an older one, and an empty one.
func checkSchema(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return ErrNotStore
		}
		return nil
	}
	_, err := schemaOf(tx)
	return err
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

// replay upgrades an older file, writes the logs that a killed process has left to the tree, and deletes all logs.
func replay(b *bolt.DB) error {
	logs, old, err := unappliedLogs(b)
	if err != nil {
		return err
	}
	if outdated, err := isOutdated(b); err != nil {
		return err
	} else if outdated || len(logs) > 0 {
		err := b.Update(func(btx *bolt.Tx) error { return errors.Join(upgrade(btx), replayInto(btx, logs)) })
		if err != nil {
			return err
		}
	}
	for _, f := range logs {
		old = append(old, f.Name)
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// unappliedLogs reads the logs that are not in the tree, and returns the names of those that are.
func unappliedLogs(b *bolt.DB) (logs []wal.File, old []string, err error) {
	err = b.View(func(btx *bolt.Tx) (err error) {
		if btx.Bucket(bucketMeta) == nil {
			return nil
		}
		if logs, old, err = wal.ReadAll(b.Path(), applied(btx)); err != nil {
			return err
		}
		for i, f := range logs {
			tree := uint64(btx.ID())
			if f.Number != applied(btx)+1+uint64(i) || !f.Empty() && f.Tree != tree && f.Tree+1 != tree {
				return fmt.Errorf("%s: %w: it continues another state of the file", f.Name, wal.ErrDamaged)
			}
		}
		return nil
	})
	return logs, old, err
}

// replayInto writes the logs to the tree that they continue.
func replayInto(btx *bolt.Tx, logs []wal.File) error {
	worlds := map[uint64]string{} // by their top layers
	err := btx.Bucket(bucketWorlds).ForEach(func(k, v []byte) error {
		r, err := decodeWorld(v, nil)
		if err == nil {
			worlds[r.chain[0]] = string(k)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range logs {
		if f.Empty() {
			continue
		}
		g := newGeneration(f.Number)
		err := f.Each(func(commit, layer uint64, key, value []byte) error {
			world, ok := worlds[layer]
			if !ok {
				return fmt.Errorf("%w: layer %d is not the top of any world", wal.ErrDamaged, layer)
			}
			if value[0] > tagRow {
				return fmt.Errorf("%w: entry %q has no tag", wal.ErrDamaged, key)
			}
			g.mustTable(layer, world).put(key, value, commit)
			return nil
		})
		if err == nil {
			err = g.write(btx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}
