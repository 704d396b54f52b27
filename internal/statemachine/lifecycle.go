package statemachine

import (
	"errors"
	"fmt"
	"time"

	"storagesim/internal/store"
)

// maxChain bounds the transitions without delay that follow each other in one transaction.
const maxChain = 32

// Create creates a row in one of the machine's initial states and schedules its timed transitions. It makes transitions
// with a delay of zero at once and returns the row as they leave it. It returns store.ErrExists if the key or a value
// of
// a unique index is in use.
func (m *Machine[B]) Create(tx *store.Tx, body B, in State) (Row[B], error) {
	row := Row[B]{Body: body, Life: Life{State: in, Version: 1, Stamp: 1, Since: tx.Now, By: tx.By}}
	m.mirror(&row)
	if err := m.table.Insert(tx, &row); err != nil {
		return row, err
	}
	stateOf(tx).moved(tx, m.Kind, m.id(&row.Body), "create", Gone, in)
	return row, m.enter(tx, &row)
}

// Get returns the row with that key, or store.ErrNotFound.
func (m *Machine[B]) Get(tx *store.Tx, key string) (Row[B], error) { return m.table.Get(tx, key) }

// Find returns the row with that ID, or store.ErrNotFound.
func (m *Machine[B]) Find(tx *store.Tx, id string) (Row[B], error) {
	if m.ID == nil {
		if id == "" {
			return Row[B]{}, fmt.Errorf("%s with an empty id: %w", m.Kind, store.ErrNotFound)
		}
		return m.table.Get(tx, id)
	}
	if m.Locate != nil {
		for _, key := range m.Locate(tx, id) {
			if row, err := m.table.Get(tx, key); !errors.Is(err, store.ErrNotFound) {
				return row, err
			}
		}
		return Row[B]{}, fmt.Errorf("%s %q: %w", m.Kind, id, store.ErrNotFound)
	}
	for _, row := range m.table.By(tx, idIndex, id) {
		return row, nil
	}
	return Row[B]{}, fmt.Errorf("%s %q: %w", m.Kind, id, store.ErrNotFound)
}

// Save stores a changed body. The row keeps its state, and its version increases.
func (m *Machine[B]) Save(tx *store.Tx, row *Row[B]) error {
	row.Life.Version++
	m.mirror(row)
	return m.table.Put(tx, row)
}

// Touch stores a body in which only measured values have changed. The row keeps its state and version, so a client's
// ETag stays valid.
func (m *Machine[B]) Touch(tx *store.Tx, row *Row[B]) error {
	m.mirror(row)
	return m.table.Put(tx, row)
}

