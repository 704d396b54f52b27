package statemachine

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"storagesim/internal/nearest"
	"storagesim/internal/store"
)

// defaultLimit is how far an advance until a state goes at most, unless it has a limit.
const defaultLimit = time.Hour

// NoResourceError is the error of a resource that does not exist. Valid lists the most similar names and IDs of the
// kind.
type NoResourceError struct {
	Kind, ID string
	Valid    []string
}

func (e *NoResourceError) Error() string {
	if len(e.Valid) == 0 {
		return fmt.Sprintf("there is no %s %q, and no other %s", e.Kind, e.ID, e.Kind)
	}
	return fmt.Sprintf("there is no %s %q; the most similar are %s", e.Kind, e.ID, strings.Join(e.Valid, ", "))
}

// NotReachedError is the error of an advance that ends, at its limit or because no timer is pending, before the row is
// in the state.
type NotReachedError struct {
	Until Until
	State State
	Now   time.Time
	Why   string
}

func (err *NotReachedError) Error() string {
	return fmt.Sprintf("%s %s did not reach %s: it is %s at %s, and %s", err.Until.Kind, err.Until.ID,
		shown(err.Until.State), shown(err.State), err.Now.Format(time.RFC3339Nano), err.Why)
}

func shown(s State) string {
	if s == Gone {
		return "gone"
	}
	return string(s)
}

// advanceUntil fires timers until the row is in the state. If the row does not exist, it fires none, and the error is a
// *NoResourceError unless the state is Gone.
func (m *move) advanceUntil(a Advance) error {
	if a.Limit == 0 {
		a.Limit = defaultLimit
	}
	limit := Later(m.done.Now, a.Limit)
	target, err := m.target(a.Until)
	var missing *NoResourceError
	if errors.As(err, &missing) && a.Until.State == Gone {
		return nil
	}
	if err != nil {
		return err
	}
	for more := true; more; {
		n := 0
		err := m.engine.write(m.world, func(tx *store.Tx) (bool, error) {
			if err := m.check(tx); err != nil {
				return false, err
			}
			r, err := m.engine.Find(tx, target.Kind, []string{target.Cluster}, target.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return false, err
			}
			if r.State == a.Until.State {
				more = false
				return false, nil
			}
			n++
			ok, err := m.fire(tx, clockOf(tx), limit, true)
			if !ok && err == nil {
				err = m.notReached(tx, a, r)
			}
			return n < turnTimers, err
		})
		if err = m.engine.afterBroken(m.world, err); err != nil {
			return err
		}
	}
	now, err := m.engine.Now(m.world)
	if err == nil && now.After(m.done.Now) {
		m.done.Now = now
	}
	return err
}

// target returns the row that the advance waits for.
func (m *move) target(u *Until) (r Resource, err error) {
	err = m.engine.db.View(m.world, func(tx *store.Tx) error {
		among := Partitions(tx)
		if u.Cluster != "" {
			among = []string{u.Cluster}
		}
		r, err = m.engine.Find(tx, u.Kind, among, u.ID)
		if errors.Is(err, store.ErrNotFound) {
			return m.engine.missing(tx, u.Kind, u.ID)
		}
		return err
	})
	return r, err
}

// missing returns the error for a row that does not exist.
func (e *Engine) missing(tx *store.Tx, kind, id string) error {
	var names []string
	err := e.Resources(tx, kind, Partitions(tx), func(r Resource) bool {
		names = append(names, r.ID)
		if r.Name != "" {
			names = append(names, r.Name)
		}
		return len(names) < maxFired
	})
	if err != nil {
		return err
	}
	return &NoResourceError{Kind: kind, ID: id, Valid: nearest.To(id, names)}
}

// notReached returns the error of an advance that finds no more timer that is due by its limit. r is the row.
func (m *move) notReached(tx *store.Tx, a Advance, r Resource) error {
	err := &NotReachedError{Until: *a.Until, State: r.State, Now: m.done.Now}
	due, pending := firstDue(tx)
	switch {
	case r.held():
		err.Why = fmt.Sprintf("it is held; release it by POST /_sim/resources/%s/%s/release", r.Kind, r.ID)
	case r.reads() > 0:
		err.Why = fmt.Sprintf("it waits for %d more reads", r.reads())
	case pending:
		err.Why = fmt.Sprintf("nothing more is due within %s, the limit of this advance; the next timer is due at %s; "+
			`a longer "limit" goes further, for example {"limit":"24h"}`, a.Limit, due.Format(time.RFC3339Nano))
	default:
		err.Why = "no timer is pending in this world, so time does not change that"
	}
	return err
}

// held reports whether the row waits only for a release.
func (r *Resource) held() bool {
	for _, t := range r.Timers {
		if !t.Held {
			return false
		}
	}
	return len(r.Timers) > 0
}

// reads returns the number of reads that the row waits for, or 0 if it waits for something else.
func (r *Resource) reads() int {
	for _, t := range r.Timers {
		if t.Reads > 0 {
			return t.Reads
		}
	}
	return 0
}
