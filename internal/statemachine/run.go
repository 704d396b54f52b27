package statemachine

import (
	"context"
	"errors"
	"sync"
	"time"

	"storagesim/internal/store"
)

// wallNow is the only place of the kernel where the wall clock is read.
func wallNow() time.Time { return time.Now() }

// agenda knows for each world the wall instant at which something falls due next. It is only a hint that wakes the
// timer loop: what fires is read from the world.
type agenda struct {
	mu   sync.Mutex
	next map[string]time.Time
	wake chan struct{}
}

func (a *agenda) init() {
	a.next = make(map[string]time.Time)
	a.wake = make(chan struct{}, 1)
}

// add brings a world's next instant forward.
func (a *agenda) add(world string, at time.Time) {
	a.mu.Lock()
	known, ok := a.next[world]
	earlier := !ok || at.Before(known)
	if earlier {
		a.next[world] = at
	}
	a.mu.Unlock()
	if earlier {
		a.signal()
	}
}

// set replaces a world's next instant; a zero one forgets it.
func (a *agenda) set(world string, at time.Time) {
	a.mu.Lock()
	if at.IsZero() {
		delete(a.next, world)
	} else {
		a.next[world] = at
	}
	a.mu.Unlock()
	a.signal()
}

func (a *agenda) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// due answers the worlds whose instant has come, and the earliest of the others.
func (a *agenda) due(wall time.Time) (worlds []string, next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for world, at := range a.next {
		if !at.After(wall) {
			worlds = append(worlds, world)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return worlds, next
}

// afterFailure is how long the loop rests when timers could not be fired, because the disk is full for example.
const afterFailure = time.Second

// Run fires timers as their worlds' clocks reach them, until the context ends. It is the only thing that waits.
func (e *Engine) Run(ctx context.Context) {
	worlds, err := e.db.WorldNames()
	if err != nil {
		e.log.Error().Err(err).Msg("worlds could not be read")
	}
	for _, w := range worlds {
		e.rescan(w)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.agenda.wake:
		case <-timer.C:
		}
		due, next := e.agenda.due(e.wall())
		failed := false
		for _, world := range due {
			e.turn(world, func() { failed = !e.fireDue(world) || failed })
		}
		switch {
		case failed:
			timer.Reset(afterFailure)
		case len(due) > 0:
			timer.Reset(0)
		case next.IsZero():
			timer.Stop()
		default:
			timer.Reset(max(next.Sub(e.wall()), 0))
		}
	}
}

// FireDue fires what is due in a world by the present of its clock.
func (e *Engine) FireDue(world string) { e.fireDue(world) }

func (e *Engine) fireDue(world string) (ok bool) {
	_, err := e.catchUp(world)
	if ok = err == nil || errors.Is(err, store.ErrNoWorld); !ok {
		e.log.Error().Err(err).Str("world", world).Msg("timers could not be fired")
	}
	e.rescan(world)
	return ok
}

// UseTurns has the engine read the wall clock by wall, and the timer loop fire what is due in a world within turn. It is
// called before anything runs.
func (e *Engine) UseTurns(wall func() time.Time, turn func(world string, fire func())) {
	e.wall, e.turn = wall, turn
}

// OnReplaced calls fn after a world's state was replaced: whenever Rescan is called. fn must not block.
func (e *Engine) OnReplaced(fn func(world string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.replaced = append(e.replaced, fn)
}

// Rescan reads anew when a world's next timer falls due: after a restore, a reset, a fork, the end of the world.
func (e *Engine) Rescan(world string) {
	e.rescan(world)
	e.mu.Lock()
	replaced := e.replaced
	e.mu.Unlock()
	for _, fn := range replaced {
		fn(world)
	}
}

func (e *Engine) rescan(world string) {
	var at time.Time
	err := e.db.View(world, func(tx *store.Tx) error {
		if due, ok := firstDue(tx); ok {
			at, _ = clockOf(tx).wallAt(due)
		}
		return nil
	})
	if err != nil {
		at = time.Time{}
	}
	e.agenda.set(world, at)
}
