package store

import (
	"bytes"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// iterator merges the sources of a space in key order. What the session writes while it runs is seen if it lies ahead.
type iterator struct {
	sp      *space
	prefix  []byte
	cursors []cursor // newest first
	over    *node    // the last node behind the current position, nil if not yet looked for
	at      []byte   // the position: keys below have been dealt with
	passed  bool     // so has the key that equals at
}

type cursor struct {
	c    *bolt.Cursor
	k, v []byte
}

// newIterator stands before the first key that has the prefix and is greater than after (not empty).
func newIterator(sp *space, prefix, after []byte) *iterator {
	it := &iterator{sp: sp, prefix: prefix, at: prefix}
	if len(after) > 0 && bytes.Compare(after, prefix) >= 0 {
		it.at, it.passed = after, true
	}
	it.cursors = make([]cursor, len(sp.buckets))
	for i, b := range sp.buckets {
		cur := &it.cursors[i]
		cur.c = b.Cursor()
		cur.k, cur.v = cur.c.Seek(it.at)
		if it.passed && bytes.Equal(cur.k, it.at) {
			cur.k, cur.v = cur.c.Next()
		}
	}
	return it
}

// next answers the next key and its value without tag; a nil key at the end.
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

// step answers the next key in any source, with the newest source's tagged value.
func (it *iterator) step() (key, value []byte) {
	if len(it.cursors) == 1 && it.sp.over == nil {
		cur := &it.cursors[0]
		key, value = cur.k, cur.v
		if key != nil {
			cur.k, cur.v = cur.c.Next()
			it.at, it.passed = key, true
		}
		return key, value
	}
	if n := it.written(); n != nil {
		key, value = n.key, n.value
	}
	same := 0 // cursors before this one are beyond key
	for i := range it.cursors {
		cur := &it.cursors[i]
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
	for i := same; i < len(it.cursors); i++ {
		if cur := &it.cursors[i]; bytes.Equal(cur.k, key) {
			cur.k, cur.v = cur.c.Next()
		}
	}
	it.at, it.passed = key, true
	return key, value
}

// written is the session's own next entry.
func (it *iterator) written() *node {
	o := it.sp.over
	if o == nil {
		return nil
	}
	if it.over == nil {
		it.over = o.seek(it.at, nil)
	}
	for {
		n := it.over.next[0]
		if n == nil {
			return nil
		}
		if c := bytes.Compare(n.key, it.at); c > 0 || c == 0 && !it.passed {
			return n
		}
		it.over = n
	}
}

// last answers the greatest live key with the prefix, nil if there is none.
func (s *session) last(sp *space, prefix []byte) []byte {
	bound := successor(prefix)
	for {
		var key []byte
		if sp.over != nil {
			if n := sp.over.before(bound); n != nil {
				key = n.key
			}
		}
		for _, b := range sp.buckets {
			if k := before(b.Cursor(), bound); k != nil && (key == nil || bytes.Compare(k, key) > 0) {
				key = k
			}
		}
		if key == nil || !bytes.HasPrefix(key, prefix) {
			return nil
		}
		if _, live := s.get(sp, string(key)); live {
			return key
		}
		bound = key
	}
}

// before is the last node with a key less than bound (nil: the last of all), nil if there is none.
func (o *overlay) before(bound []byte) *node {
	if bound == nil {
		return o.last()
	}
	if n := o.seek(bound, nil); n != &o.head {
		return n
	}
	return nil
}

func before(c *bolt.Cursor, bound []byte) []byte {
	var k []byte
	if bound != nil {
		k, _ = c.Seek(bound)
	}
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	return k
}

// successor is the least key greater than all keys with the prefix, nil if there is none.
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

// names turns keys into strings that live as long as anybody wants, many to an allocation.
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
