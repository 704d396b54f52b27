package statemachine

import (
	"time"

	"storagesim/internal/store"
)

// SetWall replaces the wall clock of an engine.
func (e *Engine) SetWall(wall func() time.Time) { e.wall = wall }

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
