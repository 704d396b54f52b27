package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"iter"
	"sync/atomic"
)

// Codec encodes and decodes rows. Append appends to dst. Decode must not keep or change src.
type Codec[T any] struct {
	Append func(dst []byte, row *T) ([]byte, error)
	Decode func(src []byte, row *T) error

	json bool // the encoding is JSON
}

// JSON returns a codec that uses encoding/json.
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

// Table describes rows of one type. It has no data and no connection, and can be a package variable. Each partition of
// each world has its own rows.
type Table[T any] struct {
	rawTable
	key   func(*T) string
	codec Codec[T]
	keys  []func(*T) []string // of the indexes, in their order
}

// NewTable describes a table. Names of tables and indexes consist of lower-case letters, digits, dots, dashes and
// underscores and begin with a letter. NewTable panics if a name is invalid, if two indexes have the same name, and if
// a function is missing.
func NewTable[T any](name string, key func(*T) string, codec Codec[T], indexes ...Index[T]) *Table[T] {
	t := &Table[T]{rawTable: newRawTable(name), key: key, codec: codec}
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

// Get returns the row with that key, or ErrNotFound.
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

// Decode decodes what Raw or Scan returned.
func (t *Table[T]) Decode(key string, raw []byte) T {
	var row T
	t.decode(key, raw, &row)
	return row
}

// Insert stores a new row. It returns ErrExists if another row has its key, or its value in a unique index.
func (t *Table[T]) Insert(tx *Tx, row *T) error {
	key := t.key(row)
	if t.Has(tx, key) {
		return t.exists(key)
	}
	return t.store(tx, key, nil, row)
}

// Put stores a row, and replaces the one with the same key. It returns ErrExists if another row has its value in a
// unique index.
func (t *Table[T]) Put(tx *Tx, row *T) error {
	key := t.key(row)
	return t.store(tx, key, t.stored(tx, key), row)
}

// store writes the row and replaces its index entries, which were old.
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

// entries appends the row's index entries. They are stored with the row, so that it can be replaced without decoding.
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

// All is Scan that decodes the rows.
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

// By is KeysBy that also yields the rows.
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

// Verify compares the index entries of one partition with its rows, and describes the differences.
func (t *Table[T]) Verify(tx *Tx) []string {
	return t.verify(tx, func(key string, body []byte) (own string, entries []byte, err error) {
		var row T
		t.decode(key, body, &row)
		entries, err = t.entries(nil, key, &row)
		return t.key(&row), entries, err
	})
}

// decodedRows caches some decoded rows with their bytes. Equal bytes of a table are equal rows, in any world, layer and
// transaction.
type decodedRows struct {
	seed maphash.Seed
	rows [1 << decodedBits]atomic.Pointer[decodedRow]
}

const decodedBits = 10

type decodedRow struct {
	table *rawTable
	raw   []byte
	row   any // a pointer
}

// maxDecoded is the size of the largest row that is cached, in bytes.
const maxDecoded = 16 << 10

// Shared is Get for rows that are read far more often than they change: it caches decoded rows. Other transactions, of
// other worlds too, may have the same row, which must not be changed. It returns ErrNotFound if there is no such row.
func (t *Table[T]) Shared(tx *Tx, key string) (*T, error) {
	raw, ok := t.Raw(tx, key)
	if !ok {
		return nil, t.notFound(key)
	}
	if tx.decoded == nil || len(raw) > maxDecoded {
		row := t.Decode(key, raw)
		return &row, nil
	}
	slot := &tx.decoded.rows[maphash.Bytes(tx.decoded.seed, raw)>>(64-decodedBits)]
	if d := slot.Load(); d != nil && d.table == &t.rawTable && bytes.Equal(d.raw, raw) {
		return d.row.(*T), nil
	}
	row := t.Decode(key, raw)
	slot.Store(&decodedRow{table: &t.rawTable, raw: bytes.Clone(raw), row: &row})
	return &row, nil
}
