package statemachine

import "time"

// SetWall replaces the wall clock of an engine.
func (e *Engine) SetWall(wall func() time.Time) { e.wall = wall }
