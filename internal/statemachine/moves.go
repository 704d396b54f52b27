package statemachine

import (
	"context"
	"sync"
)

// moves lets one move of a world's clock run at a time.
type moves struct {
	mu     sync.Mutex
	worlds map[string]*queue
}

// queue is the move of a world that runs and those that wait for it.
type queue struct {
	free  chan struct{} // holds a value if no move runs
	users int
}

// enter waits until no move of the world runs, or returns the context's error. The caller must call leave in the end.
func (m *moves) enter(ctx context.Context, world string) (leave func(), err error) {
	m.mu.Lock()
	if m.worlds == nil {
		m.worlds = map[string]*queue{}
	}
	q := m.worlds[world]
	if q == nil {
		q = &queue{free: make(chan struct{}, 1)}
		q.free <- struct{}{}
		m.worlds[world] = q
	}
	q.users++
	m.mu.Unlock()
	select {
	case <-q.free:
		return func() {
			q.free <- struct{}{}
			m.forget(world, q)
		}, nil
	case <-ctx.Done():
		m.forget(world, q)
		return nil, ctx.Err()
	}
}

func (m *moves) forget(world string, q *queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(m.worlds, world)
	}
}
