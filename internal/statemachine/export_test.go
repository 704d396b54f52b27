package statemachine

import (
	"time"

	"storagesim/internal/store"
)

// The limits, for tests.
const (
	MaxFired      = maxFired
	TurnTimers    = turnTimers
	CatchUpTimers = catchUpTimers
	MaxJumps      = maxJumps
)

// The ends of all clocks, for tests.
var (
	FirstInstant = firstInstant
	LastInstant  = lastInstant
)

// PutForeignTimer adds a timer of a kind that the engine does not have.
func PutForeignTimer(tx *store.Tx, due time.Time) error {
	return timers.Put(tx.In(""), &Timer{Kind: "test.unknown", ID: "x", Key: "x", Event: "fire", Due: due})
}

// Show returns the instant that the clock shows at a wall instant.
func (c Clock) Show(wall time.Time) time.Time { return c.show(wall) }

// WallAt returns the wall instant at which the clock will show t.
func (c Clock) WallAt(t time.Time) (time.Time, bool) { return c.wallAt(t) }

// SetWall replaces the wall clock of an engine.
func (e *Engine) SetWall(wall func() time.Time) { e.wall = wall }

// Wakeups returns how often the timer loop woke up.
func (e *Engine) Wakeups() int64 { return e.wakeups.Load() }

// CountSessions returns a counter of the write transactions that the engine runs from now on.
func (e *Engine) CountSessions() *int {
	n, write := new(int), e.write
	e.write = func(world string, next func(tx *store.Tx) (bool, error)) error {
		return write(world, func(tx *store.Tx) (bool, error) {
			*n++
			return next(tx)
		})
	}
	return n
}

// BeforeWrites calls fn before each call that writes to a world. An error of fn fails the call.
func (e *Engine) BeforeWrites(fn func(world string) error) {
	write := e.write
	e.write = func(world string, next func(tx *store.Tx) (bool, error)) error {
		if err := fn(world); err != nil {
			return err
		}
		return write(world, next)
	}
}
