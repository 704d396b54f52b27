package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

const (
	maxKey        = 4096
	maxIndexValue = 8192
)

// layout is a table apart from the type of its rows. All that can be done with bytes is done here, so that it is there
// once and not once for every type.
type layout struct {
	name    string
	rows    []byte // the prefix of its keys
	indexes []indexLayout
}

// indexLayout is an index apart from what it finds rows by.
type indexLayout struct {
	name   string
	unique bool
	space  []byte // the prefix of its keys
}

func newLayout(name string) layout {
	if !goodName(name) {
		panic(fmt.Sprintf("store: table %q: bad name", name))
	}
	return layout{name: name, rows: spacePrefix(name, "")}
}

// index adds an index.
func (t *layout) index(name string, unique bool) {
	if !goodName(name) {
		panic(fmt.Sprintf("store: table %q: index %q: bad name", t.name, name))
	}
	for _, other := range t.indexes {
		if other.name == name {
			panic(fmt.Sprintf("store: table %q: index %q twice", t.name, name))
		}
	}
	t.indexes = append(t.indexes, indexLayout{name: name, unique: unique, space: spacePrefix(t.name, name)})
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
func (t *layout) Name() string { return t.name }

func (t *layout) notFound(key string) error { return &missingError{table: t.name, key: key} }

// missingError is an ErrNotFound that becomes words only when somebody reads it: most are asked for and dropped.
type missingError struct{ table, key string }

func (e *missingError) Error() string { return fmt.Sprintf("%s %q: %v", e.table, e.key, ErrNotFound) }

func (e *missingError) Unwrap() error { return ErrNotFound }

func (t *layout) exists(key string) error { return fmt.Errorf("%s %q: %w", t.name, key, ErrExists) }

// corrupt panics with a *CorruptError.
func (t *layout) corrupt(key string, err error) {
	panic(&CorruptError{Table: t.name, Key: key, Err: err})
}

// Has tells whether there is a row with that key.
func (t *layout) Has(tx *Tx, key string) bool {
	_, ok := tx.get(tx.key(t.rows, key))
	return ok
}

// Raw answers the row's bytes as the codec made them. They are valid until the transaction ends and must not be changed.
func (t *layout) Raw(tx *Tx, key string) ([]byte, bool) {
	v, ok := tx.get(tx.key(t.rows, key))
	if !ok {
		return nil, false
	}
	_, body := t.split(key, v)
	return body, true
}

// split parts a stored value into index entries and row.
func (t *layout) split(key string, v []byte) (entries, body []byte) {
	n, w := binary.Uvarint(v)
	if w <= 0 || n > uint64(len(v)-w) {
		t.corrupt(key, errors.New("bad header"))
	}
	return v[w : w+int(n)], v[w+int(n):]
}

// stored answers the index entries of the row that has the key, nil if there is none.
func (t *layout) stored(tx *Tx, key string) []byte {
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

// check refuses a row that cannot be written under that key, and answers the memory for one that can.
func (t *layout) check(tx *Tx, key string) (*arena, error) {
	if key == "" || len(key) > maxKey {
		return nil, fmt.Errorf("%s: key of %d bytes, 1 to %d are possible", t.name, len(key), maxKey)
	}
	if !tx.writable {
		panic("store: write in a read transaction")
	}
	return tx.mem, nil
}

// put writes a value, in which count bytes of index entries begin at head, and changes the indexes from the entries old.
func (t *layout) put(tx *Tx, key string, old, value []byte, head, count int) error {
	value = tx.mem.hold(value)
	if err := t.reindex(tx, key, old, value[head:head+count]); err != nil {
		return err
	}
	tx.put(tx.key(t.rows, key), value)
	return nil
}

// Delete removes the row with that key: ErrNotFound.
func (t *layout) Delete(tx *Tx, key string) error {
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
func (t *layout) Scan(tx *Tx, prefix, after string) iter.Seq2[string, []byte] {
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

// First answers the row with the least key that has the prefix and is greater than after, its bytes as Raw does; false if
// there is none.
func (t *layout) First(tx *Tx, prefix, after string) (key string, raw []byte, found bool) {
	from := tx.key(t.rows, prefix) // nothing else makes a key before the iterator is done
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

// Last answers the greatest key with that prefix; false if there is none.
func (t *layout) Last(tx *Tx, prefix string) (string, bool) {
	from := tx.space(t.rows, len(prefix))
	space := len(from)
	k := tx.last(append(from, prefix...))
	if k == nil {
		return "", false
	}
	return string(k[space:]), true
}
