package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

const (
	maxKey        = 4096
	maxIndexValue = 8192
)

// Codec is how rows become bytes and back. Append appends to dst; Decode gets bytes that it must not keep or change.
type Codec[T any] struct {
	Append func(dst []byte, row *T) ([]byte, error)
	Decode func(src []byte, row *T) error
}

// JSON is encoding/json as a codec.
func JSON[T any]() Codec[T] {
	return Codec[T]{
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
	name    string
	key     func(*T) string
	codec   Codec[T]
	indexes []Index[T]
	rows    []byte   // the prefix of its keys
	spaces  [][]byte // those of its indexes
}

// NewTable describes a table. A name consists of lower-case letters, digits, dots and dashes and begins with a letter.
// It panics on others, on indexes of the same name, and on a missing function.
func NewTable[T any](name string, key func(*T) string, codec Codec[T], indexes ...Index[T]) *Table[T] {
	if !goodName(name) || key == nil || codec.Append == nil || codec.Decode == nil {
		panic(fmt.Sprintf("store: table %q: bad name or missing function", name))
	}
	for i, ix := range indexes {
		if !goodName(ix.Name) || ix.Keys == nil {
			panic(fmt.Sprintf("store: table %q: index %q: bad name or missing function", name, ix.Name))
		}
		for _, other := range indexes[:i] {
			if other.Name == ix.Name {
				panic(fmt.Sprintf("store: table %q: index %q twice", name, ix.Name))
			}
		}
	}
	t := &Table[T]{name: name, key: key, codec: codec, indexes: indexes, rows: spacePrefix(name, "")}
	for i := range indexes {
		t.spaces = append(t.spaces, spacePrefix(name, indexes[i].Name))
	}
	return t
}

func goodName(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_')) {
			return false
		}
	}
	return name != ""
}

// Name is the table's name.
func (t *Table[T]) Name() string { return t.name }

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

func (t *Table[T]) notFound(key string) error { return &missingError{table: t.name, key: key} }

// missingError is an ErrNotFound that becomes words only when somebody reads it: most are asked for and dropped.
type missingError struct{ table, key string }

func (e *missingError) Error() string { return fmt.Sprintf("%s %q: %v", e.table, e.key, ErrNotFound) }

func (e *missingError) Unwrap() error { return ErrNotFound }

func (t *Table[T]) decode(key string, v []byte, row *T) {
	if err := t.codec.Decode(v, row); err != nil {
		panic(&CorruptError{Table: t.name, Key: key, Err: err})
	}
}

// Has tells whether there is a row with that key.
func (t *Table[T]) Has(tx *Tx, key string) bool {
	_, ok := tx.get(tx.key(t.rows, key))
	return ok
}

// Raw answers the row's bytes as the codec made them. They are valid until the transaction ends and must not be changed.
func (t *Table[T]) Raw(tx *Tx, key string) ([]byte, bool) {
	v, ok := tx.get(tx.key(t.rows, key))
	if !ok {
		return nil, false
	}
	_, body := t.split(key, v)
	return body, true
}

// split parts a stored value into index entries and row.
func (t *Table[T]) split(key string, v []byte) (entries, body []byte) {
	n, w := binary.Uvarint(v)
	if w <= 0 || n > uint64(len(v)-w) {
		panic(&CorruptError{Table: t.name, Key: key, Err: errors.New("bad header")})
	}
	return v[w : w+int(n)], v[w+int(n):]
}

// Insert stores a new row. ErrExists: its key, or its value in a unique index, is taken.
func (t *Table[T]) Insert(tx *Tx, row *T) error {
	key := t.key(row)
	if t.Has(tx, key) {
		return fmt.Errorf("%s %q: %w", t.name, key, ErrExists)
	}
	return t.store(tx, key, nil, row)
}

// Put stores a row in place of the one with its key, or as a new one. ErrExists: its value in a unique index belongs to
// another row.
func (t *Table[T]) Put(tx *Tx, row *T) error {
	key := t.key(row)
	var old []byte
	if len(t.indexes) > 0 {
		if v, ok := tx.get(tx.key(t.rows, key)); ok {
			old, _ = t.split(key, v)
		}
	}
	return t.store(tx, key, old, row)
}

// store writes row and changes its index entries from old to what they are now.
func (t *Table[T]) store(tx *Tx, key string, old []byte, row *T) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("%s: key of %d bytes, 1 to %d are possible", t.name, len(key), maxKey)
	}
	if !tx.writable {
		panic("store: write in a read transaction")
	}
	mem := tx.mem
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
	v = mem.hold(v)
	if err := t.reindex(tx, key, old, v[head:head+len(list)]); err != nil {
		return err
	}
	tx.put(tx.key(t.rows, key), v)
	return nil
}

// Delete removes the row with that key: ErrNotFound.
func (t *Table[T]) Delete(tx *Tx, key string) error {
	v, ok := tx.get(tx.key(t.rows, key))
	if !ok {
		return t.notFound(key)
	}
	old, _ := t.split(key, v)
	if err := t.reindex(tx, key, old, nil); err != nil {
		return err
	}
	tx.put(tx.key(t.rows, key), valueGone)
	return nil
}

// Scan yields the keys with that prefix which are greater than after, in order, and the rows' bytes as Raw does. Rows
// may be written and deleted meanwhile: each step answers the least key beyond the last one, as things are then.
func (t *Table[T]) Scan(tx *Tx, prefix, after string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		from := tx.space(t.rows, len(prefix))
		space := len(from)
		from = append(from, prefix...)
		var start []byte
		if after != "" {
			start = append(tx.space(t.rows, len(after)), after...)
		}
		var it iterator
		tx.iterate(&it, from, start)
		defer it.close()
		var n names
		for k, v := it.next(); k != nil; k, v = it.next() {
			key := n.add(k[space:])
			_, body := t.split(key, v)
			if !yield(key, body) {
				return
			}
		}
	}
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

// First answers the row with the least key that has the prefix, its bytes as Raw does; false if there is none.
func (t *Table[T]) First(tx *Tx, prefix string) (key string, raw []byte, found bool) {
	from := tx.key(t.rows, prefix) // nothing else makes a key before the iterator is done
	space := len(from) - len(prefix)
	var it iterator
	tx.iterate(&it, from, nil)
	defer it.close()
	k, v := it.next()
	if k == nil {
		return "", nil, false
	}
	key = string(k[space:])
	_, raw = t.split(key, v)
	return key, raw, true
}

// Decode makes a row of bytes as Raw answers them.
func (t *Table[T]) Decode(key string, raw []byte) T {
	var row T
	t.decode(key, raw, &row)
	return row
}

// Last answers the greatest key with that prefix; false if there is none.
func (t *Table[T]) Last(tx *Tx, prefix string) (string, bool) {
	from := tx.space(t.rows, len(prefix))
	space := len(from)
	k := tx.last(append(from, prefix...))
	if k == nil {
		return "", false
	}
	return string(k[space:]), true
}
