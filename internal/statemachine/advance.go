package statemachine

import (
	"errors"
	"fmt"
	"time"

	"storagesim/internal/store"
)

// Advance is how far a clock moves. Exactly one of By, To, Next and Until must be set.
type Advance struct {
	By    time.Duration // > 0
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
}

// NotReachedError is the error of an advance that ends, at its limit or because no timer is pending, before the row is
// in
// the state.
type NotReachedError struct {
	Until Until
	State State
	Now   time.Time
	Why   string
}

func (err *NotReachedError) Error() string {
	return fmt.Sprintf("%s %s did not reach %s: it is %s at %s, and %s", err.Until.Kind, err.Until.ID, err.Until.State,
		shown(err.State), err.Now.Format(time.RFC3339Nano), err.Why)
}

func shown(s State) string {
	if s == Gone {
		return "gone"
	}
	return string(s)
}

// brokenTimerError is the error of a timer whose transition fails.
type brokenTimerError struct {
	timer Timer
	err   error
}

func (e *brokenTimerError) Error() string { return e.err.Error() }

func (e *brokenTimerError) Unwrap() error { return e.err }

// fireFirst fires the first timer of the transaction's world if it is due by limit, at its own instant, and moves the
// clock there if move is set. ok is false if no timer is due. After a *brokenTimerError the caller must roll the
// transaction back and drop the timer by dropTimer.
func (e *Engine) fireFirst(
	tx *store.Tx, clock Clock, limit time.Time, move bool,
) (fired []Transition, ok bool, err error) {
	root := tx.In("")
	t, ok := firstTimer(root, limit)
	if !ok {
		return nil, false, nil
	}
	tx.Now, tx.By, tx.Owner = t.Due, "timer "+t.Kind+"."+string(t.Event), &txState{engine: e}
	if move {
		clock = clock.at(t.Due, e.wall())
		if err := clocks.Put(root, &clock); err != nil {
			return nil, true, err
		}
	}
	e.publish(tx, clock)
	if err := dequeue(root, &t); err != nil {
		return nil, true, err
	}
	m := e.kinds[t.Kind]
	if m == nil {
		return nil, true, nil
	}
	if err := m.fireTimer(tx.In(t.Partition), t); err != nil {
		return nil, true, &brokenTimerError{timer: t, err: err}
	}
	return stateOf(tx).moves, true, nil
}

// step calls fireFirst in a transaction and commits it.
func (e *Engine) step(world string, limit time.Time, move bool) (fired []Transition, ok bool, err error) {
	err = e.write(world, func(tx *store.Tx) (more bool, err error) {
		fired, ok, err = e.fireFirst(tx, clockOf(tx), limit, move)
		return false, err
	})
	return fired, ok, e.afterBroken(world, err)
}

// afterBroken drops the timer of a *brokenTimerError. It returns every other error.
func (e *Engine) afterBroken(world string, err error) error {
	var broken *brokenTimerError
	if errors.As(err, &broken) {
		e.logBroken(world, broken)
		return e.write(world, func(tx *store.Tx) (bool, error) { return false, dropTimer(tx, &broken.timer) })
	}
	return err
}

func (e *Engine) logBroken(world string, b *brokenTimerError) {
	t := &b.timer
	e.log.Error().Err(b.err).Str("world", world).Str("machine", t.Kind).Str("id", t.ID).Str("event", string(t.Event)).
		Time("sim_time", t.Due).Msg("timer could not be fired and was dropped")
}

