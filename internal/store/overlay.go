package store

import (
	"bytes"
	"math/bits"
)

// overlay is what one running function has written to one space: an ordered map from key to tagged value (a skip list).
// Nodes are never removed and never move, so an iteration may stand on one while others are added.
type overlay struct {
	head  node
	count int
	state uint64 // of the generator of node heights
}

const maxHeight = 16

type node struct {
	key, value []byte
	next       []*node
}

func newOverlay() *overlay {
	return &overlay{head: node{next: make([]*node, maxHeight)}, state: 0x9E3779B97F4A7C15}
}

// seek finds the last node whose key is less than the given one (the head if there is none); if path is not nil it
// receives that node for every height.
func (o *overlay) seek(key []byte, path *[maxHeight]*node) *node {
	n := &o.head
	for h := maxHeight - 1; h >= 0; h-- {
		for next := n.next[h]; next != nil && bytes.Compare(next.key, key) < 0; next = n.next[h] {
			n = next
		}
		if path != nil {
			path[h] = n
		}
	}
	return n
}

// last answers the node with the greatest key, nil if there is none.
func (o *overlay) last() *node {
	n := &o.head
	for h := maxHeight - 1; h >= 0; h-- {
		for n.next[h] != nil {
			n = n.next[h]
		}
	}
	if n == &o.head {
		return nil
	}
	return n
}

// get answers the tagged value, nil if the key was not written.
func (o *overlay) get(key []byte) []byte {
	if n := o.seek(key, nil).next[0]; n != nil && bytes.Equal(n.key, key) {
		return n.value
	}
	return nil
}

// put keeps value, and a copy of key.
func (o *overlay) put(key, value []byte) {
	var path [maxHeight]*node
	if n := o.seek(key, &path).next[0]; n != nil && bytes.Equal(n.key, key) {
		n.value = value
		return
	}
	n := &node{key: bytes.Clone(key), value: value, next: make([]*node, o.height())}
	for h := range n.next {
		n.next[h] = path[h].next[h]
		path[h].next[h] = n
	}
	o.count++
}

// height draws 1 with probability 3/4, 2 with 3/16 and so on.
func (o *overlay) height() int {
	o.state ^= o.state << 13
	o.state ^= o.state >> 7
	o.state ^= o.state << 17
	return min(1+bits.TrailingZeros64(o.state|1<<62)/2, maxHeight)
}
