package statemachine

import (
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
	_, _, err = e.Advance(world, Advance{To: jump})
	return true, err
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
