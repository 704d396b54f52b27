package store

import (
	"hash/maphash"
	"sync/atomic"

	"storagesim/internal/store/skiplist"
)

// overlay is what a running function has written: from key to tagged value.
type overlay struct {
	skiplist.List[[]byte]
	mem *arena
}

type overlayNode = skiplist.Node[[]byte]

func newOverlay(mem *arena) *overlay {
	o := &overlay{mem: mem}
	o.Init(&mem.nodes)
	return o
}

// get returns the tagged value, or nil if the key was not written.
func (o *overlay) get(key []byte) []byte {
	if n := o.Get(key); n != nil {
		return n.Value
	}
	return nil
}

// put stores value under a copy of key.
func (o *overlay) put(key, value []byte) {
	var path skiplist.Path[[]byte]
	if n := o.Find(key, &path); n != nil {
		n.Value = value
		return
	}
	n := o.NewNode()
	n.Key, n.Value = o.mem.hold(key), value
	o.Insert(n, &path)
}

// arena is memory that is allocated in blocks. Bytes are valid while they are referenced, nodes until reset.
type arena struct {
	bytes []byte
	nodes skiplist.Nodes[[]byte]

	row, list []byte // buffers for the row that is being encoded
}

const arenaBytes = 32 << 10

// hold returns a copy of b.
func (a *arena) hold(b []byte) []byte {
	if cap(a.bytes)-len(a.bytes) < len(b) {
		a.bytes = make([]byte, 0, max(arenaBytes, len(b)))
	}
	start := len(a.bytes)
	a.bytes = append(a.bytes, b...)
	return a.bytes[start:len(a.bytes):len(a.bytes)]
}

func (a *arena) reset() {
	a.nodes.Reset()
	if cap(a.row) > arenaBytes {
		a.row = nil
	}
}

// memtable is what was committed to a layer and is not in the file's tree yet: from key to tagged values, each with the
// commit that it is visible from. Readers use it without locks, and ignore commits later than their own.
type memtable struct {
	skiplist.List[versions]
	world string // whose top layer it is
	nodes skiplist.Nodes[versions]
	known filter
}

type memNode = skiplist.Node[versions]

// versions are the values of a key, the newest first.
type versions struct {
	newest atomic.Pointer[version]
	first  version // memory of the first value
}

// version is a value as of a commit.
type version struct {
	commit uint64
	value  []byte
	older  *version
}

func newMemtable(world string) *memtable {
	m := &memtable{world: world, known: filter{seed: maphash.MakeSeed()}}
	m.Init(&m.nodes)
	return m
}

// at returns the value as of a commit, or nil if there was none.
func (vs *versions) at(commit uint64) []byte {
	for v := vs.newest.Load(); v != nil; v = v.older {
		if v.commit <= commit {
			return v.value
		}
	}
	return nil
}

// undo removes the value of a commit that has failed.
func (vs *versions) undo(commit uint64) {
	if v := vs.newest.Load(); v != nil && v.commit == commit {
		vs.newest.Store(v.older)
	}
}

// get returns the tagged value of a key as of a commit, or nil if it had none.
func (m *memtable) get(key []byte, commit uint64) []byte {
	if !m.known.has(key) {
		return nil
	}
	if n := m.Get(key); n != nil {
		return n.Value.at(commit)
	}
	return nil
}

// put stores a key and its value, and returns the key's versions. A second value of the same commit replaces the first.
func (m *memtable) put(key, value []byte, commit uint64) *versions {
	var path skiplist.Path[versions]
	if n := m.Find(key, &path); n != nil {
		v := n.Value.newest.Load()
		if v != nil && v.commit == commit {
			v.value = value
		} else {
			n.Value.newest.Store(&version{commit: commit, value: value, older: v})
		}
		return &n.Value
	}
	m.known.add(key)
	n := m.NewNode()
	n.Key, n.Value.first = key, version{commit: commit, value: value}
	n.Value.newest.Store(&n.Value.first)
	m.Insert(n, &path)
	return &n.Value
}

// before returns the last key less than bound that has a value as of a commit, nil if there is none.
func (m *memtable) before(bound []byte, commit uint64) []byte {
	for {
		n := m.Before(bound)
		if n.Key == nil || n.Value.at(commit) != nil {
			return n.Key
		}
		bound = n.Key
	}
}

// filter is a Bloom filter of keys. Most lookups of writers are for rows that do not exist, or that only the tree has.
type filter struct {
	seed maphash.Seed
	bits [filterWords]atomic.Uint64
}

const (
	filterWords = 1 << 11 // 128 Ki bits: with 16,000 keys, one in 150 lookups is a false positive
	filterMask  = filterWords*64 - 1
)

// places returns the numbers of a key's four bits.
func (f *filter) places(key []byte) [4]uint32 {
	h := maphash.Bytes(f.seed, key)
	return [4]uint32{uint32(h) & filterMask, uint32(h>>17) & filterMask,
		uint32(h>>34) & filterMask, uint32(h>>47) & filterMask}
}

func (f *filter) add(key []byte) {
	for _, bit := range f.places(key) {
		f.bits[bit/64].Or(1 << (bit % 64))
	}
}

// has returns false only for a key that was not added.
func (f *filter) has(key []byte) bool {
	for _, bit := range f.places(key) {
		if f.bits[bit/64].Load()&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}
