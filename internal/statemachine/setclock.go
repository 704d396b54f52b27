package statemachine

import (
	"context"
	"time"

	"storagesim/internal/store"
)

// Now returns the instant that a world's clock shows. It fires no timers: if one is due, Now returns its instant.
func (e *Engine) Now(world string) (now time.Time, err error) {
	err = e.db.View(world, func(tx *store.Tx) error {
		now = outlooks.Of(tx).present(e.wall())
		return nil
	})
	return now, err
}

// Clock returns the reading of a world's clock.
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

// SetClock changes a world's clock. Timers that are due by a later instant fire first, in due order. A clock that is
// frozen there shows exactly that instant, however long the firing took. Only a clock that was never set or moved may
// be set to an earlier instant: the first setting chooses the world's calendar. SetClock waits for advances of the
// world that are under way, and has the errors of Advance for a context that ends and for a world that is replaced.
func (e *Engine) SetClock(ctx context.Context, world string, s ClockSetting) error {
	m, leave, err := e.move(ctx, world)
	if err != nil {
		return err
	}
	defer leave()
	return m.replaced(m.setClock(s))
}

func (m *move) setClock(s ClockSetting) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := m.catchUp(); err != nil {
		return err
	}
	if s.Now != nil && s.Now.Before(m.done.Now) {
		if started, err := m.startUnsetClock(s); started || err != nil {
			return err
		}
	}
	if err := m.engine.checkClock(m.world, s); err != nil {
		return err
	}
	limit := func(Clock) time.Time { return firstInstant }
	if s.Now != nil {
		limit = func(Clock) time.Time { return *s.Now }
	}
	return m.fireBy(limit, true, func(tx *store.Tx, c Clock) error {
		_, err := m.engine.setClock(tx, c, s)
		return err
	})
}

func (e *Engine) checkClock(world string, s ClockSetting) error {
	return e.db.View(world, func(tx *store.Tx) error {
		_, err := s.apply(clockOf(tx), e.wall())
		return err
	})
}

// setClock changes the clock c of the transaction's world and returns the instant that it then shows. A running clock
// may have passed s.Now while timers fired; then it keeps its time.
func (e *Engine) setClock(tx *store.Tx, c Clock, s ClockSetting) (now time.Time, err error) {
	wall := e.wall()
	if s.Now != nil && s.Now.Before(c.show(wall)) {
		s.Now = nil
	}
	if c, err = s.apply(c, wall); err != nil {
		return now, err
	}
	now = c.show(wall)
	if due, ok := firstDue(tx); ok {
		if at, runs := c.wallAt(due); runs {
			world := tx.World()
			tx.OnCommit(func() { e.agenda.add(world, at) })
		}
		if due.Before(now) {
			now = due // see catchUpTimers
		}
	}
	e.tellClock(tx, c, now)
	return now, clocks.Put(tx.In(""), &c)
}

// startUnsetClock sets a clock that was never set or moved to s.Now and reports whether it did. It changes nothing if
// the clock was set or moved before.
func (m *move) startUnsetClock(s ClockSetting) (started bool, err error) {
	err = m.engine.db.Update(m.world, func(tx *store.Tx) error {
		if err := m.check(tx); err != nil {
			return err
		}
		if started = clockOf(tx).Base.IsZero(); !started {
			return nil
		}
		_, err := m.engine.startClock(tx, s)
		return err
	})
	m.engine.rescan(m.world)
	return started, err
}

// SetStartClock changes the clock of the transaction's world and moves the transaction to the instant that the clock
// then shows. The transaction is that of a function of Start, so the clock is part of the world's start. Timers that
// are due by a later instant fire before the next transaction.
func (e *Engine) SetStartClock(tx *store.Tx, s ClockSetting) (err error) {
	if s.Now != nil && clockOf(tx).Base.IsZero() {
		tx.Now, err = e.startClock(tx, s)
		return err
	}
	if _, err := s.apply(clockOf(tx), e.wall()); err != nil {
		return err
	}
	tx.Now, err = e.setClock(tx, clockOf(tx), s)
	return err
}

// startClock sets a clock that was never set to s.Now and returns the instant that it then shows.
func (e *Engine) startClock(tx *store.Tx, s ClockSetting) (now time.Time, err error) {
	wall := e.wall()
	clock, err := ClockSetting{Mode: s.Mode, Rate: s.Rate}.apply(clockOf(tx), wall)
	if err != nil {
		return now, err
	}
	clock = clock.at(*s.Now, wall)
	now = clock.show(wall)
	e.tellClock(tx, clock, now)
	return now, clocks.Put(tx.In(""), &clock)
}
