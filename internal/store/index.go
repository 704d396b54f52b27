package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Index finds rows by something else than their key. Keys answers a row's values: none, one or many, any bytes. In a
// Unique index no two rows of a partition share a value.
type Index[T any] struct {
	Name   string
	Keys   func(row *T) []string
	Unique bool
}

// appendValue escapes an index value so that no escaped value is the beginning of another: 00 becomes 00 FF, and 00 01
// ends it. The order of values and, within one, of keys stays what it was.
func appendValue(dst []byte, value string) []byte {
	for i := range len(value) {
		if dst = append(dst, value[i]); value[i] == 0 {
			dst = append(dst, 0xFF)
		}
	}
	return append(dst, 0, 1)
}

// cutValue takes an escaped value off the front of src and answers how many bytes it took.
func cutValue(src []byte) (value string, n int) {
	var b []byte
	for ; n+1 < len(src); n++ {
		if src[n] != 0 {
			b = append(b, src[n])
			continue
		}
		if n++; src[n] == 1 {
			return string(b), n + 1
		}
		b = append(b, 0)
	}
	return string(b), len(src)
}

// entries appends a row's place in the indexes, to be stored with the row so that changing it needs no decoding:
// for each value uvarint length and index name, uvarint length and escaped value.
func (t *Table[T]) entries(list []byte, key string, row *T) ([]byte, error) {
	for i := range t.indexes {
		ix := &t.indexes[i]
		for _, value := range ix.Keys(row) {
			if len(value) > maxIndexValue {
				return list, fmt.Errorf("%s %q: index %s: value of %d bytes, %d are possible", t.name, key, ix.Name, len(value), maxIndexValue)
			}
			list = append(binary.AppendUvarint(list, uint64(len(ix.Name))), ix.Name...)
			list = binary.AppendUvarint(list, uint64(len(value)+strings.Count(value, "\x00")+2))
			list = appendValue(list, value)
		}
	}
	return list, nil
}

// cutEntry takes the first entry off a list of them: the number of its index, -1 if the table has it no more, and the
// escaped value.
func (t *Table[T]) cutEntry(key string, list []byte) (index int, escaped, rest []byte) {
	name, rest := t.cutPiece(key, list)
	escaped, rest = t.cutPiece(key, rest)
	for i := range t.indexes {
		if t.indexes[i].Name == string(name) {
			return i, escaped, rest
		}
	}
	return -1, escaped, rest
}

func (t *Table[T]) cutPiece(key string, list []byte) (piece, rest []byte) {
	n, w := binary.Uvarint(list)
	if w <= 0 || n > uint64(len(list)-w) {
		panic(&CorruptError{Table: t.name, Key: key, Err: errors.New("bad index entries")})
	}
	return list[w : w+int(n)], list[w+int(n):]
}

var (
	valueGone  = []byte{tagGone}
	valueEntry = []byte{tagRow}
)

// reindex changes the index entries of a row from the list old to the list now. It changes nothing when it fails.
func (t *Table[T]) reindex(tx *Tx, key string, old, now []byte) error {
	if bytes.Equal(old, now) {
		return nil
	}
	for list := now; len(list) > 0; {
		var i int
		var escaped []byte
		i, escaped, list = t.cutEntry(key, list)
		if t.indexes[i].Unique && t.taken(tx, i, escaped, key) {
			return fmt.Errorf("%s %q: %s belongs to another: %w", t.name, key, t.indexes[i].Name, ErrExists)
		}
	}
	t.putEntries(tx, key, old, valueGone)
	t.putEntries(tx, key, now, valueEntry)
	return nil
}

func (t *Table[T]) putEntries(tx *Tx, key string, list, value []byte) {
	for len(list) > 0 {
		var i int
		var escaped []byte
		if i, escaped, list = t.cutEntry(key, list); i < 0 {
			continue
		}
		entry := append(append(tx.key(t.spaces[i], ""), escaped...), key...)
		tx.keyBuf = entry
		tx.put(entry, value)
	}
}

// taken tells whether a row other than the one with that key has the value.
func (t *Table[T]) taken(tx *Tx, index int, escaped []byte, key string) bool {
	prefix := append(tx.space(t.spaces[index], len(escaped)), escaped...)
	var it iterator
	tx.iterate(&it, prefix, nil)
	defer it.close()
	for k, _ := it.next(); k != nil; k, _ = it.next() {
		if string(k[len(prefix):]) != key {
			return true
		}
	}
	return false
}

// KeysBy yields the keys of the rows that have the value in the index, in order; it panics if the table has no such
// index. Writing meanwhile is as safe as in Scan.
func (t *Table[T]) KeysBy(tx *Tx, index, value string) iter.Seq[string] {
	space := t.mustHave(index)
	return func(yield func(string) bool) {
		prefix := appendValue(tx.space(space, len(value)+2), value)
		var it iterator
		tx.iterate(&it, prefix, nil)
		defer it.close()
		var n names
		for k, _ := it.next(); k != nil; k, _ = it.next() {
			if !yield(n.add(k[len(prefix):])) {
				return
			}
		}
	}
}

// By is KeysBy with the rows.
func (t *Table[T]) By(tx *Tx, index, value string) iter.Seq2[string, T] {
	keys := t.KeysBy(tx, index, value)
	return func(yield func(string, T) bool) {
		for key := range keys {
			row, err := t.Get(tx, key)
			if err != nil {
				panic(&CorruptError{Table: t.name, Key: key, Err: fmt.Errorf("index %s: %w", index, err)})
			}
			if !yield(key, row) {
				return
			}
		}
	}
}

// EachBy calls fn with the key and the bytes of each row that has the value in the index, in the order of keys, until fn
// answers false. It is By without leaving anything to the collector but the keys; the bytes are valid as those of Raw.
func (t *Table[T]) EachBy(tx *Tx, index, value string, fn func(key string, raw []byte) bool) {
	var space [160]byte
	prefix := append(append(space[:0], t.mustHave(index)...), tx.escaped...)
	prefix = appendValue(prefix, value)
	var it iterator
	tx.iterate(&it, prefix, nil)
	defer it.close()
	for k, _ := it.next(); k != nil; k, _ = it.next() {
		key := string(k[len(prefix):])
		raw, ok := t.Raw(tx, key)
		if !ok {
			panic(&CorruptError{Table: t.name, Key: key, Err: fmt.Errorf("index %s: %w", index, ErrNotFound)})
		}
		if !fn(key, raw) {
			return
		}
	}
}

// mustHave answers the prefix of the index' keys.
func (t *Table[T]) mustHave(index string) []byte {
	for i := range t.indexes {
		if t.indexes[i].Name == index {
			return t.spaces[i]
		}
	}
	panic(fmt.Sprintf("store: table %q has no index %q", t.name, index))
}
