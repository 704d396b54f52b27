package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// keyWall is the key of the latest time of Options.Wall that is in the tree, in milliseconds of the Unix time.
var keyWall = []byte("wall")

// wallStep is the time after which the wall clock is written again. A page more in each commit would cost too much.
const wallStep = 100 * time.Millisecond

// writeWall writes the time of the wall clock to the tree. It never writes an earlier one.
func (db *DB) writeWall(btx *bolt.Tx) error {
	if db.wall == nil {
		return nil
	}
	now, meta := db.wall(), btx.Bucket(bucketMeta)
	if now.Sub(wallIn(meta)) < wallStep {
		return nil
	}
	return meta.Put(keyWall, binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli())))
}

func wallIn(meta *bolt.Bucket) time.Time {
	if v := meta.Get(keyWall); len(v) == 8 {
		return time.UnixMilli(int64(binary.BigEndian.Uint64(v)))
	}
	return time.Time{}
}

// LastWall returns the latest time of Options.Wall that was written to the file, or the zero time. What was written
// when an earlier process was killed may be a moment behind its last commit.
func (db *DB) LastWall() (at time.Time, err error) {
	defer db.guard.Protect(&err)()
	btx, err := db.begin()
	if err != nil {
		return at, err
	}
	defer btx.Rollback()
	return wallIn(btx.Bucket(bucketMeta)), nil
}

// TableNames returns the sorted names of the tables that have entries in any world, checkpoint or base, without the
// store's own.
func (db *DB) TableNames() (names []string, err error) {
	defer db.guard.Protect(&err)()
	btx, err := db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	buckets := btx.Cursor()
	for k, _ := buckets.First(); k != nil; k, _ = buckets.Next() {
		if _, ok := layerID(k); !ok {
			continue
		}
		c := btx.Bucket(k).Cursor()
		for key, _ := c.First(); key != nil; {
			table, _, _ := bytes.Cut(key, []byte{0})
			if name := string(table); !strings.HasPrefix(name, "~") && !slices.Contains(names, name) {
				names = append(names, name)
			}
			key, _ = c.Seek(append(bytes.Clone(table), 1)) // the first key of another table
		}
	}
	slices.Sort(names)
	return names, nil
}
