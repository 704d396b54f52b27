package store

import (
	"bytes"
	"encoding/binary"
	"runtime"

	bolt "go.etcd.io/bbolt"
)

// The first byte of every stored value.
const (
	tagGone byte = 0
	tagRow  byte = 1
)

func layerKey(id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'L'}, id)
}

// layerID is the reverse of layerKey; false for the fixed buckets.
func layerID(key []byte) (uint64, bool) {
	if len(key) != 9 || key[0] != 'L' {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
}

// layerBucket returns nil for a layer that was never written to.
func layerBucket(btx *bolt.Tx, id uint64) *bolt.Bucket {
	key := [9]byte{'L'}
	binary.BigEndian.PutUint64(key[1:], id)
	return btx.Bucket(key[:])
}

func layerEmpty(btx *bolt.Tx, id uint64) bool {
	b := layerBucket(btx, id)
	return b == nil || b.Sequence() == 0
}

func newLayer(btx *bolt.Tx) (uint64, error) {
	return btx.Bucket(bucketMeta).NextSequence()
}

// spacePrefix is the prefix of all keys of a table or index, in every partition.
func spacePrefix(table, index string) []byte {
	p := append(make([]byte, 0, len(table)+len(index)+2), table...)
	p = append(append(p, 0), index...)
	return append(p, 0)
}

// source is a chain of layers in one transaction of bbolt. All sessions on it share what it has opened.
type source struct {
	btx   *bolt.Tx
	world string
	meta  []byte
	life  uint64
	// origin is the meta of the checkpoint that a world is being put on; nil otherwise.
	origin []byte
	chain  []uint64 // newest first; for writing, chain[0] is the top layer

	tables []*memtable // what the tree lacks of chain[0], newer first
	commit uint64      // the last commit of the tables that is visible

	opened bool
	layers []*bolt.Bucket // those that exist, newest first
	hasTop bool           // layers[0] is chain[0]
	find   []*bolt.Cursor // one for each of layers, for lookups
	idle   [][]cursor     // sets of ended iterations, with a cursor for each of tables and layers
}

// open puts the source on the present of a world.
func (src *source) open(btx *bolt.Tx, world string) (worldRecord, error) {
	r, err := readWorld(btx, world, src.chain[:0])
	if err != nil {
		return r, err
	}
	*src = source{btx: btx, world: world, meta: r.meta, life: r.life, chain: r.chain, layers: src.layers[:0],
		find: src.find[:0]}
	return r, nil
}

// over puts what the tree lacks above the chain, as of a commit.
func (src *source) over(r recent, commit uint64) {
	src.tables, src.commit, src.idle = nil, commit, nil
	for _, g := range []*generation{r.now, r.before} {
		if m := g.table(src.chain[0]); m != nil {
			src.tables = append(src.tables, m)
		}
	}
}

// openLayers finds the layers of the chain that have a bucket.
func (src *source) openLayers() {
	if src.opened {
		return
	}
	src.opened = true
	for i, id := range src.chain {
		if b := layerBucket(src.btx, id); b != nil {
			src.layers = append(src.layers, b)
			src.find = append(src.find, b.Cursor())
			src.hasTop = src.hasTop || i == 0
		}
	}
}

// top returns the bucket of the top layer, and creates it if there is none.
func (src *source) top() (*bolt.Bucket, error) {
	if src.hasTop {
		return src.layers[0], nil
	}
	b, err := src.btx.CreateBucketIfNotExists(layerKey(src.chain[0]))
	if err != nil {
		return nil, err
	}
	src.layers = append([]*bolt.Bucket{b}, src.layers...)
	src.find = append([]*bolt.Cursor{b.Cursor()}, src.find...)
	src.hasTop, src.idle = true, nil
	return b, nil
}

// cursors returns a cursor for each table and each layer. iterator.close returns the set.
func (src *source) cursors() []cursor {
	if n := len(src.idle); n > 0 {
		set := src.idle[n-1]
		src.idle = src.idle[:n-1]
		return set
	}
	set := make([]cursor, len(src.tables)+len(src.layers))
	for i, m := range src.tables {
		set[i].m, set[i].commit = m, src.commit
	}
	for i, b := range src.layers {
		set[len(src.tables)+i].c = b.Cursor()
	}
	return set
}

// get returns the value without its tag, valid until the transaction ends, and false if no layer has the key or the
// newest one that has it has a tombstone.
func (src *source) get(key []byte) ([]byte, bool) {
	for _, m := range src.tables {
		if v := m.get(key, src.commit); v != nil {
			return v[1:], v[0] == tagRow
		}
	}
	src.openLayers()
	return lookup(src.find, key)
}

func lookup(find []*bolt.Cursor, key []byte) ([]byte, bool) {
	for _, c := range find {
		if k, v := c.Seek(key); bytes.Equal(k, key) {
			return v[1:], v[0] == tagRow
		}
	}
	return nil, false
}

// get is source.get with what the session itself has written.
func (s *session) get(key []byte) ([]byte, bool) {
	if s.over != nil {
		if v := s.over.get(key); v != nil {
			return v[1:], v[0] == tagRow
		}
	}
	return s.source().get(key)
}

// put copies the key, and keeps the tagged value itself until the commit.
func (s *session) put(key []byte, value []byte) {
	if !s.writable {
		panic("store: write in a read transaction")
	}
	if s.over == nil {
		s.over = newOverlay(s.mem)
	}
	s.over.put(key, value)
}

func (s *session) source() *source {
	if s.src == nil {
		panic("store: transaction used after its end")
	}
	return s.src
}

// writeSlice is the number of entries that are written to the tree before other goroutines may run.
const writeSlice = 16

// write writes a memtable to the top layer. A tombstone is written only if an older layer has the key.
func (src *source) write(m *memtable) error {
	delta, since := 0, 0
	for n := m.First(); n != nil; n = n.Next() {
		v := n.Value.newest.Load()
		if v == nil {
			continue
		}
		if since++; since%writeSlice == 0 {
			runtime.Gosched() // requests come first
		}
		there := false
		older := src.find
		if src.hasTop {
			k, _ := src.find[0].Seek(n.Key)
			there, older = bytes.Equal(k, n.Key), src.find[1:]
		}
		if v.value[0] == tagGone {
			if _, live := lookup(older, n.Key); !live {
				if there {
					if err := src.layers[0].Delete(n.Key); err != nil {
						return err
					}
					delta--
				}
				continue
			}
		}
		top, err := src.top()
		if err != nil {
			return err
		}
		if err := top.Put(n.Key, v.value); err != nil {
			return err
		}
		if !there {
			delta++
		}
	}
	if delta == 0 {
		return nil
	}
	return src.layers[0].SetSequence(uint64(int64(src.layers[0].Sequence()) + int64(delta)))
}
