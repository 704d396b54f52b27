package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"

	"storagesim/internal/varint"
)

// Index finds rows by values other than their key. Keys returns the values of a row: none, one or many, of any bytes.
// In a Unique index no two rows of a partition have the same value.
type Index[T any] struct {
	Name   string
	Keys   func(row *T) []string
	Unique bool
}

// appendValue appends an escaped value: 00 becomes 00 FF, and 00 01 ends it. No escaped value is a prefix of another,
// and the order is that of the values and, for the same value, of the keys.
func appendValue(dst []byte, value string) []byte {
	for i := range len(value) {
		if dst = append(dst, value[i]); value[i] == 0 {
			dst = append(dst, 0xFF)
		}
	}
	return append(dst, 0, 1)
}

// cutValue returns the value at the front of src and the number of bytes of its escaped form.
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
func (t *rawTable) appendEntry(list []byte, index int, key, value string) ([]byte, error) {
	name := t.indexes[index].name
	if len(value) > maxIndexValue {
		return list, fmt.Errorf("%s %q: index %s: a value of %d bytes, not at most %d",
			t.name, key, name, len(value), maxIndexValue)
	}
	list = append(binary.AppendUvarint(list, uint64(len(name))), name...)
	list = binary.AppendUvarint(list, uint64(len(value)+strings.Count(value, "\x00")+2))
	return appendValue(list, value), nil
}

// cutEntry returns the first index entry of a list: the number of its index, -1 if the table no longer has it, the
// escaped value, and the rest of the list.
func (t *rawTable) cutEntry(key string, list []byte) (index int, escaped, rest []byte) {
	r := varint.NewReader(list)
	name, escaped, rest := r.Bytes(), r.Bytes(), r.Rest()
	if r.Err() != nil {
		t.corrupt(key, errors.New("invalid index entries"))
	}
	for i := range t.indexes {
		if t.indexes[i].name == string(name) {
			return i, escaped, rest
		}
	}
	return -1, escaped, rest
}

var (
	valueGone  = []byte{tagGone}
	valueEntry = []byte{tagRow}
)

// reindex replaces the index entries old of a row by now. If it fails, it changes nothing.
func (t *rawTable) reindex(tx *Tx, key string, old, now []byte) error {
	if bytes.Equal(old, now) {
		return nil
	}
	for list := now; len(list) > 0; {
		var i int
		var escaped []byte
		i, escaped, list = t.cutEntry(key, list)
		if t.indexes[i].unique && t.taken(tx, i, escaped, key) {
			return fmt.Errorf("%s %q: another row has the same %s: %w", t.name, key, t.indexes[i].name, ErrExists)
		}
	}
	t.putEntries(tx, key, old, valueGone)
	t.putEntries(tx, key, now, valueEntry)
	return nil
}

func (t *rawTable) putEntries(tx *Tx, key string, list, value []byte) {
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

// taken reports whether a row other than the one with that key has the value.
func (t *rawTable) taken(tx *Tx, index int, escaped []byte, key string) bool {
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

// KeysBy yields the keys of the rows that have the value in the index, in order. It panics if the table has no such
// index. Rows may be written meanwhile as in Scan.
func (t *rawTable) KeysBy(tx *Tx, index, value string) iter.Seq[string] {
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

// EachBy calls fn with the key and the encoded row, as Raw returns it, of each row that has the value in the index, in
// the order of keys, until fn returns false. It allocates only the keys.
func (t *rawTable) EachBy(tx *Tx, index, value string, fn func(key string, raw []byte) bool) {
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

// mustHave returns the prefix of the index's keys.
func (t *rawTable) mustHave(index string) []byte {
	for i := range t.indexes {
		if t.indexes[i].name == index {
			return t.indexes[i].space
		}
	}
	panic(fmt.Sprintf("store: table %q has no index %q", t.name, index))
}