// Rekey moves a row from its old key to its present one. It keeps the row's life and pending timers.
func (m *Machine[B]) Rekey(tx *store.Tx, old string, row *Row[B]) error {
	moving := pending(tx, m.Kind, old)
	if err := unschedule(tx, m.Kind, old); err != nil {
		return err
	}
	if err := m.table.Delete(tx, old); err != nil {
		return err
	}
	row.Life.Version++
	m.mirror(row)
	if err := m.table.Insert(tx, row); err != nil {
		return err
	}
	for _, t := range moving {
		t.Key = m.Key(&row.Body)
		if err := schedule(tx, t); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes a row and its pending timers without a rule, for resources whose machine has no deletion.
func (m *Machine[B]) Remove(tx *store.Tx, row *Row[B]) error {
	key := m.Key(&row.Body)
	if err := unschedule(tx, m.Kind, key); err != nil {
		return err
	}
	stateOf(tx).moved(tx, m.Kind, m.id(&row.Body), "delete", row.Life.State, Gone)
	return m.table.Delete(tx, key)
}

// Fire fires an event of the row: it runs the rule's Do, sets the new state and schedules the timers that follow, all
// in
// the transaction. It returns an *IllegalError if the row's state has no rule for the event. A row that is deleted has
// the state Gone afterwards. A row that stays (see Stay) is left as it is, and nothing is scheduled.
func (m *Machine[B]) Fire(tx *store.Tx, row *Row[B], on Event) error {
	stamp := row.Life.Stamp
	if err := m.step(tx, row, on); err != nil || row.Life.State == Gone || row.Life.Stamp == stamp {
		return err
	}
	return m.enter(tx, row)
}

// step makes one transition.
func (m *Machine[B]) step(tx *store.Tx, row *Row[B], on Event) error {
	rule := m.rule(row.Life.State, on)
	if rule == nil {
		c := m.cause(row)
		c.Event = on
		return &IllegalError{Cause: c}
	}
	if rule.Unless != nil {
		if other := rule.Unless(tx, row); other == Stay {
			return nil
		} else if other != "" {
			return m.step(tx, row, other)
		}
	}
	from, key := row.Life.State, m.Key(&row.Body)
	if err := unschedule(tx, m.Kind, key); err != nil {
		return err
	}
	row.Life.State, row.Life.Since, row.Life.By = rule.To, tx.Now, tx.By
	row.Life.Stamp++
	if rule.Do != nil {
		if err := rule.Do(tx, row); err != nil {
			return err
		}
	}
	stateOf(tx).moved(tx, m.Kind, m.id(&row.Body), on, from, rule.To)
	if rule.To == Gone {
		return m.table.Delete(tx, key)
	}
	return m.Save(tx, row)
}

// enter schedules the timed rules of the row's state, and makes transitions with a delay of zero at once.
func (m *Machine[B]) enter(tx *store.Tx, row *Row[B]) error {
	for range maxChain {
		stamp := row.Life.Stamp
		immediate, err := m.scheduleRules(tx, row)
		if err != nil || immediate == "" {
			return err
		}
		if err := m.step(tx, row, immediate); err != nil {
			return err
		}
		if row.Life.State == Gone || row.Life.Stamp == stamp {
			return nil
		}
	}
	return fmt.Errorf("%s %s: more than %d transitions without delay", m.Kind, m.id(&row.Body), maxChain)
}

// scheduleRules inserts the timers of the row's state. If the delay of a rule is zero it stops there and returns the
// rule's event.
func (m *Machine[B]) scheduleRules(tx *store.Tx, row *Row[B]) (immediate Event, err error) {
	for i := range m.Rules {
		rule := &m.Rules[i]
		if rule.After == "" || m.rule(row.Life.State, rule.On) != rule {
			continue
		}
		delay, err := stateOf(tx).engine.delayOf(tx, m.Kind+"."+rule.After)
		if err != nil {
			return "", err
		}
		if delay.immediate() {
			return rule.On, nil
		}
		t := Timer{
			Partition: tx.Partition(), Kind: m.Kind, Key: m.Key(&row.Body), ID: m.id(&row.Body),
			Event: rule.On, Stamp: row.Life.Stamp, Held: delay.how == held,
		}
		if delay.how == reads {
			t.Reads = delay.n
		} else if !t.Held {
			wait := delay.draw(tx.Rand)
			if rule.Units != nil {
				wait = multiply(wait, rule.Units(tx, row))
			}
			t.Due = tx.Now.Add(wait)
		}
		if err := schedule(tx, t); err != nil {
			return "", err
		}
	}
	return "", nil
}

// After schedules an event of the row at a given instant, in addition to the machine's timed rules. It is for retention
// times and schedules that are part of the row's data.
func (m *Machine[B]) After(tx *store.Tx, row *Row[B], on Event, at time.Time) error {
	return schedule(tx, Timer{
		Due: at, Partition: tx.Partition(), Kind: m.Kind, Key: m.Key(&row.Body),
		ID: m.id(&row.Body), Event: on, Stamp: row.Life.Stamp,
	})
}

// Divert replaces the event of the row's pending transitions, for example so that a copy in progress will fail. If none
// is pending the event is fired at once.
func (m *Machine[B]) Divert(tx *store.Tx, row *Row[B], on Event) error {
	waiting := pending(tx, m.Kind, m.Key(&row.Body))
	if len(waiting) == 0 {
		return m.Fire(tx, row, on)
	}
	for _, t := range waiting {
		t.Event = on
		if err := timers.Put(tx.In(""), &t); err != nil {
			return err
		}
	}
	return nil
}

// Waits reports whether a timed transition is pending for the row.
func (m *Machine[B]) Waits(tx *store.Tx, row *Row[B]) bool {
	return len(pending(tx, m.Kind, m.Key(&row.Body))) > 0
}

// Observed records that a response shows the row. Observations count only while a timer is pending for the row, for
// delays of the form reads:N and in the clock mode auto. They are counted after the response has been made.
func (m *Machine[B]) Observed(tx *store.Tx, row *Row[B]) {
	if m.Transient(row.Life.State) {
		stateOf(tx).observed(tx, m.Kind, m.Key(&row.Body))
	}
}

// ObservedWaiting is Observed for a row in any state: it counts if an event of After is pending for the row, too.
func (m *Machine[B]) ObservedWaiting(tx *store.Tx, row *Row[B]) {
	stateOf(tx).observed(tx, m.Kind, m.Key(&row.Body))
}

// ObservedStored is Observed for a row that was not decoded.
func (m *Machine[B]) ObservedStored(tx *store.Tx, key string, state []byte) {
	if m.Transient(State(state)) {
		stateOf(tx).observed(tx, m.Kind, key)
	}
}

func (m *Machine[B]) mirror(row *Row[B]) {
	if m.Mirror != nil {
		m.Mirror(&row.Body, row.Life)
	}
}
