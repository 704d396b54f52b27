package statemachine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"storagesim/internal/store"
)

// Resource is a row as the control surface lists it.
type Resource struct {
	Kind    string  `json:"kind"`
	ID      string  `json:"id"`
	Name    string  `json:"name,omitempty"`
	Cluster string  `json:"cluster,omitempty"`
	State   State   `json:"state"`
	Since   string  `json:"since"`
	By      string  `json:"by,omitempty"`
	Events  []Event `json:"events"`
	Timers  []Timer `json:"timers,omitempty"`
}

func (m *Machine[B]) resource(tx *store.Tx, row *Row[B]) Resource {
	events := m.takes(row.Life.State)
	if events == nil {
		events = []Event{}
	}
	return Resource{
		Kind: m.Kind, ID: m.id(&row.Body), Name: m.name(&row.Body), Cluster: tx.Partition(), State: row.Life.State,
		Since: row.Life.Since.Format("2006-01-02T15:04:05.999Z07:00"), By: row.Life.By, Events: events,
		Timers: pending(tx, m.Kind, m.Key(&row.Body)),
	}
}

// Lifecycle is a machine seen without the type of its bodies. Only *Machine implements it, once per kind of body.
type Lifecycle interface {
	kind() string
	// Describe answers the machine as data.
	Describe() Description
	// Check answers what is wrong with the machine as data.
	Check() []string
	verifier() store.Verifier
	resources(tx *store.Tx, each func(Resource) bool)
	find(tx *store.Tx, id string) (Resource, error)
	fireTimer(tx *store.Tx, t Timer) error
	fireByID(tx *store.Tx, id string, on Event) (Resource, error)
	releaseByID(tx *store.Tx, id string) (Resource, error)
	saveByID(tx *store.Tx, id string) (Resource, error)
	exportRows(tx *store.Tx, each func(doc []byte) error) error
	importRow(tx *store.Tx, doc []byte) error
	hasID(tx *store.Tx, id string) bool
}

func (m *Machine[B]) kind() string { return m.Kind }

func (m *Machine[B]) verifier() store.Verifier { return m.table }

func (m *Machine[B]) resources(tx *store.Tx, each func(Resource) bool) {
	for _, row := range m.table.All(tx, "", "") {
		if !each(m.resource(tx, &row)) {
			return
		}
	}
}

// find looks a row up by ID, else by a name that only one row has.
func (m *Machine[B]) find(tx *store.Tx, id string) (Resource, error) {
	row, err := m.findRow(tx, id)
	if err != nil {
		return Resource{}, err
	}
	return m.resource(tx, &row), nil
}

