// Package wal is the log that a commit is written to before it is acknowledged. The store's tree receives it later,
// with many others.
//
// A log is a file next to the database, named <database>.log.<number>. It begins with a header: the magic bytes, the
// number of the log, the transaction of the tree that it continues, and a checksum of these. A record for each commit
// follows: the length and the checksum of the body, a checksum of these two, and the body. The body has, for each
// transaction of the commit, the layer, the number of entries, and each entry as a key and a value after their
// lengths.
//
// A process that is killed while it appends a record leaves a part of it. That commit was never acknowledged and is
// ignored. A power loss may leave zeros instead. Anything else that does not match its checksum is damage.
package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"storagesim/internal/varint"
)

const (
	magic      = "storagesim log\n\x01"
	headSize   = len(magic) + 8 + 8 + 4
	recordHead = 4 + 4 + 4
)

// Log is a log that is being written.
type Log struct {
	file *os.File
	size int64 // of the complete records
	sync bool
	max  int64
}

func fileName(database string, number uint64) string {
	return database + ".log." + strconv.FormatUint(number, 10)
}

// Create creates the log with the number for a database. Tree is the transaction of the tree that it continues. With
// sync, the log and every commit in it survive a power loss. Max is the maximum size in bytes, 0 for no limit.
func Create(database string, number, tree uint64, sync bool, max int64) (*Log, error) {
	// A file of that name is another process's: this one has removed its logs when it opened the database.
	f, err := os.OpenFile(fileName(database, number), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	l := &Log{file: f, sync: sync, max: max}
	head := binary.BigEndian.AppendUint64([]byte(magic), number)
	head = binary.BigEndian.AppendUint64(head, tree)
	if err := l.append(withChecksum(head)); err != nil {
		return nil, errors.Join(err, l.Remove())
	}
	if sync {
		if err := syncDir(filepath.Dir(database)); err != nil {
			return nil, errors.Join(err, l.Remove())
		}
	}
	return l, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// NewRecord begins a record in the memory of buf. AppendGroup and AppendEntry fill it.
func NewRecord(buf []byte) []byte { return append(buf[:0], make([]byte, recordHead)...) }

// AppendGroup begins the entries of a transaction on a layer.
func AppendGroup(record []byte, layer uint64, entries int) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(record, layer), uint64(entries))
}

// AppendEntry appends an entry of the transaction.
func AppendEntry(record, key, value []byte) []byte {
	return varint.AppendBytes(varint.AppendBytes(record, key), value)
}

// Commit appends a record. If it returns an error, the log is unchanged.
func (l *Log) Commit(record []byte) error {
	body := record[recordHead:]
	if len(body) > math.MaxUint32 {
		return fmt.Errorf("a commit of %d bytes is larger than %d bytes", len(body), uint32(math.MaxUint32))
	}
	binary.BigEndian.PutUint32(record, uint32(len(body)))
	binary.BigEndian.PutUint32(record[4:], checksum(body))
	binary.BigEndian.PutUint32(record[8:], checksum(record[:8]))
	return l.append(record)
}

// append writes all of b or, if that fails, nothing.
func (l *Log) append(b []byte) (err error) {
	if l.max > 0 && l.size+int64(len(b)) > l.max {
		return fmt.Errorf("%s: larger than %d bytes", l.file.Name(), l.max)
	}
	if _, err = l.file.WriteAt(b, l.size); err == nil && l.sync {
		err = l.file.Sync()
	}
	if err != nil {
		return errors.Join(err, l.file.Truncate(l.size))
	}
	l.size += int64(len(b))
	return nil
}

// Name returns the path of the log.
func (l *Log) Name() string { return l.file.Name() }

// InPlace reports whether the file at the log's path is the log.
func (l *Log) InPlace() bool {
	own, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.Name())
	return err == nil && os.SameFile(own, there)
}

// Remove closes the log and deletes its file. It returns an error if there is another file at its path, which stays, or
// none.
func (l *Log) Remove() error {
	if !l.InPlace() {
		return errors.Join(l.file.Close(), fmt.Errorf("%s: is gone or was replaced", l.Name()))
	}
	return errors.Join(l.file.Close(), os.Remove(l.Name()))
}

// withChecksum appends the checksum of b.
func withChecksum(b []byte) []byte { return binary.BigEndian.AppendUint32(b, checksum(b)) }

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
