// Package skiplist is an ordered map from byte strings to values. The store keeps in it what its file does not have
// yet.
//
// One goroutine writes. Any number of others read at the same time without locks: nodes are never removed and never
// move, and a node is complete before it can be reached. An iteration may continue while nodes are added.
package skiplist

import (
	"bytes"
	"math/bits"
	"sync/atomic"
)

const (
	maxHeight = 16
	blockSize = 128 // nodes that are allocated at a time
)

// List is a sorted list. Init makes it ready to use; a list must not be copied after that.
type List[V any] struct {
	head  Node[V]
	tower [maxHeight]atomic.Pointer[Node[V]] // of the head
	nodes *Nodes[V]
	state uint64 // of the generator of node heights
	count int
}

// Node is a key with its value. The head of a list has no key.
type Node[V any] struct {
	Key   []byte
	Value V

	next []atomic.Pointer[Node[V]]
	one  [1]atomic.Pointer[Node[V]] // memory of next in most nodes
}

// Path is the place of a key in a list: for each height, the last node before it.
type Path[V any] [maxHeight]*Node[V]

// Init initializes an empty list, which takes its nodes from the given memory.
func (l *List[V]) Init(nodes *Nodes[V]) {
	l.state, l.nodes = 0x9E3779B97F4A7C15, nodes
	l.head.next = l.tower[:]
}

// Len returns the number of keys. Only the writer may call it.
func (l *List[V]) Len() int { return l.count }

// First returns the node with the least key, or nil if the list is empty.
func (l *List[V]) First() *Node[V] { return l.tower[0].Load() }

// Next returns the node with the next greater key, or nil at the end.
func (n *Node[V]) Next() *Node[V] { return n.next[0].Load() }

// Before returns the last node whose key is less than the given one, or the head if there is none.
func (l *List[V]) Before(key []byte) *Node[V] {
	n := &l.head
	for h := maxHeight - 1; h >= 0; h-- {
		for next := n.next[h].Load(); next != nil && bytes.Compare(next.Key, key) < 0; next = n.next[h].Load() {
			n = next
		}
	}
	return n
}

// Get returns the node with the key, or nil if there is none.
func (l *List[V]) Get(key []byte) *Node[V] {
	if n := l.Before(key).Next(); n != nil && bytes.Equal(n.Key, key) {
		return n
	}
	return nil
}

// Find is Get, and sets path to the place of the key for Insert.
func (l *List[V]) Find(key []byte, path *Path[V]) *Node[V] {
	n := &l.head
	for h := maxHeight - 1; h >= 0; h-- {
		for next := n.next[h].Load(); next != nil && bytes.Compare(next.Key, key) < 0; next = n.next[h].Load() {
			n = next
		}
		path[h] = n
	}
	if n := n.Next(); n != nil && bytes.Equal(n.Key, key) {
		return n
	}
	return nil
}

// NewNode returns a zero node for Insert.
func (l *List[V]) NewNode() *Node[V] { return l.nodes.take() }

// Insert adds a node at the place of its key, which Find has set. The key and the value of the node are set, and the
// list does not have the key.
func (l *List[V]) Insert(n *Node[V], path *Path[V]) {
	n.next = n.one[:]
	if h := l.height(); h > 1 {
		n.next = make([]atomic.Pointer[Node[V]], h)
	}
	for h := range n.next {
		n.next[h].Store(path[h].next[h].Load())
	}
	for h := range n.next { // readers can reach the node from here on
		path[h].next[h].Store(n)
	}
	l.count++
}

// height draws 1 with probability 3/4, 2 with 3/16 and so on, from a xorshift generator.
func (l *List[V]) height() int {
	l.state ^= l.state << 13
	l.state ^= l.state >> 7
	l.state ^= l.state << 17
	return min(1+bits.TrailingZeros64(l.state|1<<62)/2, maxHeight)
}

// Nodes is memory for nodes, allocated in blocks. The zero value is ready to use.
type Nodes[V any] struct {
	block []Node[V]
	used  int
}

func (m *Nodes[V]) take() *Node[V] {
	if m.used == len(m.block) {
		m.block, m.used = make([]Node[V], blockSize), 0
	}
	m.used++
	return &m.block[m.used-1]
}

// Reset reuses the nodes of the last block, which no list may use any more. The garbage collector frees earlier blocks.
func (m *Nodes[V]) Reset() {
	clear(m.block[:m.used])
	m.used = 0
}
