package store

import (
	"bytes"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// iterator merges layers and what the session has written, in key order. It also yields what the session writes
// meanwhile, if that is ahead of the iterator.
type iterator struct {
	s      *session // nil: layers only
	prefix []byte
	set    []cursor     // of each table and each layer, newest first
	only   int          // the only cursor of set that has entries, -1 if several have
	over   *overlayNode // the last node before the position, nil at the start
	at     []byte       // the position: lesser keys have been yielded
	passed bool         // the key at has been yielded too
}

// cursor is at an entry of a layer in the tree, or of a memtable.
type cursor struct {
	c    *bolt.Cursor
	k, v []byte

	m      *memtable // instead of c
	n      *memNode
	commit uint64
}

// seek moves it to the first entry that is not less than key.
func (cur *cursor) seek(key []byte) {
	if cur.m == nil {
		cur.k, cur.v = cur.c.Seek(key)
		return
	}
	cur.n = cur.m.Before(key)
	cur.next()
}

// next moves it to the next entry. The key is nil at the end.
func (cur *cursor) next() {
	if cur.m == nil {
		cur.k, cur.v = cur.c.Next()
		return
	}
	for cur.n = cur.n.Next(); cur.n != nil; cur.n = cur.n.Next() {
		if cur.v = cur.n.Value.at(cur.commit); cur.v != nil {
			cur.k = cur.n.Key
			return
		}
	}
	cur.k, cur.v = nil, nil
}

// iterate puts the iterator before the first key that has the prefix and, if after is not empty, is greater than after.
// Both begin with a space and must not change meanwhile. close ends the iteration.
func (s *session) iterate(it *iterator, prefix, after []byte) {
	src := s.source()
	src.openLayers()
	*it = iterator{s: s, prefix: prefix, at: prefix, set: src.cursors()}
	if len(after) > 0 && bytes.Compare(after, prefix) >= 0 {
		it.at, it.passed = after, true
	}
	it.start()
}

func (it *iterator) close() {
	if src := it.s.src; src != nil && len(it.set) == len(src.tables)+len(src.layers) {
		src.idle = append(src.idle, it.set)
	}
	it.set = nil
}

// start moves all cursors to their first entry. Layers do not change while a session runs, so a cursor without an entry
// of the prefix never has one.
func (it *iterator) start() {
	live := 0
	for i := range it.set {
		cur := &it.set[i]
		cur.seek(it.at)
		if it.passed && bytes.Equal(cur.k, it.at) {
			cur.next()
		}
		if cur.k == nil || !bytes.HasPrefix(cur.k, it.prefix) {
			cur.k = nil
			continue
		}
		live++
		it.only = i
	}
	if live > 1 {
		it.only = -1
	}
}

// next returns the next key, with its space, and its value without tag. The key is nil at the end.
func (it *iterator) next() (key, value []byte) {
	for {
		key, value = it.step()
		if key == nil || !bytes.HasPrefix(key, it.prefix) {
			return nil, nil
		}
		if value[0] == tagRow {
			return key, value[1:]
		}
	}
}

// step returns the next key of all sources, with the tagged value of the newest source that has it.
func (it *iterator) step() (key, value []byte) {
	n := it.written()
	if n == nil && it.only >= 0 {
		if len(it.set) == 0 {
			return nil, nil
		}
		cur := &it.set[it.only]
		key, value = cur.k, cur.v
		if key != nil {
			cur.next()
			it.at, it.passed = key, true
		}
		return key, value
	}
	if n != nil {
		key, value = n.Key, n.Value
	}
	same := 0 // no cursor before this one is at key
	for i := range it.set {
		cur := &it.set[i]
		if cur.k == nil {
			continue
		}
		if key == nil || bytes.Compare(cur.k, key) < 0 {
			key, value, same = cur.k, cur.v, i
		}
	}
	if key == nil {
		return nil, nil
	}
	for i := same; i < len(it.set); i++ {
		if cur := &it.set[i]; bytes.Equal(cur.k, key) {
			cur.next()
		}
	}
	it.at, it.passed = key, true
	return key, value
}

// written returns the next entry that the session itself has written.
func (it *iterator) written() *overlayNode {
	if it.s == nil || it.s.over == nil {
		return nil
	}
	if it.over == nil {
		it.over = it.s.over.Before(it.at)
	}
	for {
		n := it.over.Next()
		if n == nil {
			return nil
		}
		if c := bytes.Compare(n.Key, it.at); c > 0 || c == 0 && !it.passed {
			return n
		}
		it.over = n
	}
}

// last returns the greatest key with the prefix that is not deleted, nil if there is none. The prefix begins with a
// space.
func (s *session) last(prefix []byte) []byte {
	src := s.source()
	src.openLayers()
	bound := successor(prefix)
	for {
		var key []byte
		if s.over != nil {
			key = s.over.Before(bound).Key
		}
		for _, m := range src.tables {
			if k := m.before(bound, src.commit); k != nil && (key == nil || bytes.Compare(k, key) > 0) {
				key = k
			}
		}
		for _, c := range src.find {
			if k := before(c, bound); k != nil && (key == nil || bytes.Compare(k, key) > 0) {
				key = k
			}
		}
		if key == nil || !bytes.HasPrefix(key, prefix) {
			return nil
		}
		if _, live := s.get(key); live {
			return key
		}
		bound = key
	}
}

func before(c *bolt.Cursor, bound []byte) []byte {
	k, _ := c.Seek(bound)
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	return k
}

// successor returns the least key that is greater than all keys with the prefix, nil if the prefix is all FF.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xFF {
			next := bytes.Clone(prefix[:i+1])
			next[i]++
			return next
		}
	}
	return nil
}

// names copies keys into strings, many with one allocation.
type names struct {
	b strings.Builder
}

const namesBlock = 4096

func (n *names) add(key []byte) string {
	if n.b.Cap()-n.b.Len() < len(key) {
		size := min(max(2*n.b.Cap(), 64), namesBlock)
		n.b = strings.Builder{}
		n.b.Grow(max(size, len(key)))
	}
	start := n.b.Len()
	n.b.Write(key)
	return n.b.String()[start:]
}
