package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
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

// entries lists a row's place in the indexes, to be stored with the row so that changing it needs no decoding:
// for each value uvarint length and index name, uvarint length and escaped value.
func (t *Table[T]) entries(key string, row *T) ([]byte, error) {
	var list, escaped []byte
	for i := range t.indexes {
		ix := &t.indexes[i]
		for _, value := range ix.Keys(row) {
			if len(value) > maxIndexValue {
				return nil, fmt.Errorf("%s %q: index %s: value of %d bytes, %d are possible", t.name, key, ix.Name, len(value), maxIndexValue)
			}
			escaped = appendValue(escaped[:0], value)
			list = append(binary.AppendUvarint(list, uint64(len(ix.Name))), ix.Name...)
			list = append(binary.AppendUvarint(list, uint64(len(escaped))), escaped...)
		}
	}
	return list, nil
}

// eachEntry takes a list of entries apart.
func (t *Table[T]) eachEntry(key string, list []byte, fn func(index string, escaped []byte) error) error {
	piece := func() []byte {
		n, w := binary.Uvarint(list)
		if w <= 0 || n > uint64(len(list)-w) {
			panic(&CorruptError{Table: t.name, Key: key, Err: fmt.Errorf("bad index entries")})
		}
		p := list[w : w+int(n)]
		list = list[w+int(n):]
		return p
	}
	for len(list) > 0 {
		index := string(piece())
		if err := fn(index, piece()); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table[T]) unique(index string) bool {
	for i := range t.indexes {
		if t.indexes[i].Name == index {
			return t.indexes[i].Unique
		}
	}
	return false
}

// reindex changes the index entries of a row from the list old to the list now. It changes nothing when it fails.
func (t *Table[T]) reindex(tx *Tx, key string, old, now []byte) error {
	if bytes.Equal(old, now) {
		return nil
	}
	err := t.eachEntry(key, now, func(index string, escaped []byte) error {
		if !t.unique(index) {
			return nil
		}
		if t.taken(tx, index, escaped, key) {
			return fmt.Errorf("%s %q: %s belongs to another: %w", t.name, key, index, ErrExists)
		}
		return nil
	})
	if err != nil {
		return err
	}
	write := func(value []byte) func(string, []byte) error {
		return func(index string, escaped []byte) error {
			tx.put(t.index(tx, index), append(bytes.Clone(escaped), key...), value)
			return nil
		}
	}
	if err := t.eachEntry(key, old, write([]byte{tagGone})); err != nil {
		return err
	}
	return t.eachEntry(key, now, write([]byte{tagRow}))
}

// taken tells whether a row other than the one with that key has the value.
func (t *Table[T]) taken(tx *Tx, index string, escaped []byte, key string) bool {
	it := newIterator(t.index(tx, index), escaped, nil)
	for k, _ := it.next(); k != nil; k, _ = it.next() {
		if string(k[len(escaped):]) != key {
			return true
		}
	}
	return false
}

func (t *Table[T]) index(tx *Tx, index string) *space {
	return tx.space(spaceKey{t.name, index, tx.partition})
}

// KeysBy yields the keys of the rows that have the value in the index, in order; it panics if the table has no such
// index. Writing meanwhile is as safe as in Scan.
func (t *Table[T]) KeysBy(tx *Tx, index, value string) iter.Seq[string] {
	t.mustHave(index)
	return func(yield func(string) bool) {
		prefix := appendValue(nil, value)
		it := newIterator(t.index(tx, index), prefix, nil)
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

func (t *Table[T]) mustHave(index string) {
	for i := range t.indexes {
		if t.indexes[i].Name == index {
			return
		}
	}
	panic(fmt.Sprintf("store: table %q has no index %q", t.name, index))
}
