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

// appendEntry appends one index entry of a row to a list of them: uvarint length and index name, uvarint length and
// escaped value.
func (t *layout) appendEntry(list []byte, index int, key, value string) ([]byte, error) {
	name := t.indexes[index].name
	if len(value) > maxIndexValue {
		return list, fmt.Errorf("%s %q: index %s: value of %d bytes, %d are possible", t.name, key, name, len(value), maxIndexValue)
	}
	list = append(binary.AppendUvarint(list, uint64(len(name))), name...)
	list = binary.AppendUvarint(list, uint64(len(value)+strings.Count(value, "\x00")+2))
	return appendValue(list, value), nil
}

// cutEntry takes the first entry off a list of them: the number of its index, -1 if the table has it no more, and the
// escaped value.
func (t *layout) cutEntry(key string, list []byte) (index int, escaped, rest []byte) {
	name, rest := t.cutPiece(key, list)
	escaped, rest = t.cutPiece(key, rest)
	for i := range t.indexes {
		if t.indexes[i].name == string(name) {
			return i, escaped, rest
		}
	}
	return -1, escaped, rest
}

func (t *layout) cutPiece(key string, list []byte) (piece, rest []byte) {
	n, w := binary.Uvarint(list)
	if w <= 0 || n > uint64(len(list)-w) {
		t.corrupt(key, errors.New("bad index entries"))
	}
	return list[w : w+int(n)], list[w+int(n):]
}

var (
	valueGone  = []byte{tagGone}
	valueEntry = []byte{tagRow}
)

// reindex changes the index entries of a row from the list old to the list now. It changes nothing when it fails.
func (t *layout) reindex(tx *Tx, key string, old, now []byte) error {
	if bytes.Equal(old, now) {
		return nil
	}
	for list := now; len(list) > 0; {
		var i int
		var escaped []byte
		i, escaped, list = t.cutEntry(key, list)
		if t.indexes[i].unique && t.taken(tx, i, escaped, key) {
			return fmt.Errorf("%s %q: %s belongs to another: %w", t.name, key, t.indexes[i].name, ErrExists)
		}
	}
	t.putEntries(tx, key, old, valueGone)
	t.putEntries(tx, key, now, valueEntry)
	return nil
}

func (t *layout) putEntries(tx *Tx, key string, list, value []byte) {
	for len(list) > 0 {
		var i int
		var escaped []byte
		if i, escaped, list = t.cutEntry(key, list); i < 0 {
			continue
		}
		entry := append(append(tx.key(t.indexes[i].space, ""), escaped...), key...)
		tx.keyBuf = entry
		tx.put(entry, value)
	}
}

// taken tells whether a row other than the one with that key has the value.
func (t *layout) taken(tx *Tx, index int, escaped []byte, key string) bool {
	prefix := append(tx.space(t.indexes[index].space, len(escaped)), escaped...)
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
func (t *layout) KeysBy(tx *Tx, index, value string) iter.Seq[string] {
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

// EachBy calls fn with the key and the bytes of each row that has the value in the index, in the order of keys, until fn
// answers false. It is By without leaving anything to the collector but the keys; the bytes are valid as those of Raw.
func (t *layout) EachBy(tx *Tx, index, value string, fn func(key string, raw []byte) bool) {
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
			t.corrupt(key, fmt.Errorf("index %s: %w", index, ErrNotFound))
		}
		if !fn(key, raw) {
			return
		}
	}
}

// mustHave answers the prefix of the index' keys.
func (t *layout) mustHave(index string) []byte {
	for i := range t.indexes {
		if t.indexes[i].name == index {
			return t.indexes[i].space
		}
	}
	panic(fmt.Sprintf("store: table %q has no index %q", t.name, index))
}
