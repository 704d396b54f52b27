package statemachine

import (
	"time"

	"storagesim/internal/store"
)

// Resume lets the clocks of all worlds go on after last, the latest time of the wall clock that an earlier process has
// kept. A clock that was never set shows the wall clock's time, so that it would go back if the system's clock was set
// back between the two processes: such a clock is set to last, and runs on from there until the world's life ends.
func (e *Engine) Resume(last time.Time) error {
	wall := e.wall()
	if !last.After(wall) {
		return nil
	}
	worlds, err := e.db.WorldNames()
	if err != nil {
		return err
	}
	for _, world := range worlds {
		err := e.db.Update(world, func(tx *store.Tx) error {
			clock := clockOf(tx)
			if !clock.Base.IsZero() {
				return nil
			}
			clock = clock.at(last, wall)
			return clocks.Put(tx.In(""), &clock)
		})
		if err != nil {
			return err
		}
	}
	e.log.Warn().Time("system", wall).Time("last", last).Msg("the system's clock was set back since the last start; the " +
		"clocks of worlds go on from the last time, until the worlds are reset")
	return nil
}
