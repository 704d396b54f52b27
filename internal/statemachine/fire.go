package statemachine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"storagesim/internal/store"
	"storagesim/internal/store/pagefile"
)

// brokenTimerError is the error of a timer whose transition fails.
type brokenTimerError struct {
	timer Timer
	err   error
}

func (e *brokenTimerError) Error() string { return e.err.Error() }

func (e *brokenTimerError) Unwrap() error { return e.err }

// panicError is a panic of a state machine.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// fireFirst fires the first timer of the transaction's world if it is due by limit, at its own instant, and moves the
// clock there if moveClock is set. ok is false if no timer is due. After a *brokenTimerError the caller must roll the
// transaction back and drop the timer by dropTimer.
func (e *Engine) fireFirst(
	tx *store.Tx, clock Clock, limit time.Time, moveClock bool,
) (fired []Transition, ok bool, err error) {
	root := tx.In("")
	t, ok := firstTimer(root, limit)
	if !ok {
		return nil, false, nil
	}
	tx.Now, tx.By, tx.Owner = t.Due, "timer "+t.Kind+"."+string(t.Event), &txState{engine: e}
	if wall := e.wall(); moveClock && t.Due.After(clock.show(wall)) {
		clock = clock.at(t.Due, wall)
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
	if err := fireRecovering(m, tx.In(t.Partition), t); err != nil {
		return nil, true, &brokenTimerError{timer: t, err: err}
	}
	return stateOf(tx).moves, true, nil
}

// fireRecovering fires the timer of a machine. It returns a *panicError if the machine panics.
func fireRecovering(m Lifecycle, tx *store.Tx, t Timer) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if _, corrupt := p.(*store.CorruptError); corrupt || pagefile.IsDamage(p) {
			panic(p) // the store handles these
		}
		err = &panicError{value: p, stack: debug.Stack()}
	}()
	return m.fireTimer(tx, t)
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
	if !e.logged.allow(world+"\x00"+t.Kind+"\x00"+b.err.Error(), e.wall()) {
		return
	}
	event := e.log.Error().Err(b.err).Str("world", world).Str("machine", t.Kind).Str("id", t.ID).
		Str("event", string(t.Event)).Time("sim_time", t.Due)
	var panicked *panicError
	if errors.As(b.err, &panicked) {
		event = event.Bytes("stack", panicked.stack)
	}
	event.Msg("timer could not be fired and was dropped")
}

// dropTimer removes a timer whose transition cannot be made, so that it does not block all later ones.
func dropTimer(tx *store.Tx, t *Timer) error {
	err := timers.Delete(tx.In(""), timerKey(t))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Limits of firing.
const (
	// turnTimers is the number of timers that fire before other writers get their turn.
	turnTimers = 32
	// catchUpTimers is the number of timers that fire before a transaction. A clock with a high rate may move faster
	// than its timers can fire. It then shows the instant of the first timer that is due.
	catchUpTimers = 10_000
)

// catchUp fires the timers that are due by the present of the world's clock, in due order, but at most most of them. It
// writes nothing if none is due.
func (e *Engine) catchUp(world string, most int) (fired int, err error) {
	wall := e.wall()
	due := false
	err = e.db.View(world, func(tx *store.Tx) error {
		ahead := outlooks.Of(tx)
		due = ahead.overdue(wall)
		return nil
	})
	if err != nil || !due {
		return 0, err
	}
	limit := func(c Clock) time.Time { return c.show(wall) }
	for more := true; more && fired < most; {
		err := e.write(world, func(tx *store.Tx) (bool, error) {
			clock := clockOf(tx)
			_, ok, err := e.fireFirst(tx, clock, limit(clock), false)
			if more = ok; ok {
				fired++
			}
			return ok && fired%turnTimers != 0 && fired < most, err
		})
		if err = e.afterBroken(world, err); err != nil {
			return fired, err
		}
	}
	return fired, nil
}
