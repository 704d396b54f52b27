package statemachine

import (
	"errors"
	"fmt"
	"time"

	"storagesim/internal/store"
)

// maxChain bounds how many transitions without delay may follow each other in one transaction.
const maxChain = 32

// Create puts a new row into the world in one of the machine's initial states and schedules what follows from it.
// With delays that are zero the row is answered in the state where it comes to rest. ErrExists when the key or a
// unique index value is taken.
func (m *Machine[B]) Create(tx *store.Tx, body B, in State) (Row[B], error) {
	row := Row[B]{Body: body, Life: Life{State: in, Version: 1, Stamp: 1, Since: tx.Now, By: tx.By}}
	m.mirror(&row)
	if err := m.table.Insert(tx, &row); err != nil {
		return row, err
	}
	stateOf(tx).moved(tx, m.Kind, m.id(&row.Body), "create", Gone, in)
	return row, m.enter(tx, &row)
}

// Get answers the row with that key, or store.ErrNotFound.
func (m *Machine[B]) Get(tx *store.Tx, key string) (Row[B], error) { return m.table.Get(tx, key) }

// Find answers the row with that ID, or store.ErrNotFound.
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

// Save stores a changed body; the row's state stays as it is, its version moves on.
func (m *Machine[B]) Save(tx *store.Tx, row *Row[B]) error {
	row.Life.Version++
	m.mirror(row)
	return m.table.Put(tx, row)
}

// Touch stores a body in which only what is measured has changed, not what somebody asked for: state and version stay
// as they are, so that a client's ETag stays good.
func (m *Machine[B]) Touch(tx *store.Tx, row *Row[B]) error {
	m.mirror(row)
	return m.table.Put(tx, row)
}

// Rekey stores a row whose key has changed: it leaves under the old one and comes back under the new one, with its
// life and its pending timers.
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

// Remove deletes a row and what is pending for it, outside any rule: for resources without a lifecycle of deletion.
func (m *Machine[B]) Remove(tx *store.Tx, row *Row[B]) error {
	key := m.Key(&row.Body)
	if err := unschedule(tx, m.Kind, key); err != nil {
		return err
	}
	stateOf(tx).moved(tx, m.Kind, m.id(&row.Body), "delete", row.Life.State, Gone)
	return m.table.Delete(tx, key)
}

// Fire moves the row by an event: the rule's effect, the new state, the timers that follow, all in the transaction.
// *IllegalError when the row's state has no rule for it. A row that is gone afterwards has the state Gone. One that
// stays (see Stay) is left as it is, and waits for nothing any more.
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

// enter schedules the timed rules of the row's state, and follows those whose delay is zero at once.
func (m *Machine[B]) enter(tx *store.Tx, row *Row[B]) error {
	for range maxChain {
		stamp := row.Life.Stamp
		at, err := m.scheduleRules(tx, row)
		if err != nil || at == "" {
			return err
		}
		if err := m.step(tx, row, at); err != nil {
			return err
		}
		if row.Life.State == Gone || row.Life.Stamp == stamp {
			return nil
		}
	}
	return fmt.Errorf("%s %s: more than %d transitions without delay", m.Kind, m.id(&row.Body), maxChain)
}

// scheduleRules inserts the timers of the row's state; it answers the first event that is due at once instead.
func (m *Machine[B]) scheduleRules(tx *store.Tx, row *Row[B]) (Event, error) {
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
			lasts := delay.draw(tx.Rand)
			if rule.Units != nil {
				lasts = stretch(lasts, rule.Units(tx, row))
			}
			t.Due = tx.Now.Add(lasts)
		}
		if err := schedule(tx, t); err != nil {
			return "", err
		}
	}
	return "", nil
}

// After schedules an event of the row at a time of the caller's choosing, beside the machine's timed rules: for
// retention times and schedules that are data of the row.
func (m *Machine[B]) After(tx *store.Tx, row *Row[B], on Event, at time.Time) error {
	return schedule(tx, Timer{
		Due: at, Partition: tx.Partition(), Kind: m.Kind, Key: m.Key(&row.Body),
		ID: m.id(&row.Body), Event: on, Stamp: row.Life.Stamp,
	})
}

// Divert makes the row's pending transition end in another event than its rule says: what is under way will fail. A row
// that waits for nothing is moved at once.
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

// Waits says whether a timed transition is pending for the row.
func (m *Machine[B]) Waits(tx *store.Tx, row *Row[B]) bool {
	return len(pending(tx, m.Kind, m.Key(&row.Body))) > 0
}

// Observed notes that a client was shown the row. It matters only while a timer is pending for it: delays of the form
// reads:N and the clock mode auto count it, after the answer has been made.
func (m *Machine[B]) Observed(tx *store.Tx, row *Row[B]) {
	if m.Transient(row.Life.State) {
		stateOf(tx).observed(tx, m.Kind, m.Key(&row.Body))
	}
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
