package statemachine

import (
	"context"
	"errors"
	"sync"
	"time"

	"storagesim/internal/store"
)

// wallNow reads the wall clock. All other code reads it through Engine.wall.
func wallNow() time.Time { return time.Now() }

// agenda holds for each world the wall instant at which its next timer is due. It is only a hint that wakes the timer
// loop: which timers fire is read from the world.
type agenda struct {
	mu   sync.Mutex
	next map[string]time.Time
	wake chan struct{}
}

func (a *agenda) init() {
	a.next = make(map[string]time.Time)
	a.wake = make(chan struct{}, 1)
}

// add sets a world's next instant if it is earlier than the present one.
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

// set replaces a world's next instant. The zero time removes it.
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

// due returns the worlds whose instant is not after wall, and the earliest instant of the others.
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

// afterFailure is the pause of the loop after timers could not be fired, for example because the disk is full.
const afterFailure = time.Second

// Run fires timers as their worlds' clocks reach them, until the context ends.
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

// FireDue fires all timers of a world that are due by the present instant of its clock.
func (e *Engine) FireDue(world string) { e.fireDue(world) }

func (e *Engine) fireDue(world string) (ok bool) {
	_, err := e.catchUp(world)
	if ok = err == nil || errors.Is(err, store.ErrNoWorld); !ok {
		e.log.Error().Err(err).Str("world", world).Msg("timers could not be fired")
	}
	e.rescan(world)
	return ok
}

// UseTurns replaces the wall clock of the engine by wall, and lets the timer loop fire a world's due timers inside a
// call of turn. It must be called before Run and before any transaction.
func (e *Engine) UseTurns(wall func() time.Time, turn func(world string, fire func())) {
	e.wall, e.turn = wall, turn
}

// OnReplaced registers fn, which Rescan calls after a world's state was replaced. fn must not block.
func (e *Engine) OnReplaced(fn func(world string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.replaced = append(e.replaced, fn)
}

// Rescan reads again when a world's next timer is due. It must be called after a restore, a reset, a fork and the end
// of
// a world.
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