func (m *Machine[B]) findRow(tx *store.Tx, id string) (Row[B], error) {
	row, err := m.Find(tx, id)
	if err == nil || m.Name == nil || !errors.Is(err, store.ErrNotFound) {
		return row, err
	}
	var found []Row[B]
	for _, row := range m.table.All(tx, "", "") {
		if m.Name(&row.Body) == id {
			found = append(found, row)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return row, err
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = m.id(&found[i].Body)
	}
	return row, fmt.Errorf("%s: %d have the name %q; say which by id: %s", m.Kind, len(found), id, strings.Join(ids, ", "))
}

// fireTimer fires a timer that is due or was released. One whose row is gone or has moved on is dropped.
func (m *Machine[B]) fireTimer(tx *store.Tx, t Timer) error {
	row, err := m.table.Get(tx, t.Key)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Life.Stamp != t.Stamp {
		return nil
	}
	if err != nil {
		return err
	}
	return m.Fire(tx, &row, t.Event)
}

func (m *Machine[B]) fireByID(tx *store.Tx, id string, on Event) (Resource, error) {
	row, err := m.findRow(tx, id)
	if err != nil {
		return Resource{}, err
	}
	if err := m.Fire(tx, &row, on); err != nil {
		return Resource{}, err
	}
	return m.resource(tx, &row), nil
}

// releaseByID fires the row's pending transition now, whatever it waits for.
func (m *Machine[B]) releaseByID(tx *store.Tx, id string) (Resource, error) {
	row, err := m.findRow(tx, id)
	if err != nil {
		return Resource{}, err
	}
	waiting := pending(tx, m.Kind, m.Key(&row.Body))
	if len(waiting) == 0 {
		c := m.cause(&row)
		return Resource{}, &NothingPendingError{Cause: c}
	}
	if err := timers.Delete(tx.In(""), timerKey(&waiting[0])); err != nil { // also where the row stays as it is
		return Resource{}, err
	}
	if err := m.Fire(tx, &row, waiting[0].Event); err != nil {
		return Resource{}, err
	}
	return m.resource(tx, &row), nil
}

// NothingPendingError says that a row waits for nothing that could be released.
type NothingPendingError struct{ Cause StateCause }

func (e *NothingPendingError) Error() string {
	return fmt.Sprintf("%s %s is %s; no timed transition is pending for it", e.Cause.Machine, e.Cause.ID, e.Cause.State)
}

// Kinds lists the kinds there are, in order.
func (e *Engine) Kinds() []string { return slices.Sorted(maps.Keys(e.kinds)) }

// UnknownKindError names the kinds that would be right.
type UnknownKindError struct {
	Kind  string
	Valid []string
}

func (err *UnknownKindError) Error() string {
	return fmt.Sprintf("there is no kind of thing called %q", err.Kind)
}

func (e *Engine) lifecycle(kind string) (Lifecycle, error) {
	m := e.kinds[kind]
	if m == nil {
		return nil, &UnknownKindError{Kind: kind, Valid: e.Kinds()}
	}
	return m, nil
}

// Resources calls each for every row of a kind in the given partitions, until it answers false.
func (e *Engine) Resources(tx *store.Tx, kind string, partitions []string, each func(Resource) bool) error {
	m, err := e.lifecycle(kind)
	if err != nil {
		return err
	}
	more := true
	for _, p := range partitions {
		m.resources(tx.In(p), func(r Resource) bool {
			more = each(r)
			return more
		})
		if !more {
			return nil
		}
	}
	return nil
}

// inPartitions tries do in each partition until the thing is found there.
func inPartitions(tx *store.Tx, partitions []string, do func(tx *store.Tx) (Resource, error)) (Resource, error) {
	err := error(fmt.Errorf("no cluster: %w", store.ErrNotFound))
	for _, p := range partitions {
		var r Resource
		if r, err = do(tx.In(p)); err == nil || !errors.Is(err, store.ErrNotFound) {
			return r, err
		}
	}
	return Resource{}, err
}

// Find answers the thing with that id or, where only one has it, that name.
func (e *Engine) Find(tx *store.Tx, kind string, partitions []string, id string) (Resource, error) {
	m, err := e.lifecycle(kind)
	if err != nil {
		return Resource{}, err
	}
	return inPartitions(tx, partitions, func(tx *store.Tx) (Resource, error) { return m.find(tx, id) })
}

// Fire moves a thing by one of its machine's events. *IllegalError where the event is not taken.
func (e *Engine) Fire(tx *store.Tx, kind string, partitions []string, id string, on Event) (Resource, error) {
	m, err := e.lifecycle(kind)
	if err != nil {
		return Resource{}, err
	}
	return inPartitions(tx, partitions, func(tx *store.Tx) (Resource, error) { return m.fireByID(tx, id, on) })
}

// Release fires a thing's pending timed transition now. *NothingPendingError where there is none.
func (e *Engine) Release(tx *store.Tx, kind string, partitions []string, id string) (Resource, error) {
	m, err := e.lifecycle(kind)
	if err != nil {
		return Resource{}, err
	}
	return inPartitions(tx, partitions, func(tx *store.Tx) (Resource, error) { return m.releaseByID(tx, id) })
}

// Save stores a thing anew without a change, so that its version moves on as if somebody else had written it.
func (e *Engine) Save(tx *store.Tx, kind string, partitions []string, id string) (Resource, error) {
	m, err := e.lifecycle(kind)
	if err != nil {
		return Resource{}, err
	}
	return inPartitions(tx, partitions, func(tx *store.Tx) (Resource, error) { return m.saveByID(tx, id) })
}

func (m *Machine[B]) saveByID(tx *store.Tx, id string) (Resource, error) {
	row, err := m.findRow(tx, id)
	if err != nil {
		return Resource{}, err
	}
	row.Life.By = tx.By
	if err := m.Save(tx, &row); err != nil {
		return Resource{}, err
	}
	return m.resource(tx, &row), nil
}
