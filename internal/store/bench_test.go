package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// bigRow is a row of 800 bytes with two index values, and a fast codec.
type bigRow struct {
	key, name, owner string
	rest             []byte
}

var bigRows = store.NewTable("big", func(r *bigRow) string { return r.key },
	store.Codec[bigRow]{
		Append: func(dst []byte, r *bigRow) ([]byte, error) {
			for _, s := range []string{r.key, r.name, r.owner} {
				dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
			}
			return append(dst, r.rest...), nil
		},
		Decode: func(src []byte, r *bigRow) error {
			for _, p := range []*string{&r.key, &r.name, &r.owner} {
				n, w := binary.Uvarint(src)
				if w <= 0 || int(n) > len(src)-w {
					return errors.New("short")
				}
				*p, src = string(src[w:w+int(n)]), src[w+int(n):]
			}
			r.rest = append(r.rest[:0], src...)
			return nil
		},
	},
	store.Index[bigRow]{Name: "name", Keys: func(r *bigRow) []string { return []string{r.name} }, Unique: true},
	store.Index[bigRow]{Name: "owner", Keys: func(r *bigRow) []string { return []string{r.owner} }},
)

// eventRows is a second table, so that a transaction writes rows of several.
var eventRows = store.NewTable("event", func(r *bigRow) string { return r.key }, store.Codec[bigRow]{
	Append: func(dst []byte, r *bigRow) ([]byte, error) { return append(dst, r.rest...), nil },
	Decode: func(src []byte, r *bigRow) error { r.rest = bytes.Clone(src); return nil },
})

func big(i int) *bigRow {
	return &bigRow{
		key:  fmt.Sprintf("%08x-volume-%08d", uint32(i)*2654435761, i),
		name: fmt.Sprint("name", i), owner: fmt.Sprint("owner", i%50),
		rest: bytes.Repeat([]byte{'x'}, 740),
	}
}

// bigWorld returns a store with a world of n rows, on a chain of that many layers.
func bigWorld(b *testing.B, n, layers int) *store.DB {
	b.Helper()
	db, err := store.Open(filepath.Join(b.TempDir(), "db"), store.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { db.Close() })
	require.NoError(b, db.Base("big", func(tx *store.Tx) error {
		for i := range n {
			if err := bigRows.Insert(tx, big(i)); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(b, db.CreateWorld("w", "big", nil, nil))
	for i := range layers - 1 {
		require.NoError(b, db.Checkpoint("w", "c", nil))
		require.NoError(b, db.Update("w", func(tx *store.Tx) error { return bigRows.Put(tx, big(i*7)) }))
	}
	return db
}

func BenchmarkGet(b *testing.B) {
	for _, layers := range []int{1, 2, 6} {
		b.Run(fmt.Sprintf("layers=%d", layers), func(b *testing.B) {
			db := bigWorld(b, 10_000, layers)
			keys := make([]string, 1000)
			for i := range keys {
				keys[i] = big(i * 10).key
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				err := db.View("w", func(tx *store.Tx) error {
					if _, ok := bigRows.Raw(tx, keys[i%1000]); !ok {
						return store.ErrNotFound
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkScan1000(b *testing.B) {
	for _, layers := range []int{1, 2, 6} {
		b.Run(fmt.Sprintf("layers=%d", layers), func(b *testing.B) {
			db := bigWorld(b, 10_000, layers)
			b.ReportAllocs()
			for b.Loop() {
				err := db.View("w", func(tx *store.Tx) error {
					n := 0
					for range bigRows.Scan(tx, "", "") {
						if n++; n == 1000 {
							break
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// create writes a row with two index values, and two rows of another table.
func create(tx *store.Tx, i int) error {
	if err := bigRows.Insert(tx, big(i)); err != nil {
		return err
	}
	for j := range 2 {
		e := &bigRow{key: fmt.Sprintf("%016d", i*4+j), rest: make([]byte, 200)}
		if err := eventRows.Put(tx, e); err != nil {
			return err
		}
	}
	return nil
}

func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			db := bigWorld(b, 10_000, 1)
			var i atomic.Int64
			i.Store(10_000_000)
			b.SetParallelism((writers + 1) / 2)
			b.ReportAllocs()
			one := func() {
				n := int(i.Add(1))
				if err := db.Update("w", func(tx *store.Tx) error { return create(tx, n) }); err != nil {
					b.Error(err)
				}
			}
			if writers == 1 {
				for b.Loop() {
					one()
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one()
				}
			})
		})
	}
}

func BenchmarkWorlds(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		for name, op := range map[string]func(db *store.DB, i int) error{
			"checkpoint": func(db *store.DB, i int) error { return db.Checkpoint("w", "c", nil) },
			"restore":    func(db *store.DB, i int) error { return db.Restore("w", "first", nil) },
			"reset":      func(db *store.DB, i int) error { return db.Reset("w", nil) },
			"fork":       func(db *store.DB, i int) error { return db.Fork("w", "", fmt.Sprint("f", i), nil, nil) },
		} {
			b.Run(fmt.Sprintf("%s/rows=%d", name, n), func(b *testing.B) {
				db := bigWorld(b, n, 1)
				require.NoError(b, db.Checkpoint("w", "first", nil))
				i := 0
				for b.Loop() {
					b.StopTimer()
					i++
					require.NoError(b, db.Update("w", func(tx *store.Tx) error { return bigRows.Put(tx, big(i%n)) }))
					b.StartTimer()
					if err := op(db, i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
