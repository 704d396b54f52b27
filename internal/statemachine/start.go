package statemachine

import "storagesim/internal/store"

// StartClock sets the clock of a world that has run on the wall clock so far to any instant, an earlier one too: the
// first setting chooses the world's calendar. It answers false, and changes nothing, where the clock was set or moved
// before or the setting names no instant; SetClock is for those.
func (e *Engine) StartClock(world string, s ClockSetting) (started bool, err error) {
	err = e.db.Update(world, func(tx *store.Tx) error {
		clock := clockOf(tx)
		if started = s.Now != nil && clock.Base.IsZero(); !started {
			return nil
		}
		wall := e.wall()
		clock, err := ClockSetting{Mode: s.Mode, Rate: s.Rate}.apply(clock, wall)
		if err != nil {
			return err
		}
		clock = clock.at(*s.Now, wall)
		e.tellClock(tx, clock, clock.show(wall))
		return clocks.Put(tx.In(""), &clock)
	})
	e.rescan(world)
	return started, err
}
