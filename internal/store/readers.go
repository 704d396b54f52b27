package store

import (
	"runtime"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// Readers share one bolt transaction and what has been found out in it: the worlds' records, their layers, cursors, and
// what Memos made. The next commit ends that: readers that are in it stay, later ones share another. So nothing that
// readers share outlives the state that it was read from. While the tree is written to, readers open transactions of their
// own, so that none is left open in which bolt, which must have all of them closed to enlarge its mapping, could get
// stuck.

// readers hands out what they share.
type readers struct {
	mu      sync.Mutex
	present *shared // nil while nobody has read since the last commit
	writes  int     // bolt's write transactions that are open or about to be
	recent  recent
}

// shared is one committed state.
type shared struct {
	btx    *bolt.Tx
	inside int // readers that are in it, and one more for as long as it is the present one
	worlds map[string]*opened
}

// opened is a world in it.
type opened struct {
	src  source
	idle []*source // with cursors of their own, for the next reader

	mu    sync.RWMutex
	memos map[memoKey]any
}

// maxIdle is how many readers' cursors a world keeps.
const maxIdle = 64

// hold ends the sharing until resume: call it before a write transaction of bolt begins.
func (r *readers) hold() {
	r.mu.Lock()
	r.writes++
	last := r.drop()
	r.mu.Unlock()
	last.end()
}

// drop makes the next reader begin anew. The caller holds the lock, and calls end without it.
func (r *readers) drop() *shared {
	s := r.present
	r.present = nil
	if s == nil {
		return nil
	}
	return s.leave()
}

// leave is one reader less. It answers the state if that was the last, so that the caller ends it when it no longer holds the
// lock: bolt may make it wait for a writer who waits for all other readers.
func (s *shared) leave() *shared {
	if s.inside--; s.inside > 0 {
		return nil
	}
	return s
}

func (s *shared) end() {
	if s != nil {
		_ = s.btx.Rollback() // of a read transaction that is open
	}
}

// resume is called after a write transaction has ended; install tells what has changed by it.
func (r *readers) resume(install func(*recent)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes--
	r.recent.coming = 0
	install(&r.recent)
}

// comes says that bolt is about to commit a transaction that writes a generation to the tree, and nothing else.
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

// rotate begins a new generation and answers the one before.
func (r *readers) rotate() *generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	full := r.recent.now
	r.recent.before, r.recent.now = full, newGeneration(full.number+1)
	return full
}

// now is what there is to know at this moment.
func (r *readers) now() recent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recent
}

// snapshot answers a transaction of bolt and what it lacks of the present state.
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
		if err := btx.Rollback(); err != nil { // what bolt has committed is not installed yet
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

// enter answers a place in the present state; none while the tree is written to.
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

// exit gives a place back.
func (r *readers) exit(p seat) {
	r.mu.Lock()
	if len(p.of.idle) < maxIdle {
		p.of.idle = append(p.of.idle, p.src)
	}
	last := p.in.leave()
	r.mu.Unlock()
	last.end()
}

// twin is the same source with cursors of its own.
func (src *source) twin() *source {
	t := *src
	t.find, t.idle = make([]*bolt.Cursor, len(src.layers)), nil
	for i, b := range src.layers {
		t.find[i] = b.Cursor()
	}
	return &t
}

// Memo is something that is made from a world's state and asked for more often than that changes: a decoded row, the
// answer of a search. Readers who share a state share it too; it must not be changed by anybody. Make one with NewMemo,
// once for each question.
type Memo[T any] struct{ make func(tx *Tx) T }

// NewMemo names a question; fn answers it, and must look at nothing but the transaction's rows.
func NewMemo[T any](fn func(tx *Tx) T) *Memo[T] { return &Memo[T]{make: fn} }

// memoKey is a question asked in a partition.
type memoKey struct {
	memo      any
	partition string
}

// Of answers the question in the transaction's world and partition. In a write transaction, and in a read transaction
// that shares its state with nobody, it is answered anew each time.
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
