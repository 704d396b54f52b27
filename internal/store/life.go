package store

import (
	"sync"

	bolt "go.etcd.io/bbolt"
)

// Life is one life of a world. A life begins when the world is created, reset, restored or replaced. It ends when the
// next one begins or when the world is deleted. Whatever takes more than one transaction belongs to one life, and must
// end with it.
type Life struct {
	// Number identifies the life. It is unique in the file and larger than that of every earlier life.
	Number uint64
	over   chan struct{}
}

// Over returns a channel that is closed when the life has ended.
func (l *Life) Over() <-chan struct{} { return l.over }

// Ended reports whether the life has ended.
func (l *Life) Ended() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// lives holds the present life of every world.
type lives struct {
	mu sync.RWMutex
	of map[string]*Life
}

func (l *lives) begin(world string, number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.of[world]; old != nil {
		close(old.over)
	}
	l.of[world] = &Life{Number: number, over: make(chan struct{})}
}

func (l *lives) end(world string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.of[world]; old != nil {
		close(old.over)
	}
	delete(l.of, world)
}

// Life returns the present life of a world, or ErrNoWorld.
func (db *DB) Life(world string) (*Life, error) {
	db.lives.mu.RLock()
	defer db.lives.mu.RUnlock()
	if l := db.lives.of[world]; l != nil {
		return l, nil
	}
	return nil, &NoWorldError{World: world}
}

// firstLives reads the lives of all worlds from the file.
func (db *DB) firstLives() error {
	db.lives.of = map[string]*Life{}
	return db.bolt.View(func(btx *bolt.Tx) error {
		return btx.Bucket(bucketWorlds).ForEach(func(k, v []byte) error {
			r, err := decodeWorld(v, nil)
			if err == nil {
				db.lives.begin(string(k), r.life)
			}
			return nil // View and Verify report a damaged record
		})
	})
}
