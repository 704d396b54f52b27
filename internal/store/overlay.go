package store

import (
	"bytes"
	"math/bits"
)

// overlay is what one running function has written: an ordered map from key to tagged value (a skip list). Nodes are never
// removed and never move, so an iteration may stand on one while others are added.
type overlay struct {
	head  node
	count int
	state uint64 // of the generator of node heights
	mem   *arena
	tower [maxHeight]*node // of the head
}

const maxHeight = 16

type node struct {
	key, value []byte
	next       []*node
	one        [1]*node // where next lies in most nodes
}

func newOverlay(mem *arena) *overlay {
	o := &overlay{state: 0x9E3779B97F4A7C15, mem: mem}
	o.head.next = o.tower[:]
	return o
}

func (o *overlay) first() *node { return o.tower[0] }

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
	n := o.mem.node()
	n.key, n.value, n.next = o.mem.hold(key), value, n.one[:]
	if h := o.height(); h > 1 {
		n.next = make([]*node, h)
	}
	for h := range n.next {
		n.next[h] = path[h].next[h]
		path[h].next[h] = n
	}
	o.count++
}

// before is the last node with a key less than bound, nil if there is none.
func (o *overlay) before(bound []byte) *node {
	if n := o.seek(bound, nil); n != &o.head {
		return n
	}
	return nil
}

// height draws 1 with probability 3/4, 2 with 3/16 and so on.
func (o *overlay) height() int {
	o.state = shuffle(o.state)
	return min(1+bits.TrailingZeros64(o.state|1<<62)/2, maxHeight)
}

// arena hands out memory in blocks. Bytes are valid for as long as anybody has them, nodes until it is reset.
type arena struct {
	bytes []byte
	nodes []node
	used  int // of nodes

	row, list []byte // for whoever makes a row, until it makes the next
}

const (
	arenaBytes = 32 << 10
	arenaNodes = 128
)

// hold answers a copy of b.
func (a *arena) hold(b []byte) []byte {
	if cap(a.bytes)-len(a.bytes) < len(b) {
		a.bytes = make([]byte, 0, max(arenaBytes, len(b)))
	}
	start := len(a.bytes)
	a.bytes = append(a.bytes, b...)
	return a.bytes[start:len(a.bytes):len(a.bytes)]
}

// node answers a zero node.
func (a *arena) node() *node {
	if a.used == len(a.nodes) {
		a.nodes, a.used = make([]node, arenaNodes), 0
	}
	a.used++
	return &a.nodes[a.used-1]
}

// reset takes back the last block of nodes; those before it are left to the collector.
func (a *arena) reset() {
	clear(a.nodes[:a.used])
	a.used = 0
	if cap(a.row) > arenaBytes {
		a.row = nil
	}
}
