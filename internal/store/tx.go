package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Tx is a transaction on a world, with one of its partitions. It belongs to the goroutine of the function that it is
// passed to, and ends when that function returns.
type Tx struct {
	*session
	partition string
	escaped   []byte // the partition as it is in keys
	short     [24]byte
}

// session is what the Txs of all partitions of a transaction share.
type session struct {
	Now time.Time // the instant of the transaction, set by the code that begins it
	By  string    // the caller, set by the code that begins it

	// Owner belongs to the code that begins the transaction.
	Owner any

	src      *source // nil when the transaction has ended
	shares   *opened // what readers share, nil if nothing is shared
	writable bool
	over     *overlay // what was written, nil if nothing was
	mem      *arena   // memory of over
	decoded  *decodedRows
	views    []*Tx
	hooks    []func()

	firstViews [2]Tx // memory of the first views
	viewSpace  [2]*Tx

	keyBuf   []byte // the last key that was made
	keySpace [128]byte
}

var rootPartition = []byte{0, 1}

// whole returns the transaction of the session in the world's own partition.
func (s *session) whole() Tx {
	s.keyBuf = s.keySpace[:0]
	return Tx{session: s, escaped: rootPartition}
}

// key returns a key of the transaction's partition, valid until the next call. The space is the prefix of a table or
// index.
func (tx *Tx) key(space []byte, key string) []byte {
	tx.keyBuf = append(append(append(tx.keyBuf[:0], space...), tx.escaped...), key...)
	return tx.keyBuf
}

// space returns key with an empty key, in memory of its own that has room for more bytes.
func (tx *Tx) space(prefix []byte, room int) []byte {
	b := make([]byte, 0, len(prefix)+len(tx.escaped)+room)
	return append(append(b, prefix...), tx.escaped...)
}

// World returns the name of the world. It is empty while a base is filled.
func (tx *Tx) World() string { return tx.source().world }

// Meta returns the world's meta.
func (tx *Tx) Meta() json.RawMessage { return append(json.RawMessage(nil), tx.source().meta...) }

// Life returns the number of the world's life that the transaction runs in. See Life.
func (tx *Tx) Life() uint64 { return tx.source().life }

// Origin returns the meta of the checkpoint that the transaction reads: that of ViewCheckpoint, or the one that Fork or
// Restore puts the world on. It is nil in all other transactions.
func (tx *Tx) Origin() json.RawMessage { return tx.source().origin }

// Writable reports whether the transaction may write.
func (tx *Tx) Writable() bool { return tx.writable }

// Partition returns the partition that tables are read from and written to, empty for the world's own.
func (tx *Tx) Partition() string { return tx.partition }

// In returns the same transaction in another partition. Every table has its own rows in each. Any name is valid.
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

// OnCommit runs fn after the commit, in the order of commits, before Update returns. fn does not run if the transaction
// fails or is a read transaction. Other writers wait for fn: it must be short and must not call Update.
func (tx *Tx) OnCommit(fn func()) {
	tx.hooks = append(tx.hooks, fn)
}

// View runs fn on the world in a read transaction. It does not wait for writers, and fn sees one state however long it
// takes. It returns fn's error, ErrNoWorld, or a *CorruptError.
func (db *DB) View(world string, fn func(*Tx) error) error {
	return db.view(world, false, fn)
}

// ViewStart is View of the world's start.
func (db *DB) ViewStart(world string, fn func(*Tx) error) error {
	return db.view(world, true, fn)
}

func (db *DB) view(world string, start bool, fn func(*Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer db.guard.Catch(&err)
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

// AtStart reports whether nothing was written to the world since its start. It may return false for a world whose rows
// are those of the start again. The errors are ErrNoWorld and a failure of the file.
func (db *DB) AtStart(world string) (is bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer db.guard.Catch(&err)
	btx, present, err := db.readers.snapshot(db)
	if err != nil {
		return false, err
	}
	defer btx.Rollback()
	var src source
	r, err := src.open(btx, world)
	if err != nil {
		return false, plain(err)
	}
	src.over(present, present.commit)
	return slices.Equal(r.chain[1:], r.start) && len(src.tables) == 0 && layerEmpty(btx, r.chain[0]), nil
}

// viewShared runs fn in a state that other readers share.
func (db *DB) viewShared(place seat, fn func(*Tx) error) error {
	defer db.readers.exit(place)
	var v struct { // one allocation
		s  session
		tx Tx
	}
	v.s.src, v.s.shares, v.s.decoded = place.src, place.of, &db.decoded
	v.tx = v.s.whole()
	defer v.s.end()
	return catchCorrupt(fn, &v.tx)
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
	return catchCorrupt(fn, &v.tx)
}

// begin opens a read transaction.
func (db *DB) begin() (*bolt.Tx, error) { return begun(db.bolt.Begin(false)) }

// beginWrite opens a write transaction. readers.resume must be called after its end.
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

// end makes every further use of the transaction panic.
func (s *session) end() {
	s.src, s.shares, s.writable, s.over, s.mem, s.views = nil, nil, false, nil, nil, nil
}

// CorruptError is the error of a stored row that cannot be decoded. Reading such a row in a transaction panics with it;
// View and Update return it.
type CorruptError struct {
	Table, Key string
	Err        error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("store: row %s %q is damaged: %v", e.Table, e.Key, e.Err)
}

// Unwrap returns the reason.
func (e *CorruptError) Unwrap() error { return e.Err }

// catchCorrupt runs fn and returns a *CorruptError that it panics with. Other panics continue.
func catchCorrupt(fn func(*Tx) error, tx *Tx) (err error) {
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
