package statemachine

import (
	"context"
	"time"

	"storagesim/internal/store"
)

// observe counts the resources that a client has read. It returns true if the clock mode auto has advanced the clock,
// so that the read must be repeated.
func (e *Engine) observe(world string, seen []observation, auto bool) (again bool, err error) {
	var jump time.Time
	err = e.Update(world, "observation", func(tx *store.Tx) error {
		jump = time.Time{}
		for _, o := range seen {
			for _, t := range pending(tx.In(o.partition), o.kind, o.key) {
				at, err := e.count(tx, t, auto)
				if err != nil {
					return err
				}
				if !at.IsZero() && (jump.IsZero() || at.Before(jump)) {
					jump = at
				}
			}
		}
		return nil
	})
	if err != nil || jump.IsZero() {
		return false, err
	}
	return true, e.jump(world, jump)
}

// count counts one observation on a timer. At the second one in the clock mode auto, it returns the instant to jump to.
func (e *Engine) count(tx *store.Tx, t Timer, auto bool) (jump time.Time, err error) {
	root := tx.In("")
	switch {
	case t.Reads > 1:
		t.Reads--
		return jump, timers.Put(root, &t)
	case t.Reads == 1:
		if err := timers.Delete(root, timerKey(&t)); err != nil {
			return jump, err
		}
		return jump, e.kinds[t.Kind].fireTimer(tx.In(t.Partition), t)
	case !auto || t.Held || t.Due.IsZero():
		return jump, nil
	case t.Seen > 0:
		return t.Due, nil
	}
	t.Seen++
	return jump, timers.Put(root, &t)
}

// jump moves a world's clock to an instant, unless it shows a later one.
func (e *Engine) jump(world string, to time.Time) error {
	m := &move{engine: e, ctx: context.Background(), world: world}
	err := e.db.View(world, func(tx *store.Tx) error { m.life = tx.Life(); return nil })
	if err != nil {
		return err
	}
	return m.fireBy(func(Clock) time.Time { return to }, true, func(tx *store.Tx, c Clock) error {
		_, err := e.setClock(tx, c, ClockSetting{Now: &to})
		return err
	})
}
