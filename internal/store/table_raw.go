package store

import (
	"errors"
	"fmt"
	"iter"

	"storagesim/internal/varint"
)

const (
	maxKey        = 4096
	maxIndexValue = 8192
)

// rawTable is a table without the type of its rows. Its code is compiled once and not once for each type.
type rawTable struct {
	name    string
	rows    []byte // the prefix of its keys
	indexes []rawIndex
}

// rawIndex is an index without the function that returns the values of a row.
type rawIndex struct {
	name   string
	unique bool
	space  []byte // the prefix of its keys
}

func newRawTable(name string) rawTable {
	if !goodName(name) {
		panic(fmt.Sprintf("store: table %q: invalid name", name))
	}
	return rawTable{name: name, rows: spacePrefix(name, "")}
}

// index adds an index.
func (t *rawTable) index(name string, unique bool) {
	if !goodName(name) {
		panic(fmt.Sprintf("store: table %q: index %q: invalid name", t.name, name))
	}
	for _, other := range t.indexes {
		if other.name == name {
			panic(fmt.Sprintf("store: table %q has two indexes %q", t.name, name))
		}
	}
	t.indexes = append(t.indexes, rawIndex{name: name, unique: unique, space: spacePrefix(t.name, name)})
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

// Name returns the table's name.
func (t *rawTable) Name() string { return t.name }

func (t *rawTable) notFound(key string) error { return &missingError{table: t.name, key: key} }

// missingError is an ErrNotFound whose text is only formatted when it is read; most are dropped.
type missingError struct{ table, key string }

func (e *missingError) Error() string { return fmt.Sprintf("%s %q: %v", e.table, e.key, ErrNotFound) }

func (e *missingError) Unwrap() error { return ErrNotFound }

func (t *rawTable) exists(key string) error { return fmt.Errorf("%s %q: %w", t.name, key, ErrExists) }

// corrupt panics with a *CorruptError.
func (t *rawTable) corrupt(key string, err error) {
	panic(&CorruptError{Table: t.name, Key: key, Err: err})
}

// Has reports whether there is a row with that key.
func (t *rawTable) Has(tx *Tx, key string) bool {
	_, ok := tx.get(tx.key(t.rows, key))
	return ok
}

// Raw returns the encoded row. The bytes are valid until the transaction ends and must not be changed.
func (t *rawTable) Raw(tx *Tx, key string) ([]byte, bool) {
	v, ok := tx.get(tx.key(t.rows, key))
	if !ok {
		return nil, false
	}
	_, body := t.split(key, v)
	return body, true
}

// split splits a stored value into index entries and row.
func (t *rawTable) split(key string, v []byte) (entries, body []byte) {
	r := varint.NewReader(v)
	entries = r.Bytes()
	if r.Err() != nil {
		t.corrupt(key, errors.New("invalid index entries"))
	}
	return entries, r.Rest()
}

// stored returns the index entries of the row with that key, nil if there is none.
func (t *rawTable) stored(tx *Tx, key string) []byte {
	if len(t.indexes) == 0 {
		return nil
	}
	v, ok := tx.get(tx.key(t.rows, key))
	if !ok {
		return nil
	}
	old, _ := t.split(key, v)
	return old
}

// check returns an error if a row cannot be written under that key, and the memory for the row otherwise.
func (t *rawTable) check(tx *Tx, key string) (*arena, error) {
	if key == "" || len(key) > maxKey {
		return nil, fmt.Errorf("%s: a key of %d bytes, not 1 to %d", t.name, len(key), maxKey)
	}
	if !tx.writable {
		panic("store: write in a read transaction")
	}
	return tx.mem, nil
}

// put writes a value that has count bytes of index entries at head, which replace the entries old.
func (t *rawTable) put(tx *Tx, key string, old, value []byte, head, count int) error {
	value = tx.mem.hold(value)
	if err := t.reindex(tx, key, old, value[head:head+count]); err != nil {
		return err
	}
	tx.put(tx.key(t.rows, key), value)
	return nil
}

// Delete deletes the row with that key. It returns ErrNotFound if there is none.
func (t *rawTable) Delete(tx *Tx, key string) error {
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

// Scan yields the keys that have the prefix and are greater than after, in order, with the encoded rows as Raw returns
// them. Rows may be written and deleted meanwhile: each step yields the least key after the last one at that time.
func (t *rawTable) Scan(tx *Tx, prefix, after string) iter.Seq2[string, []byte] {
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

// First returns the least key that has the prefix and is greater than after, with the encoded row as Raw returns it,
// and false if there is none.
func (t *rawTable) First(tx *Tx, prefix, after string) (key string, raw []byte, found bool) {
	from := tx.key(t.rows, prefix) // valid until the iterator is done, since no other key is made
	space := len(from) - len(prefix)
	var beyond []byte
	if after != "" {
		beyond = append(tx.space(t.rows, len(after)), after...)
	}
	var it iterator
	tx.iterate(&it, from, beyond)
	defer it.close()
	k, v := it.next()
	if k == nil {
		return "", nil, false
	}
	key = string(k[space:])
	_, raw = t.split(key, v)
	return key, raw, true
}

// Last returns the greatest key with that prefix, and false if there is none.
func (t *rawTable) Last(tx *Tx, prefix string) (string, bool) {
	from := tx.space(t.rows, len(prefix))
	space := len(from)
	k := tx.last(append(from, prefix...))
	if k == nil {
		return "", false
	}
	return string(k[space:]), true
}
