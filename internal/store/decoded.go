package store

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
)

// decodedRows keeps some rows as they were decoded, with the bytes that they were made of: a row whose bytes are the same is
// the same, in whichever world, layer or transaction.
type decodedRows struct {
	seed maphash.Seed
	rows [1 << decodedBits]atomic.Pointer[decodedRow]
}

const decodedBits = 10

type decodedRow struct {
	table *layout
	raw   []byte
	row   any // pointer to it
}

// maxDecoded is the size of the largest row that is kept.
const maxDecoded = 16 << 10

// Shared is Get for rows that are asked for far more often than they change: it decodes a row that was decoded already as
// seldom as it can. What it answers belongs to many, in other worlds too, and must not be changed. ErrNotFound.
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
	if d := slot.Load(); d != nil && d.table == &t.layout && bytes.Equal(d.raw, raw) {
		return d.row.(*T), nil
	}
	row := t.Decode(key, raw)
	slot.Store(&decodedRow{table: &t.layout, raw: bytes.Clone(raw), row: &row})
	return &row, nil
}
