package statemachine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"storagesim/internal/store"
)

// Advance is how far a clock moves. Exactly one of By, To, Next and Until must be set.
type Advance struct {
	By    time.Duration // > 0, in whole milliseconds
	To    time.Time
	Next  bool // to the earliest timer
	Until *Until
	Limit time.Duration // of Until, on the world's clock; 0 means an hour
}

// Until is the state of a row to advance to.
type Until struct {
	Kind  string `json:"kind" required:""`
	ID    string `json:"id" required:""`
	State State  `json:"state" required:""`
	// Cluster is the partition of the row; without it, the first one that has such a row.
	Cluster string `json:"cluster,omitempty" doc:"The cluster of the resource. Without it, that of the request, or the first one that has such a resource." example:"west"`
}

// maxFired is the number of transitions that an Advanced lists.
const maxFired = 1000

// Advanced is the result of an advance: the instant that the clock shows, and the transitions on the way, in order.
type Advanced struct {
	Now   time.Time
	Fired []Transition // the first maxFired of them
	Count int          // the number of all of them
}

// RangeError is the error of an advance past the last instant that a clock can show.
type RangeError struct{ Now time.Time }

func (e *RangeError) Error() string {
	return fmt.Sprintf("the clock shows %s and ends at %s; the advance goes past that",
		e.Now.Format(time.RFC3339Nano), lastInstant.Format(time.RFC3339Nano))
}

// ReplacedError is the error of an advance whose world was replaced before the advance ended.
type ReplacedError struct {
	World string
	Count int // the transitions that the advance had fired in the old world
}

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("world %q was replaced meanwhile (reset, restored, loaded, deleted or created again), and the "+
		"advance ended with it after %d transitions; the clock of the new world was not moved", e.World, e.Count)
}

// Advance moves a world's clock. Next moves to the earliest timer and fires all timers that are due at its instant. A
// running clock goes on from there.
//
// One advance of a world runs at a time; the next one starts at the instant at which it ends. An advance that fails has
// fired what the result lists, and the clock shows the instant of the last one of them. It fails with the error of the
// context, with a *ReplacedError if the world is replaced or deleted, with a *RangeError, and with the errors of Until:
// a *NoResourceError, a *NotReachedError and an *UnknownKindError.
func (e *Engine) Advance(ctx context.Context, world string, a Advance) (Advanced, error) {
	m, leave, err := e.move(ctx, world)
	if err != nil {
		return Advanced{Fired: []Transition{}}, err
	}
	defer leave()
	err = m.advance(a)
	return m.done, m.replaced(err)
}

// move is a change of a world's clock that fires timers on the way.
type move struct {
	engine *Engine
	ctx    context.Context
	world  string
	life   uint64
	done   Advanced
}

// move waits until no other move of the world runs. The caller must call leave in the end.
func (e *Engine) move(ctx context.Context, world string) (m *move, leave func(), err error) {
	m = &move{engine: e, ctx: ctx, world: world, done: Advanced{Fired: []Transition{}}}
	if err := e.db.View(world, func(tx *store.Tx) error { m.life = tx.Life(); return nil }); err != nil {
		return nil, nil, err
	}
	leave, err = e.moves.enter(ctx, world)
	return m, leave, err
}

// replaced returns the error for the caller: a *ReplacedError if the world was deleted.
func (m *move) replaced(err error) error {
	if errors.Is(err, store.ErrNoWorld) {
		return &ReplacedError{World: m.world, Count: m.done.Count}
	}
	return err
}

// check returns an error if the move must end.
func (m *move) check(tx *store.Tx) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if tx.Life() != m.life {
		return &ReplacedError{World: m.world, Count: m.done.Count}
	}
	return nil
}

func (m *move) advance(a Advance) (err error) {
	if err := m.catchUp(); err != nil {
		return err
	}
	if a.Until != nil {
		return m.advanceUntil(a)
	}
	to := a.To
	switch {
	case a.Next:
		next, ok, err := m.nextDue()
		if err != nil || !ok {
			return err
		}
		to = next
	case to.IsZero():
		to = m.done.Now.Add(a.By)
		if to.After(lastInstant) {
			return &RangeError{Now: m.done.Now}
		}
	}
	return m.fireBy(func(Clock) time.Time { return to }, true, func(tx *store.Tx, c Clock) (err error) {
		m.done.Now, err = m.engine.setClock(tx, c, ClockSetting{Now: &to})
		return err
	})
}

// catchUp fires the timers that are due by the present.
func (m *move) catchUp() error {
	wall, due := m.engine.wall(), false
	look := func(tx *store.Tx) error {
		ahead := outlooks.Of(tx)
		m.done.Now, due = ahead.present(m.engine.wall()), ahead.overdue(wall)
		return m.check(tx)
	}
	if err := m.engine.db.View(m.world, look); err != nil || !due {
		return err
	}
	return m.fireBy(func(c Clock) time.Time { return c.show(wall) }, false, func(tx *store.Tx, _ Clock) error {
		return look(tx)
	})
}

// fireBy fires all timers that are due by limit, in due order, each in a transaction of its own. Then runs in the
// transaction that finds no more of them. The transactions share commits, and other writers get their turn in between.
func (m *move) fireBy(
	limit func(Clock) time.Time, moveClock bool, then func(tx *store.Tx, c Clock) error,
) error {
	for more := true; more; {
		n := 0
		err := m.engine.write(m.world, func(tx *store.Tx) (bool, error) {
			if err := m.check(tx); err != nil {
				return false, err
			}
			clock := clockOf(tx)
			ok, err := m.fire(tx, clock, limit(clock), moveClock)
			if more = ok; ok || err != nil {
				n++
				return ok && n < turnTimers, err
			}
			return false, then(tx, clock)
		})
		if err = m.engine.afterBroken(m.world, err); err != nil {
			return err
		}
	}
	return nil
}

// fire fires the first timer if it is due by limit.
func (m *move) fire(tx *store.Tx, clock Clock, limit time.Time, moveClock bool) (ok bool, err error) {
	moved, ok, err := m.engine.fireFirst(tx, clock, limit, moveClock)
	if err != nil || !ok {
		return ok, err
	}
	m.done.Count += len(moved)
	m.done.Fired = append(m.done.Fired, moved[:min(len(moved), maxFired-len(m.done.Fired))]...)
	m.done.Now = tx.Now
	return true, nil
}

// nextDue returns the instant of the world's earliest timer; ok is false if none is due at an instant.
func (m *move) nextDue() (due time.Time, ok bool, err error) {
	err = m.engine.db.View(m.world, func(tx *store.Tx) error {
		due, ok = firstDue(tx)
		return m.check(tx)
	})
	return due, ok, err
}
