package store

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// memtable is what was committed to a layer and is not in the file's tree yet: an ordered map from key to tagged values (a
// skip list), each of which is to be seen from one commit on. One goroutine writes, any number read meanwhile, without
// locks: nodes are never removed and never move, and nobody looks at a value of a commit later than his own.
type memtable struct {
	world string // whose top layer it is
	head  memNode
	tower [maxHeight]atomic.Pointer[memNode] // of the head
	state uint64                             // of the generator of node heights
	free  []memNode
	known filter
}

// filter tells most keys that were never put from those that were (a Bloom filter): looking for a row that is not there,
// or is in the tree alone, is what writers do most.
type filter struct {
	seed maphash.Seed
	bits [filterWords]atomic.Uint64
}

const filterWords = 1 << 11 // 128 Ki bits: of 16,000 keys, one in a hundred and fifty is taken for another

// places answers the numbers of four bits.
func (f *filter) places(key []byte) [4]uint32 {
	h := maphash.Bytes(f.seed, key)
	return [4]uint32{uint32(h) & filterMask, uint32(h>>17) & filterMask, uint32(h>>34) & filterMask, uint32(h>>47) & filterMask}
}

const filterMask = filterWords*64 - 1

func (f *filter) add(key []byte) {
	for _, bit := range f.places(key) {
		f.bits[bit/64].Or(1 << (bit % 64))
	}
}

// has answers false only for a key that was not added.
func (f *filter) has(key []byte) bool {
	for _, bit := range f.places(key) {
		if f.bits[bit/64].Load()&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// memNode is a key with its values, the newest first.
type memNode struct {
	key    []byte
	newest atomic.Pointer[version]
	next   []atomic.Pointer[memNode]
	one    [1]atomic.Pointer[memNode] // where next lies in most nodes
	first  version                    // where the first value lies
}

// version is a value as of a commit.
type version struct {
	commit uint64
	value  []byte
	older  *version
}

func newMemtable(world string) *memtable {
	m := &memtable{world: world, state: 0x9E3779B97F4A7C15, known: filter{seed: maphash.MakeSeed()}}
	m.head.next = m.tower[:]
	return m
}

// seek finds the last node whose key is less than the given one (the head if there is none); if path is not nil it
// receives that node for every height.
func (m *memtable) seek(key []byte, path *[maxHeight]*memNode) *memNode {
	n := &m.head
	for h := maxHeight - 1; h >= 0; h-- {
		for next := n.next[h].Load(); next != nil && bytes.Compare(next.key, key) < 0; next = n.next[h].Load() {
			n = next
		}
		if path != nil {
			path[h] = n
		}
	}
	return n
}

// at answers the node's value as of a commit, nil if it had none.
func (n *memNode) at(commit uint64) []byte {
	for v := n.newest.Load(); v != nil; v = v.older {
		if v.commit <= commit {
			return v.value
		}
	}
	return nil
}

// get answers the tagged value of a key as of a commit, nil if it had none.
func (m *memtable) get(key []byte, commit uint64) []byte {
	if !m.known.has(key) {
		return nil
	}
	if n := m.seek(key, nil).next[0].Load(); n != nil && bytes.Equal(n.key, key) {
		return n.at(commit)
	}
	return nil
}

// put keeps key and value, and answers the node. A second value of the same commit takes the place of the first.
func (m *memtable) put(key, value []byte, commit uint64) *memNode {
	var path [maxHeight]*memNode
	if n := m.seek(key, &path).next[0].Load(); n != nil && bytes.Equal(n.key, key) {
		v := n.newest.Load()
		if v != nil && v.commit == commit {
			v.value = value
		} else {
			n.newest.Store(&version{commit: commit, value: value, older: v})
		}
		return n
	}
	m.known.add(key)
	n := m.node()
	n.key, n.next, n.first = key, n.one[:], version{commit: commit, value: value}
	n.newest.Store(&n.first)
	if h := m.height(); h > 1 {
		n.next = make([]atomic.Pointer[memNode], h)
	}
	for h := range n.next {
		n.next[h].Store(path[h].next[h].Load())
	}
	for h := range n.next {
		path[h].next[h].Store(n)
	}
	return n
}

// undo takes back the node's value of a commit that has failed.
func (n *memNode) undo(commit uint64) {
	if v := n.newest.Load(); v != nil && v.commit == commit {
		n.newest.Store(v.older)
	}
}

// before is the last node with a key less than bound that has a value as of a commit, nil if there is none.
func (m *memtable) before(bound []byte, commit uint64) *memNode {
	for {
		n := m.seek(bound, nil)
		if n == &m.head {
			return nil
		}
		if n.at(commit) != nil {
			return n
		}
		bound = n.key
	}
}

func (m *memtable) node() *memNode {
	if len(m.free) == 0 {
		m.free = make([]memNode, arenaNodes)
	}
	n := &m.free[0]
	m.free = m.free[1:]
	return n
}

// height draws 1 with probability 3/4, 2 with 3/16 and so on.
func (m *memtable) height() int {
	m.state = shuffle(m.state)
	return min(1+bits.TrailingZeros64(m.state|1<<62)/2, maxHeight)
}

// shuffle is one step of a generator (xorshift); its state is not 0.
func shuffle(state uint64) uint64 {
	state ^= state << 13
	state ^= state >> 7
	return state ^ state<<17
}
