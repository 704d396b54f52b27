package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Tx is one transaction on one world, seen through one partition. It belongs to the goroutine that runs the function it
// was given to, and ends when that function returns.
type Tx struct {
	*session
	partition string
	escaped   []byte // the partition as keys have it
	short     [24]byte
}

// session is what all views of a transaction share.
type session struct {
	Now time.Time // the instant of this transaction, set by whoever begins it
	By  string    // on whose behalf, set by whoever begins it

	// Owner is what whoever began the transaction keeps beside it.
	Owner any

	src      *source // nil when the transaction has ended
	shares   *opened // what readers share, nil in a transaction that shares nothing
	writable bool
	over     *overlay // what was written, nil if nothing was
	mem      *arena   // where over lies
	decoded  *decodedRows
	views    []*Tx
	hooks    []func()

	firstViews [2]Tx // where most views lie
	viewSpace  [2]*Tx

	keyBuf   []byte // the key that was made last
	keySpace [128]byte
}

var rootPartition = []byte{0, 1}

// whole is the session seen through the world's own partition.
func (s *session) whole() Tx {
	s.keyBuf = s.keySpace[:0]
	return Tx{session: s, escaped: rootPartition}
}

// key is a key of the transaction's partition, valid until the next call; space is a table's or an index' prefix.
func (tx *Tx) key(space []byte, key string) []byte {
	tx.keyBuf = append(append(append(tx.keyBuf[:0], space...), tx.escaped...), key...)
	return tx.keyBuf
}

// space is key with an empty key, as memory of its own with room for some bytes more.
func (tx *Tx) space(prefix []byte, room int) []byte {
	b := make([]byte, 0, len(prefix)+len(tx.escaped)+room)
	return append(append(b, prefix...), tx.escaped...)
}

// World is the name of the world, empty while a base is being filled.
func (tx *Tx) World() string { return tx.source().world }

// Meta is the world's meta as CreateWorld, Fork or SetMeta stored it.
func (tx *Tx) Meta() json.RawMessage { return append(json.RawMessage(nil), tx.source().meta...) }

// Writable tells Update from View.
func (tx *Tx) Writable() bool { return tx.writable }

// Partition is the partition that tables are read from and written to, empty for the world's own.
func (tx *Tx) Partition() string { return tx.partition }

// In is the same transaction seen through another partition: every table has its own rows in each. Any name will do.
func (tx *Tx) In(partition string) *Tx {
	if partition == tx.partition {
		return tx
	}
	for _, view := range tx.views {
		if view.partition == partition {
			return view
		}
	}
	if tx.views == nil {
		tx.views = tx.viewSpace[:0]
	}
	var view *Tx
	if n := len(tx.views); n < len(tx.firstViews) {
		view = &tx.firstViews[n]
	} else {
		view = &Tx{}
	}
	view.session, view.partition, view.escaped = tx.session, partition, rootPartition
	if partition != "" {
		view.escaped = appendValue(view.short[:0], partition)
	}
	tx.views = append(tx.views, view)
	return view
}

// OnCommit runs fn after the commit, in the order of commits, before Update returns; never if the transaction fails.
// Others wait for fn: it must be short and must not call Update. In a read transaction it never runs.
func (tx *Tx) OnCommit(fn func()) {
	tx.hooks = append(tx.hooks, fn)
}

// View runs fn on the world as it is. It does not wait for writers, and fn sees one state however long it takes.
// It returns fn's error, ErrNoWorld, or a *CorruptError.
func (db *DB) View(world string, fn func(*Tx) error) error {
	return db.view(world, false, fn)
}

// ViewStart is View of the world as it was where it started: its base, or the state that it was forked from.
func (db *DB) ViewStart(world string, fn func(*Tx) error) error {
	return db.view(world, true, fn)
}

func (db *DB) view(world string, start bool, fn func(*Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer db.catch(&err)
	if !start {
		place, err := db.readers.enter(db, world)
		if err != nil {
			return plain(err)
		}
		if place.in != nil {
			return db.viewShared(place, fn)
		}
	}
	return db.viewAlone(world, start, fn)
}

// viewShared runs fn in a state that others read too.
func (db *DB) viewShared(place seat, fn func(*Tx) error) error {
	defer db.readers.exit(place)
	var v struct { // one allocation
		s  session
		tx Tx
	}
	v.s.src, v.s.shares, v.s.decoded = place.src, place.of, &db.decoded
	v.tx = v.s.whole()
	defer v.s.end()
	return call1(fn, &v.tx)
}

// viewAlone runs fn in a transaction of its own.
func (db *DB) viewAlone(world string, start bool, fn func(*Tx) error) error {
	btx, present, err := db.readers.snapshot(db)
	if err != nil {
		return err
	}
	defer btx.Rollback()
	var v struct { // one allocation
		src   source
		s     session
		tx    Tx
		chain [16]uint64
	}
	v.src.chain = v.chain[:0]
	r, err := v.src.open(btx, world)
	if err != nil {
		return plain(err)
	}
	if start {
		v.src.chain = r.start
	} else {
		v.src.over(present, present.commit)
	}
	v.s.src, v.s.decoded = &v.src, &db.decoded
	v.tx = v.s.whole()
	defer v.s.end()
	return call1(fn, &v.tx)
}

// begin opens a read transaction.
func (db *DB) begin() (*bolt.Tx, error) { return begun(db.bolt.Begin(false)) }

// beginWrite opens a write transaction, after whose end the readers resume.
func (db *DB) beginWrite() (*bolt.Tx, error) {
	db.readers.hold()
	btx, err := begun(db.bolt.Begin(true))
	if err != nil {
		db.readers.resume(func(*recent) {})
	}
	return btx, err
}

func begun(btx *bolt.Tx, err error) (*bolt.Tx, error) {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return nil, ErrClosed
	}
	if err != nil {
		return nil, fmt.Errorf("store: begin: %w", err)
	}
	return btx, nil
}

// end makes a transaction that somebody kept useless instead of dangerous.
func (s *session) end() {
	s.src, s.shares, s.writable, s.over, s.mem, s.views = nil, nil, false, nil, nil, nil
}

// CorruptError says that a stored row cannot be what was written. Reading one panics with it inside a transaction; View
// and Update return it.
type CorruptError struct {
	Table, Key string
	Err        error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("store: row %s %q is damaged: %v", e.Table, e.Key, e.Err)
}

// Unwrap is the reason.
func (e *CorruptError) Unwrap() error { return e.Err }

// call1 runs fn and returns a *CorruptError that it panics with. Other panics go on.
func call1(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			corrupt, ok := r.(*CorruptError)
			if !ok {
				panic(r)
			}
			err = corrupt
		}
	}()
	return fn(tx)
}
