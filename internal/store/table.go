package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
)

// Codec is how rows become bytes and back. Append appends to dst; Decode gets bytes that it must not keep or change.
type Codec[T any] struct {
	Append func(dst []byte, row *T) ([]byte, error)
	Decode func(src []byte, row *T) error

	json bool // the bytes are what encoding/json makes of the row
}

// JSON is encoding/json as a codec.
func JSON[T any]() Codec[T] {
	return Codec[T]{
		json: true,
		Append: func(dst []byte, row *T) ([]byte, error) {
			b, err := json.Marshal(row)
			return append(dst, b...), err
		},
		Decode: func(src []byte, row *T) error { return json.Unmarshal(src, row) },
	}
}

// Table describes rows of one type: it holds no data and no connection, and can be a package variable. In each world,
// each partition has its own rows of it.
type Table[T any] struct {
	layout
	key   func(*T) string
	codec Codec[T]
	keys  []func(*T) []string // of the indexes, in their order
}

// NewTable describes a table. A name consists of lower-case letters, digits, dots and dashes and begins with a letter.
// It panics on others, on indexes of the same name, and on a missing function.
func NewTable[T any](name string, key func(*T) string, codec Codec[T], indexes ...Index[T]) *Table[T] {
	t := &Table[T]{layout: newLayout(name), key: key, codec: codec}
	if key == nil || codec.Append == nil || codec.Decode == nil {
		panic(fmt.Sprintf("store: table %q: missing function", name))
	}
	for _, ix := range indexes {
		if ix.Keys == nil {
			panic(fmt.Sprintf("store: table %q: index %q: missing function", name, ix.Name))
		}
		t.index(ix.Name, ix.Unique)
		t.keys = append(t.keys, ix.Keys)
	}
	return t
}

// Get answers the row with that key: ErrNotFound.
func (t *Table[T]) Get(tx *Tx, key string) (T, error) {
	var row T
	v, ok := t.Raw(tx, key)
	if !ok {
		return row, t.notFound(key)
	}
	t.decode(key, v, &row)
	return row, nil
}

func (t *Table[T]) decode(key string, v []byte, row *T) {
	if err := t.codec.Decode(v, row); err != nil {
		t.corrupt(key, err)
	}
}

// Decode makes a row of bytes as Raw answers them.
func (t *Table[T]) Decode(key string, raw []byte) T {
	var row T
	t.decode(key, raw, &row)
	return row
}

// Insert stores a new row. ErrExists: its key, or its value in a unique index, is taken.
func (t *Table[T]) Insert(tx *Tx, row *T) error {
	key := t.key(row)
	if t.Has(tx, key) {
		return t.exists(key)
	}
	return t.store(tx, key, nil, row)
}

// Put stores a row in place of the one with its key, or as a new one. ErrExists: its value in a unique index belongs to
// another row.
func (t *Table[T]) Put(tx *Tx, row *T) error {
	key := t.key(row)
	return t.store(tx, key, t.stored(tx, key), row)
}

// store writes row and changes its index entries from old to what they are now.
func (t *Table[T]) store(tx *Tx, key string, old []byte, row *T) error {
	mem, err := t.check(tx, key)
	if err != nil {
		return err
	}
	list, err := t.entries(mem.list[:0], key, row)
	if mem.list = list; err != nil {
		return err
	}
	v := binary.AppendUvarint(append(mem.row[:0], tagRow), uint64(len(list)))
	head := len(v)
	v, err = t.codec.Append(append(v, list...), row)
	if mem.row = v; err != nil {
		return fmt.Errorf("%s %q: encode: %w", t.name, key, err)
	}
	return t.put(tx, key, old, v, head, len(list))
}

// entries appends a row's place in the indexes, to be stored with the row so that changing it needs no decoding.
func (t *Table[T]) entries(list []byte, key string, row *T) (_ []byte, err error) {
	for i, keys := range t.keys {
		for _, value := range keys(row) {
			if list, err = t.appendEntry(list, i, key, value); err != nil {
				return list, err
			}
		}
	}
	return list, nil
}

// All is Scan with decoded rows.
func (t *Table[T]) All(tx *Tx, prefix, after string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for key, v := range t.Scan(tx, prefix, after) {
			var row T
			t.decode(key, v, &row)
			if !yield(key, row) {
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
				t.corrupt(key, fmt.Errorf("index %s: %w", index, err))
			}
			if !yield(key, row) {
				return
			}
		}
	}
}

// Verify compares the index entries of one partition with what the rows say, and answers the differences in words.
func (t *Table[T]) Verify(tx *Tx) []string {
	return t.verify(tx, func(key string, body []byte) (own string, entries []byte, err error) {
		var row T
		t.decode(key, body, &row)
		entries, err = t.entries(nil, key, &row)
		return t.key(&row), entries, err
	})
}
