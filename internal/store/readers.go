package store

import (
	"runtime"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// Readers share one transaction of bbolt and what they have read in it: the worlds' records, their layers, cursors, and
// the values of Memos. After the next commit, new readers share another transaction; those that have begun stay in
// theirs. So nothing that readers share outlives the state that it was read from. While the tree is written, readers
// use transactions of their own: bbolt waits for all read transactions before it enlarges its mapping, and a shared one
// could stay open for ever.

// readers has the state that readers share.
type readers struct {
	mu      sync.Mutex
	present *shared // nil if nobody has read since the last commit
	writes  int     // write transactions of bbolt that are open or about to begin
	recent  recent
}

// shared is one committed state.
type shared struct {
	btx    *bolt.Tx
	inside int // readers in it, plus one while it is the present state
	worlds map[string]*opened
}

// opened is a world in a shared state.
type opened struct {
	src  source
	idle []*source // each with cursors of its own, for the next readers

	mu    sync.RWMutex
	memos map[memoKey]any
}

// maxIdle is the number of idle sources that a world keeps.
const maxIdle = 64

// hold ends the sharing until resume. It is called before a write transaction of bbolt begins.
func (r *readers) hold() {
	r.mu.Lock()
	r.writes++
	last := r.drop()
	r.mu.Unlock()
	last.end()
}

// drop makes the next reader begin a new state. The caller holds the lock, and calls end without it.
func (r *readers) drop() *shared {
	s := r.present
	r.present = nil
	if s == nil {
		return nil
	}
	return s.leave()
}

// leave removes one reader. It returns the state if that was the last one, and the caller ends it when it no longer
// holds the lock, since bbolt may block in it on a writer that waits for all other readers.
func (s *shared) leave() *shared {
	if s.inside--; s.inside > 0 {
		return nil
	}
	return s
}

func (s *shared) end() {
	if s != nil {
		_ = s.btx.Rollback() // cannot fail in an open read transaction
	}
}

// resume is called after a write transaction has ended. install sets what it has changed.
func (r *readers) resume(install func(*recent)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes--
	r.recent.coming = 0
	install(&r.recent)
}

// comes notes that bbolt is about to commit a transaction that only writes a generation to the tree.
func (r *readers) comes(btx *bolt.Tx) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recent.coming = uint64(btx.ID())
}

// publish makes a commit the present one.
func (r *readers) publish(commit uint64) {
	r.mu.Lock()
	r.recent.commit = commit
	last := r.drop()
	r.mu.Unlock()
	last.end()
}

// rotate begins a new generation and returns the previous one.
func (r *readers) rotate() *generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	full := r.recent.now
	r.recent.before, r.recent.now = full, newGeneration(full.number+1)
	return full
}

// now returns the present value of recent.
func (r *readers) now() recent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recent
}

// snapshot begins a read transaction of bbolt, and returns it with what its tree lacks of the present state.
func (r *readers) snapshot(db *DB) (*bolt.Tx, recent, error) {
	for {
		before := r.now()
		btx, err := db.begin()
		if err != nil {
			return nil, before, err
		}
		after, tree := r.now(), uint64(btx.ID())
		if after.now == before.now && (tree == after.tree || tree == after.coming) {
			return btx, before, nil
		}
		if err := btx.Rollback(); err != nil { // bbolt has committed, but resume was not called yet
			return nil, before, err
		}
		runtime.Gosched()
	}
}

// seat is one reader's place in a shared state.
type seat struct {
	in  *shared
	of  *opened
	src *source
}

// enter returns a seat in the present state, and an empty one while the tree is written.
func (r *readers) enter(db *DB, world string) (p seat, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writes > 0 {
		return p, nil
	}
	if r.present == nil {
		btx, err := db.begin()
		if err != nil {
			return p, err
		}
		r.present = &shared{btx: btx, inside: 1, worlds: map[string]*opened{}}
	}
	p.in = r.present
	if p.of = p.in.worlds[world]; p.of == nil {
		p.of = &opened{}
		if _, err := p.of.src.open(p.in.btx, world); err != nil {
			return seat{}, err
		}
		p.of.src.over(r.recent, r.recent.commit)
		p.of.src.openLayers()
		p.in.worlds[world] = p.of
	}
	p.in.inside++
	if n := len(p.of.idle); n > 0 {
		p.src, p.of.idle = p.of.idle[n-1], p.of.idle[:n-1]
		return p, nil
	}
	p.src = p.of.src.twin()
	return p, nil
}

// exit gives a seat back.
func (r *readers) exit(p seat) {
	r.mu.Lock()
	if len(p.of.idle) < maxIdle {
		p.of.idle = append(p.of.idle, p.src)
	}
	last := p.in.leave()
	r.mu.Unlock()
	last.end()
}

// twin returns a copy of the source with cursors of its own.
func (src *source) twin() *source {
	t := *src
	t.find, t.idle = make([]*bolt.Cursor, len(src.layers)), nil
	for i, b := range src.layers {
		t.find[i] = b.Cursor()
	}
	return &t
}

// Memo is a value that is computed from a world's state and read more often than that changes, for example a decoded
// row or the result of a search. Readers that share a state share the value, which must not be changed. NewMemo makes
// one.
type Memo[T any] struct{ make func(tx *Tx) T }

// NewMemo returns a Memo whose value fn computes from the transaction's rows and nothing else.
func NewMemo[T any](fn func(tx *Tx) T) *Memo[T] { return &Memo[T]{make: fn} }

// memoKey is a Memo in a partition.
type memoKey struct {
	memo      any
	partition string
}

// Of returns the value in the transaction's world and partition. It is computed each time in a write transaction, and
// in a read transaction that shares no state.
func (m *Memo[T]) Of(tx *Tx) T {
	if tx.shares == nil {
		return m.make(tx)
	}
	key := memoKey{memo: m, partition: tx.partition}
	tx.shares.mu.RLock()
	kept, ok := tx.shares.memos[key]
	tx.shares.mu.RUnlock()
	if ok {
		return kept.(T)
	}
	made := m.make(tx)
	tx.shares.mu.Lock()
	defer tx.shares.mu.Unlock()
	if tx.shares.memos == nil {
		tx.shares.memos = map[memoKey]any{}
	}
	tx.shares.memos[key] = made
	return made
}
