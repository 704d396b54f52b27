package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	bolt "go.etcd.io/bbolt"

	"storagesim/internal/strict"
)

// Export yields the rows of the transaction's partition as JSON documents in the order of their keys, in the form that
// Import reads. They are valid until the next step.
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

// Import inserts the row that a document describes. Members that a row does not have, values of other types and a row
// without a key are a *strict.Error; a row that is there already is ErrExists.
func (t *Table[T]) Import(tx *Tx, doc []byte) error {
	row := new(T)
	if err := strict.Decode(doc, row); err != nil {
		return err
	}
	return t.InsertForeign(tx, row)
}

// InsertForeign is Insert of a row that was not made by this program, so that parts of it may be missing of which its key or its
// indexes are made: a *strict.Error.
func (t *Table[T]) InsertForeign(tx *Tx, row *T) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if corrupt, ok := p.(*CorruptError); ok {
				panic(corrupt)
			}
			err = &strict.Error{Detail: fmt.Sprintf("a part is missing without which it cannot be found again (%v)", p)}
		}
	}()
	if key := t.key(row); key == "" || len(key) > maxKey {
		return &strict.Error{Detail: fmt.Sprintf("its key, which is made of what identifies it, has %d bytes; 1 to %d are possible", len(key), maxKey)}
	}
	return t.Insert(tx, row)
}

// Space is a table in a partition.
type Space struct{ Table, Partition string }

// Spaces lists the tables that have rows in the transaction's world, in every partition, by name. The store's own are not
// among them.
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

// Draws is how many draws the world's generator has made.
func (tx *Tx) Draws() uint64 { return tx.number(keyDraws) }

// SetDraws continues the world's generator as if it had made that many draws.
func (tx *Tx) SetDraws(n uint64) { tx.setNumber(keyDraws, n) }

// Replace puts the world on what fn writes into an empty store of its own, which becomes the world's start too, and
// gives it the meta that fn returns. Its checkpoints stay. The transactions of next are part of the start as those of
// CreateWorld. If one of them, fn or a commit fails, the world stays as it is; otherwise it changes in one step. fn runs
// concurrently with all other transactions, and must not call Replace or Base. The errors are those of fn and next, and
// ErrNoWorld.
func (db *DB) Replace(world string, fn func(*Tx) (meta json.RawMessage, err error), next func(*Tx) (more bool, err error)) error {
	if _, err := db.World(world); err != nil {
		return err
	}
	db.baseMu.Lock()
	defer db.baseMu.Unlock()
	s := &session{writable: true, src: &source{opened: true, world: world}, mem: &arena{}}
	defer s.end()
	var meta json.RawMessage
	id, err := db.layerOf(s, func(tx *Tx) (err error) {
		meta, err = fn(tx)
		return err
	})
	if err != nil {
		return err
	}
	defer db.unpin(id)
	return db.dropped(db.changed(db.changeCall(func(btx *bolt.Tx, c *call) error {
		r, err := readRecord(btx, world, nil)
		if err != nil {
			return err
		}
		r.meta = meta
		return db.startWorld(btx, c, world, r, []uint64{id}, next)
	}), world))
}
