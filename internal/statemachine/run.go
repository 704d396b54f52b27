package statemachine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"storagesim/internal/store"
)

// wallNow reads the system's clock. All other code reads it through Engine.wall.
func wallNow() time.Time { return time.Now() }

// longestSleep is the longest time that the timer loop sleeps while a timer is pending. The system's clock may be set
// forward meanwhile.
const longestSleep = time.Minute

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
		if sleep, pending := e.fireWorlds(); pending {
			timer.Reset(sleep)
		} else {
			timer.Stop()
		}
	}
}

// fireWorlds fires the timers that are due in all worlds. It returns how long the loop sleeps until the next one;
// pending is false if no timer is pending.
func (e *Engine) fireWorlds() (sleep time.Duration, pending bool) {
	e.wakeups.Add(1)
	due, next := e.agenda.due(e.wall())
	for _, world := range due {
		e.turn(world, func() { e.FireDue(world) })
	}
	if len(due) > 0 {
		return 0, true
	}
	return min(max(next.Sub(e.wall()), 0), longestSleep), !next.IsZero()
}

// FireDue fires timers of a world that are due by the present instant of its clock. If it fails, the timer loop leaves
// out the world for a while.
func (e *Engine) FireDue(world string) {
	err := e.catchUpRecovering(world)
	if err == nil || errors.Is(err, store.ErrNoWorld) {
		e.agenda.recovered(world)
	} else {
		wall := e.wall()
		e.agenda.failed(world, wall)
		e.logFailure(world, err, wall)
	}
	e.rescan(world)
}

// catchUpRecovering is catchUp for the timer loop. It returns a *panicError instead of a panic.
func (e *Engine) catchUpRecovering(world string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	_, err = e.catchUp(world, turnTimers)
	return err
}

func (e *Engine) logFailure(world string, err error, wall time.Time) {
	if !e.logged.allow(world+"\x00"+err.Error(), wall) {
		return
	}
	event := e.log.Error().Err(err).Str("world", world)
	var panicked *panicError
	if errors.As(err, &panicked) {
		event = event.Bytes("stack", panicked.stack)
	}
	event.Msg(fmt.Sprintf("timers could not be fired; the same error is logged once in %s", logEvery))
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
// of a world.
func (e *Engine) Rescan(world string) {
	e.agenda.recovered(world)
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
