package statemachine

import (
	"context"
	"errors"
	"slices"
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// observation is a row that a client has seen while a timer is pending for it.
type observation struct{ partition, kind, key string }

// observed records an observation of a row if one of its timers counts observations.
func (s *txState) observed(tx *store.Tx, kind, key string) {
	counts := func(t Timer) bool { return t.Reads > 0 || s.auto && !t.Held }
	o := observation{tx.Partition(), kind, key}
	if slices.ContainsFunc(pending(tx, kind, key), counts) && !slices.Contains(s.seen, o) {
		s.seen = append(s.seen, o)
	}
}

// refusedBy adds an observation of the row whose state is the cause of a refusal.
func (e *Engine) refusedBy(world string, state *txState, refused error) error {
	var cause StateCause
	var illegal *IllegalError
	if r := refusal.Of(refused); r != nil {
		cause, _ = r.Cause.(StateCause)
	} else if errors.As(refused, &illegal) {
		cause = illegal.Cause
	}
	m := e.kinds[cause.Machine]
	if m == nil {
		return nil
	}
	return e.db.View(world, func(tx *store.Tx) error {
		for _, p := range Partitions(tx) {
			if key, ok := m.keyOf(tx.In(p), &cause); ok {
				state.observed(tx.In(p), cause.Machine, key)
			}
		}
		return nil
	})
}

// poll is a request that observes rows in transient states. In the clock mode auto, the second request that observes a
// row finds it in its final state: the clock jumps to the row's next timer, and the request runs again, until no timer
// is pending for the row. Rows that become transient on the way, such as the next server of an upgrade, are included.
type poll struct {
	first map[observation]bool // the rows of the first run; true for those that were observed before
	jumps int
}

// maxJumps bounds the jumps for one request. The next request continues.
const maxJumps = 1000

// poll counts the observations of a run. It returns true if the clock has jumped, so that the request must run again.
func (e *Engine) poll(world string, state *txState, p *poll) (again bool, err error) {
	if state == nil || len(state.seen) == 0 || p.jumps >= maxJumps {
		return false, nil
	}
	var to time.Time
	if p.first == nil {
		p.first = make(map[observation]bool, len(state.seen))
		to, err = e.countFirst(world, state, p)
	} else {
		to, err = e.stillPending(world, state, p)
	}
	if err != nil || to.IsZero() {
		return false, err
	}
	p.jumps++
	err = e.jump(world, state.life, to)
	if errors.As(err, new(*ReplacedError)) {
		return false, nil // the last run is the response: it saw the life that is over
	}
	return true, err
}

// countFirst counts the observations of the first run. It returns the instant to jump to, or the zero time.
func (e *Engine) countFirst(world string, state *txState, p *poll) (to time.Time, err error) {
	_, err = e.updateOnce(world, "observation", func(tx *store.Tx) error {
		to = time.Time{}
		clear(p.first)
		if tx.Life() != state.life {
			return nil
		}
		for _, o := range state.seen {
			waiting := pending(tx.In(o.partition), o.kind, o.key)
			p.first[o] = state.auto && slices.ContainsFunc(waiting, func(t Timer) bool { return t.Seen > 0 && jumps(&t) })
			if p.first[o] {
				to = later(to, nextOf(waiting))
			}
			for _, t := range waiting {
				if err := e.count(tx, t, state.auto); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return to, err
}

// stillPending returns the instant of the last timer of the rows that the clock jumps for, or the zero time if they are
// in their final states.
func (e *Engine) stillPending(world string, state *txState, p *poll) (to time.Time, err error) {
	err = e.db.View(world, func(tx *store.Tx) error {
		if tx.Life() != state.life {
			return nil
		}
		for _, o := range state.seen {
			if before, first := p.first[o]; first && !before {
				continue
			}
			to = later(to, nextOf(pending(tx.In(o.partition), o.kind, o.key)))
		}
		return nil
	})
	return to, err
}

// nextOf returns the instant of the first timer of a row that the clock can jump to, or the zero time.
func nextOf(waiting []Timer) (next time.Time) {
	for i := range waiting {
		if t := &waiting[i]; jumps(t) && (next.IsZero() || t.Due.Before(next)) {
			next = t.Due
		}
	}
	return next
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// jumps reports whether the clock can jump to the timer.
func jumps(t *Timer) bool { return !t.Held && t.Reads == 0 && !t.Due.IsZero() }

// count counts one observation on a timer. The last one of a timer that waits for observations fires it.
func (e *Engine) count(tx *store.Tx, t Timer, auto bool) error {
	root := tx.In("")
	switch {
	case t.Reads > 1:
		t.Reads--
		return timers.Put(root, &t)
	case t.Reads == 1:
		if err := timers.Delete(root, timerKey(&t)); err != nil {
			return err
		}
		return e.kinds[t.Kind].fireTimer(tx.In(t.Partition), t)
	case !auto || !jumps(&t) || t.Seen > 0:
		return nil
	}
	t.Seen++
	return timers.Put(root, &t)
}

// jump moves the clock of a life of a world to an instant, unless it shows a later one. It returns a *ReplacedError if
// the life is over.
func (e *Engine) jump(world string, life uint64, to time.Time) error {
	m := &move{engine: e, ctx: context.Background(), world: world, life: life}
	return m.replaced(m.fireBy(func(Clock) time.Time { return to }, true, func(tx *store.Tx, c Clock) error {
		_, err := e.setClock(tx, c, ClockSetting{Now: &to})
		return err
	}))
}
