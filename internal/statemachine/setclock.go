package statemachine

import (
	"time"

	"storagesim/internal/store"
)

// Now answers what a world's clock shows.
func (e *Engine) Now(world string) (now time.Time, err error) {
	err = e.db.View(world, func(tx *store.Tx) error {
		now = clockOf(tx).show(e.wall())
		return nil
	})
	return now, err
}

// Clock answers how a world's clock stands.
func (e *Engine) Clock(world string) (r ClockReading, err error) {
	err = e.View(world, "", func(tx *store.Tx) error {
		c := clockOf(tx)
		r = ClockReading{Mode: c.Mode, Rate: c.Rate, Now: tx.Now, Timers: CountTimers(tx)}
		if due, ok := firstDue(tx); ok {
			r.Next = &due
		}
		return nil
	})
	return r, err
}

// SetClock changes a world's clock. What becomes due by a later instant fires first, in due order; a clock that is
// stopped there shows that instant, however long the firing took.
func (e *Engine) SetClock(world string, s ClockSetting) error {
	if _, err := e.catchUp(world); err != nil {
		return err
	}
	if s.Now != nil {
		if err := e.checkClock(world, s); err != nil {
			return err
		}
		if _, err := e.fireBy(world, func(Clock) time.Time { return *s.Now }, true); err != nil {
			return err
		}
	}
	_, err := e.setClock(world, s)
	return err
}

func (e *Engine) checkClock(world string, s ClockSetting) error {
	return e.db.View(world, func(tx *store.Tx) error {
		_, err := s.apply(clockOf(tx), e.wall())
		return err
	})
}

// setClock stores the clock. An instant that a running clock has passed meanwhile is no error here.
func (e *Engine) setClock(world string, s ClockSetting) (now time.Time, err error) {
	err = e.db.Update(world, func(tx *store.Tx) error {
		wall := e.wall()
		clock := clockOf(tx)
		if s.Now != nil && s.Now.Before(clock.show(wall)) {
			s.Now = nil
		}
		clock, err := s.apply(clock, wall)
		if err != nil {
			return err
		}
		now = clock.show(wall)
		if due, ok := firstDue(tx); ok {
			if at, runs := clock.wallAt(due); runs {
				tx.OnCommit(func() { e.agenda.add(world, at) })
			}
		}
		e.tellClock(tx, clock, now)
		return clocks.Put(tx.In(""), &clock)
	})
	return now, err
}

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