// dropTimer removes a timer whose transition cannot be made, so that it does not block all later ones.
func dropTimer(tx *store.Tx, t *Timer) error {
	err := timers.Delete(tx.In(""), timerKey(t))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// catchUp fires all timers that are due by the present of the world's clock, in due order. It writes nothing if none is
// due.
func (e *Engine) catchUp(world string) (fired []Transition, err error) {
	wall := e.wall()
	due := false
	err = e.db.View(world, func(tx *store.Tx) error {
		ahead := outlooks.Of(tx)
		due = ahead.awaits && !ahead.due.After(ahead.clock.show(wall))
		return nil
	})
	if err != nil || !due {
		return []Transition{}, err
	}
	nothing := func(*store.Tx, Clock) error { return nil }
	return e.fireBy(world, func(c Clock) time.Time { return c.show(wall) }, false, nothing)
}

// fireBy fires all timers that are due by limit, in due order, each in a transaction of its own. then runs in the
// transaction that finds no more of them. The transactions share commits.
func (e *Engine) fireBy(
	world string, limit func(Clock) time.Time, move bool, then func(tx *store.Tx, c Clock) error,
) ([]Transition, error) {
	fired := []Transition{}
	for more := true; more; {
		err := e.write(world, func(tx *store.Tx) (bool, error) {
			clock := clockOf(tx)
			moves, ok, err := e.fireFirst(tx, clock, limit(clock), move)
			fired = append(fired, moves...)
			if more = ok; ok || err != nil {
				return ok, err
			}
			return false, then(tx, clock)
		})
		if err = e.afterBroken(world, err); err != nil {
			return fired, err
		}
	}
	return fired, nil
}

// Advance moves a world's clock. It returns the instant that the clock then shows and the transitions on the way, in
// order. Next moves to the earliest timer and fires all timers that are due at its instant. A running clock goes on
// from
// there.
func (e *Engine) Advance(world string, a Advance) (now time.Time, fired []Transition, err error) {
	fired, err = e.catchUp(world)
	if err != nil {
		return now, fired, err
	}
	if now, err = e.Now(world); err != nil {
		return now, fired, err
	}
	var moves []Transition
	switch {
	case a.Until != nil:
		now, moves, err = e.advanceUntil(world, now, a)
		return now, append(fired, moves...), err
	case a.Next:
		next, ok, err := e.nextDue(world)
		if err != nil || !ok {
			return now, fired, err
		}
		a.To = next
	case a.To.IsZero():
		a.To = now.Add(a.By)
	}
	limit := func(Clock) time.Time { return a.To }
	moves, err = e.fireBy(world, limit, true, func(tx *store.Tx, c Clock) (err error) {
		now, err = e.setClock(tx, c, ClockSetting{Now: &a.To})
		return err
	})
	return now, append(fired, moves...), err
}

// nextDue returns the instant of a world's earliest timer; ok is false if none is due at an instant.
func (e *Engine) nextDue(world string) (due time.Time, ok bool, err error) {
	err = e.db.View(world, func(tx *store.Tx) error {
		due, ok = firstDue(tx)
		return nil
	})
	return due, ok, err
}

func (e *Engine) advanceUntil(world string, start time.Time, a Advance) (now time.Time, fired []Transition, err error) {
	if a.Limit == 0 {
		a.Limit = time.Hour
	}
	limit := start.Add(a.Limit)
	now, fired = start, []Transition{}
	for {
		state, err := e.stateNow(world, a.Until)
		if err != nil {
			return now, fired, err
		}
		if state == a.Until.State {
			return now, fired, nil
		}
		moves, ok, err := e.step(world, limit, true)
		if err != nil {
			return now, fired, err
		}
		if !ok {
			return now, fired, &NotReachedError{Until: *a.Until, State: state, Now: now,
				Why: fmt.Sprintf("nothing more is due before %s", limit.Format(time.RFC3339Nano))}
		}
		fired = append(fired, moves...)
		if now, err = e.Now(world); err != nil {
			return now, fired, err
		}
	}
}

// stateNow returns the state of a row, or Gone if it does not exist.
func (e *Engine) stateNow(world string, u *Until) (State, error) {
	var r Resource
	err := e.db.View(world, func(tx *store.Tx) error {
		var err error
		r, err = e.Find(tx, u.Kind, Partitions(tx), u.ID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Gone, nil
	}
	return r.State, err
}
