package store

import (
	"encoding/binary"
	"fmt"

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

func layerEmpty(btx *bolt.Tx, id uint64) bool {
	b := btx.Bucket(layerKey(id))
	return b == nil || b.Sequence() == 0
}

func newLayer(btx *bolt.Tx) (uint64, error) {
	return btx.Bucket(bucketMeta).NextSequence()
}

// spaceKey names one sorted set of entries: a table (index empty) or one of its indexes, in one partition.
type spaceKey struct {
	table, index, partition string
}

func (k spaceKey) appendTo(dst []byte) []byte {
	dst = append(dst, k.table...)
	dst = append(dst, 0)
	dst = append(dst, k.index...)
	dst = append(dst, 0)
	return append(dst, k.partition...)
}

// space is a spaceKey as one session sees it: its buckets in the layers that have one, newest first, and what the
// session itself wrote.
type space struct {
	key     spaceKey
	buckets []*bolt.Bucket
	hasTop  bool // buckets[0] is in the top layer
	over    *overlay
}

// manySpaces is where a session stops to look spaces up one by one.
const manySpaces = 16

func (s *session) space(key spaceKey) *space {
	if s.byKey != nil {
		if sp := s.byKey[key]; sp != nil {
			return sp
		}
	} else {
		for _, sp := range s.spaces {
			if sp.key == key {
				return sp
			}
		}
	}
	sp := s.openSpace(key)
	s.spaces = append(s.spaces, sp)
	if s.byKey != nil {
		s.byKey[key] = sp
	} else if len(s.spaces) > manySpaces {
		s.byKey = make(map[spaceKey]*space, 4*manySpaces)
		for _, sp := range s.spaces {
			s.byKey[sp.key] = sp
		}
	}
	return sp
}

func (s *session) openSpace(key spaceKey) *space {
	if s.btx == nil && !s.building {
		panic("store: transaction used after its end")
	}
	sp := &space{key: key}
	s.openLayers()
	s.buf = key.appendTo(s.buf[:0])
	for i, layer := range s.layers {
		if b := layer.Bucket(s.buf); b != nil {
			sp.buckets = append(sp.buckets, b)
			sp.hasTop = sp.hasTop || i == 0 && s.hasTop
		}
	}
	return sp
}

// openLayers finds the layers of the chain that have a bucket.
func (s *session) openLayers() {
	if s.opened {
		return
	}
	s.opened = true
	for i, id := range s.chain {
		if b := s.btx.Bucket(layerKey(id)); b != nil {
			s.layers = append(s.layers, b)
			s.hasTop = s.hasTop || i == 0
		}
	}
}

// get answers the value without its tag, valid until the transaction ends; false if no source has the key or the newest
// one says that it is gone.
func (s *session) get(sp *space, key string) ([]byte, bool) {
	s.buf = append(s.buf[:0], key...)
	if sp.over != nil {
		if v := sp.over.get(s.buf); v != nil {
			return v[1:], v[0] == tagRow
		}
	}
	return lookup(sp.buckets, s.buf)
}

// lookup is get in buckets alone.
func lookup(buckets []*bolt.Bucket, key []byte) ([]byte, bool) {
	for _, b := range buckets {
		if v := b.Get(key); v != nil {
			return v[1:], v[0] == tagRow
		}
	}
	return nil, false
}

// put takes a tagged value.
func (s *session) put(sp *space, key []byte, value []byte) {
	if !s.writable {
		panic("store: write in a read transaction")
	}
	if sp.over == nil {
		sp.over = newOverlay()
	}
	sp.over.put(key, value)
}

// apply moves what the session wrote into the top layer, and answers how many entries that were.
func (s *session) apply() (int, error) {
	entries := 0
	a := applier{s: s}
	for _, sp := range s.spaces {
		if sp.over == nil {
			continue
		}
		if err := a.space(sp); err != nil {
			return entries, fmt.Errorf("store: write: %w", err)
		}
		entries += sp.over.count
	}
	if a.delta != 0 {
		size := int64(a.layer.Sequence()) + a.delta
		if err := a.layer.SetSequence(uint64(size)); err != nil {
			return entries, fmt.Errorf("store: write: %w", err)
		}
	}
	return entries, nil
}

type applier struct {
	s     *session
	layer *bolt.Bucket
	delta int64 // change of the number of entries
}

func (a *applier) space(sp *space) error {
	older, top := sp.buckets, (*bolt.Bucket)(nil)
	if sp.hasTop {
		top, older = older[0], older[1:]
	}
	for n := sp.over.head.next[0]; n != nil; n = n.next[0] {
		var old []byte
		if top != nil {
			old = top.Get(n.key)
		}
		if n.value[0] == tagGone {
			if _, live := lookup(older, n.key); !live {
				if old != nil {
					if err := top.Delete(n.key); err != nil {
						return err
					}
					a.delta--
				}
				continue
			}
		}
		if top == nil {
			var err error
			if top, err = a.create(sp.key); err != nil {
				return err
			}
		}
		if err := top.Put(n.key, n.value); err != nil {
			return err
		}
		if old == nil {
			a.delta++
		}
	}
	if a.layer == nil && top != nil {
		a.layer = a.s.layers[0]
	}
	return nil
}

// create makes the bucket of a space in the top layer.
func (a *applier) create(key spaceKey) (*bolt.Bucket, error) {
	if a.layer == nil {
		layer, err := a.s.btx.CreateBucketIfNotExists(layerKey(a.s.chain[0]))
		if err != nil {
			return nil, err
		}
		a.layer = layer
	}
	return a.layer.CreateBucketIfNotExists(key.appendTo(nil))
}
