package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"storagesim/internal/strict"
)

// Export yields the keys and rows of the transaction's partition in the order of keys. The rows are JSON documents as
// Import reads them, valid until the next step.
func (t *Table[T]) Export(tx *Tx) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, raw := range t.Scan(tx, "", "") {
			if !t.codec.json {
				row := t.Decode(key, raw)
				text, err := json.Marshal(&row)
				if err != nil {
					panic(&CorruptError{Table: t.name, Key: key, Err: err})
				}
				raw = text
			}
			if !yield(key, raw) {
				return
			}
		}
	}
}

// Import inserts the row of a JSON document. It returns a *strict.Error for an unknown member, a value of the wrong
// type and a row without a key, and ErrExists if there is such a row already.
func (t *Table[T]) Import(tx *Tx, doc []byte) error {
	row := new(T)
	if err := strict.Decode(doc, row); err != nil {
		return err
	}
	return t.InsertForeign(tx, row)
}

// InsertForeign is Insert of a row that this program has not made. It returns a *strict.Error if the row lacks a part
// that its key or its index values need.
func (t *Table[T]) InsertForeign(tx *Tx, row *T) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if corrupt, ok := p.(*CorruptError); ok {
				panic(corrupt)
			}
			err = &strict.Error{Detail: fmt.Sprintf("a part that identifies it is missing (%v)", p)}
		}
	}()
	if key := t.key(row); key == "" || len(key) > maxKey {
		return &strict.Error{Detail: fmt.Sprintf(
			"its key, made of the members that identify it, has %d bytes; it must have 1 to %d", len(key), maxKey)}
	}
	return t.Insert(tx, row)
}

// Space is a table in a partition.
type Space struct{ Table, Partition string }

// Spaces lists the tables that have rows in the transaction's world, with the partition, in the order of names. It
// leaves out the store's own tables.
func (tx *Tx) Spaces() []Space {
	var list []Space
	after := []byte(nil)
	for {
		var it iterator
		tx.iterate(&it, nil, after)
		k, _ := it.next()
		it.close()
		if k == nil {
			return list
		}
		table, rest, _ := bytes.Cut(k, []byte{0})
		index, rest, _ := bytes.Cut(rest, []byte{0})
		partition, n := cutValue(rest)
		if len(index) == 0 && !strings.HasPrefix(string(table), "~") {
			list = append(list, Space{Table: string(table), Partition: partition})
		}
		if after = successor(k[:len(k)-len(rest)+n]); after == nil {
			return list
		}
	}
}
