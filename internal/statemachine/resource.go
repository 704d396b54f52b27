package statemachine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"storagesim/internal/store"
)

// Resource is a row in the form of the control API.
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
	events := m.events(row.Life.State)
	if events == nil {
		events = []Event{}
	}
	return Resource{
		Kind: m.Kind, ID: m.id(&row.Body), Name: m.name(&row.Body), Cluster: tx.Partition(), State: row.Life.State,
		Since: row.Life.Since.Format("2006-01-02T15:04:05.999Z07:00"), By: row.Life.By, Events: events,
		Timers: pending(tx, m.Kind, m.Key(&row.Body)),
	}
}

// Lifecycle is a machine without its type parameter. Only *Machine implements it.
type Lifecycle interface {
	kind() string
	// Describe returns the machine as data.
	Describe() Description
	// Check returns the errors in the machine's definition.
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
	keyOf(tx *store.Tx, c *StateCause) (key string, ok bool)
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

// keyOf returns the key of the row that a cause describes.
func (m *Machine[B]) keyOf(tx *store.Tx, c *StateCause) (key string, ok bool) {
	row, err := m.Find(tx, c.ID)
	if err != nil || row.Life.State != c.State || !row.Life.Since.Equal(c.Since) {
		return "", false
	}
	return m.Key(&row.Body), true
}

// find looks up a row by ID, or else by a name that only one row has.
func (m *Machine[B]) find(tx *store.Tx, id string) (Resource, error) {
	row, err := m.findRow(tx, id)
	if err != nil {
		return Resource{}, err
	}
	return m.resource(tx, &row), nil
}

// plainName matches the names that a JSON string contains without escapes.
var plainName = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)

func (m *Machine[B]) findRow(tx *store.Tx, id string) (Row[B], error) {
	row, err := m.Find(tx, id)
	if err == nil || m.Name == nil || !errors.Is(err, store.ErrNotFound) {
		return row, err
	}
	var found []Row[B]
	plain := plainName.MatchString(id)
	for key, raw := range m.table.Scan(tx, "", "") {
		// Decoding is what takes the time. Rows are JSON, which has such a name as it is.
		if plain && !bytes.Contains(raw, []byte(id)) {
			continue
		}
		if row := m.table.Decode(key, raw); m.Name(&row.Body) == id {
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
	return row, fmt.Errorf("%s: %d have the name %q; use one of the IDs %s", m.Kind, len(found), id,
		strings.Join(ids, ", "))
}

// fireTimer fires a timer that is due or was released. If its row is gone or has left the state, nothing happens.
func (m *Machine[B]) fireTimer(tx *store.Tx, t Timer) error {
	row, err := m.table.Get(tx, t.Key)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Life.Stamp != t.Stamp {
		return nil
	}
	if err != nil {
		return err
	}
	if err := m.Fire(tx, &row, t.Event); err != nil || t.Seen == 0 {
		return err
	}
	for _, next := range pending(tx, m.Kind, t.Key) { // a client that has read the row waits for all of its stages
		next.Seen = max(next.Seen, t.Seen)
		if err := timers.Put(tx.In(""), &next); err != nil {
			return err
		}
	}
	return nil
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

// releaseByID fires the row's oldest pending transition now.
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
	// Fire removes the timers of a row that changes its state; a row that stays (see Stay) must not keep this one.
	if err := timers.Delete(tx.In(""), timerKey(&waiting[0])); err != nil {
		return Resource{}, err
	}
	if err := m.Fire(tx, &row, waiting[0].Event); err != nil {
		return Resource{}, err
	}
	return m.resource(tx, &row), nil
}

// NothingPendingError is the error of a release of a row without a pending transition.
type NothingPendingError struct{ Cause StateCause }

func (e *NothingPendingError) Error() string {
	return fmt.Sprintf("%s %s is %s; no timed transition is pending for it", e.Cause.Machine, e.Cause.ID, e.Cause.State)
}

// Kinds lists the kinds of all machines, sorted.
func (e *Engine) Kinds() []string { return slices.Sorted(maps.Keys(e.kinds)) }

// UnknownKindError is the error of a kind without a machine. Valid lists the kinds.
type UnknownKindError struct {
	Kind  string
	Valid []string
}

func (err *UnknownKindError) Error() string {
	return fmt.Sprintf("unknown kind %q", err.Kind)
}

func (e *Engine) lifecycle(kind string) (Lifecycle, error) {
	m := e.kinds[kind]
	if m == nil {
		return nil, &UnknownKindError{Kind: kind, Valid: e.Kinds()}
	}
	return m, nil
}

// Resources calls each for every row of a kind in the given partitions, until it returns false.
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

// inPartitions calls do for each partition until do returns no store.ErrNotFound.
func inPartitions(tx *store.Tx, partitions []string, do func(tx *store.Tx) (Resource, error)) (Resource, error) {
	err := fmt.Errorf("no cluster: %w", store.ErrNotFound)
	for _, p := range partitions {
		var r Resource
		if r, err = do(tx.In(p)); err == nil || !errors.Is(err, store.ErrNotFound) {
			return r, err
		}
	}
	return Resource{}, err
}

// Find returns the resource with that ID, or with that name if only one resource has it.
func (e *Engine) Find(tx *store.Tx, kind string, partitions []string, id string) (Resource, error) {
	m, err := e.lifecycle(kind)
	if err != nil {
		return Resource{}, err
	}
	return inPartitions(tx, partitions, func(tx *store.Tx) (Resource, error) { return m.find(tx, id) })
}

// Fire fires an event of a resource. It returns an *IllegalError if the event has no rule in the resource's state.
func (e *Engine) Fire(tx *store.Tx, kind string, partitions []string, id string, on Event) (Resource, error) {
	m, err := e.lifecycle(kind)
	if err != nil {
		return Resource{}, err
	}
	return inPartitions(tx, partitions, func(tx *store.Tx) (Resource, error) { return m.fireByID(tx, id, on) })
}

// Release fires a resource's pending timed transition now. It returns a *NothingPendingError if there is none.
func (e *Engine) Release(tx *store.Tx, kind string, partitions []string, id string) (Resource, error) {
	m, err := e.lifecycle(kind)
	if err != nil {
		return Resource{}, err
	}
	return inPartitions(tx, partitions, func(tx *store.Tx) (Resource, error) { return m.releaseByID(tx, id) })
}

// Save stores a resource without a change. Its version increases as if another client had written it.
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
