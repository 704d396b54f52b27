package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/varint"
)

// ErrDamaged is the error of a log that cannot be read.
var ErrDamaged = errors.New("damaged log")

// File is a log that a process has left when it was killed.
type File struct {
	Name   string
	Number uint64
	Tree   uint64 // the transaction of the tree that it continues

	records []byte // the complete ones
}

// Empty reports whether the log has no commit.
func (f *File) Empty() bool { return len(f.records) == 0 }

// ReadAll reads the logs of a database in the order of their numbers. It does not read logs with numbers up to applied,
// whose commits are in the tree: their names are in old.
func ReadAll(database string, applied uint64) (list []File, old []string, err error) {
	names, err := filepath.Glob(escapeGlob(database) + ".log.*")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		number, err := strconv.ParseUint(strings.TrimPrefix(name, database+".log."), 10, 64)
		switch {
		case err != nil:
			continue // not a log
		case number <= applied:
			old = append(old, name)
			continue
		}
		list = append(list, File{Name: name, Number: number})
	}
	slices.SortFunc(list, func(a, b File) int { return int(int64(a.Number - b.Number)) })
	for i := range list {
		if err := list[i].read(i == len(list)-1); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", list[i].Name, err)
		}
	}
	return list, old, nil
}

// escapeGlob returns a pattern that matches only the path.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// read reads the log and checks every record. Only the last log may be incomplete.
func (f *File) read(last bool) error {
	b, err := os.ReadFile(f.Name)
	if err != nil {
		return err
	}
	if len(b) < headSize {
		if last {
			return nil // nothing was ever committed to it
		}
		return fmt.Errorf("%w: cut off", ErrDamaged)
	}
	head, rest := b[:headSize], b[headSize:]
	if !bytes.Equal(withChecksum(bytes.Clone(head[:headSize-4])), head) || string(head[:len(magic)]) != magic ||
		binary.BigEndian.Uint64(head[len(magic):]) != f.Number {
		return fmt.Errorf("%w: its first bytes are not those of log %d", ErrDamaged, f.Number)
	}
	f.Tree = binary.BigEndian.Uint64(head[len(magic)+8:])
	f.records = rest
	for at := 0; at < len(rest); {
		body, err := firstRecord(rest[at:])
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && last:
			f.records = rest[:at]
			return nil
		case err != nil:
			return fmt.Errorf("%w: at byte %d: %w", ErrDamaged, headSize+at, err)
		}
		at += recordHead + len(body)
	}
	return nil
}

// firstRecord returns the body of the first record in b. It returns io.ErrUnexpectedEOF if b is the beginning of a
// record or only has zeros.
func firstRecord(b []byte) (body []byte, err error) {
	if len(b) < recordHead || len(bytes.TrimLeft(b, "\x00")) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if checksum(b[:8]) != binary.BigEndian.Uint32(b[8:]) {
		return nil, errors.New("the record's length does not match its checksum")
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-recordHead) {
		return nil, io.ErrUnexpectedEOF
	}
	body = b[recordHead : recordHead+int(n)]
	if checksum(body) != binary.BigEndian.Uint32(b[4:]) {
		return nil, errors.New("the record does not match its checksum")
	}
	return body, nil
}

// Each calls fn with every entry, in the order of commits, which are numbered from 1. Keys and values are not empty.
func (f *File) Each(fn func(commit, layer uint64, key, value []byte) error) error {
	for rest, commit := f.records, uint64(1); len(rest) > 0; commit++ {
		body, err := firstRecord(rest)
		if err != nil {
			return err
		}
		rest = rest[recordHead+len(body):]
		r := varint.NewReader(body)
		for len(r.Rest()) > 0 {
			layer := r.Uint()
			for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
				key, value := r.Bytes(), r.Bytes()
				if len(key) == 0 || len(value) == 0 {
					return fmt.Errorf("%w: commit %d has an invalid entry", ErrDamaged, commit)
				}
				if err := fn(commit, layer, key, value); err != nil {
					return err
				}
			}
		}
		if r.Err() != nil {
			return fmt.Errorf("%w: commit %d is not a list of entries", ErrDamaged, commit)
		}
	}
	return nil
}
