// Package statemachine runs the lifecycles of resources: state machines as data, the clock of each world, and timers.
//
// A Machine is a value: states, events, guards, timed transitions. It owns the table of its rows, so a row can change
// its state only through a rule. When a row enters the state of a timed rule, the rule becomes a timer in the world's
// queue. Timers fire in due order, each in its own transaction at its own instant. The package is independent of
// vendors and HTTP.
package statemachine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// State is a state in the vendor's own spelling.
type State string

// Gone is the state of a deleted row: a rule that leads to Gone deletes the row.
const Gone State = ""

// Event triggers a transition. Its name is a lower-case verb.
type Event string

// Stay is a result of a rule's Unless that drops the event: the row stays in its state until another event moves it.
const Stay Event = "stay"

// Rule is a transition: in each of the states From, the event On leads to the state To.
type Rule[B any] struct {
	From []State
	On   Event
	To   State
	// After makes the rule timed: entering one of From schedules On after the delay of that name. The full name of
	// the delay is the machine's kind, a dot and this word.
	After string
	// Units returns a factor for the delay of a timed rule, such as the number of blocks to copy. If it is nil the factor
	// is 1. It does not apply to delays that wait for observations or a release.
	Units func(tx *store.Tx, row *Row[B]) float64
	// Do runs in the same transaction, after the row has its new state and before it is stored. Its error refuses the
	// event.
	Do func(tx *store.Tx, row *Row[B]) error
	// Unless returns an event that happens instead of On, or Stay, or "" if On happens.
	Unless func(tx *store.Tx, row *Row[B]) Event
}

// Guard refuses an operation while the row is in one of the states In. In Message, {id}, {name} and {state} are
// replaced
// by the values of the row.
type Guard struct {
	Operation string
	In        []State
	Kind      refusal.Kind
	Message   string
}

// DelayDefault holds the values of a named delay under the profiles fast and realistic, in the form that ParseDelay
// reads. Under instant all delays are zero.
type DelayDefault struct {
	Fast      string `json:"fast"`
	Realistic string `json:"realistic"`
}

// Machine is the lifecycle of one kind of resource, and the table of its rows. Make one with Define.
type Machine[B any] struct {
	Kind    string  // "lightbits.volume"
	Initial []State // the states in which a row may be created
	Ends    []State // the states that no rule leaves
	Rules   []Rule[B]
	Guards  []Guard
	Delays  map[string]DelayDefault

	Key    func(*B) string                        // the primary key within a partition
	ID     func(*B) string                        // the ID that users see; nil: the key
	Locate func(tx *store.Tx, id string) []string // the possible keys of a row with that ID; nil: an index is kept
	Name   func(*B) string                        // the name, for listings; may be nil
	// copies parts of the life into the body: the state, the ETag; may be nil
	Mirror  func(*B, Life)
	Indexes []store.Index[Row[B]]
	Zero    wire.Zero // how the vendor's API shows zero values; rows are stored in that form

	table *store.Table[Row[B]]
}

// idIndex is the index of rows by ID, for machines with ID and without Locate.
const idIndex = "id"

// Define completes a machine: it makes the table, whose name is the kind in lower case.
func Define[B any](m Machine[B]) *Machine[B] {
	indexes := m.Indexes
	if m.ID != nil && m.Locate == nil {
		indexes = append(slices.Clip(indexes), store.Index[Row[B]]{
			Name: idIndex, Unique: true,
			Keys: func(r *Row[B]) []string { return []string{m.ID(&r.Body)} },
		})
	}
	key := func(r *Row[B]) string { return m.Key(&r.Body) }
	m.table = store.NewTable(strings.ToLower(m.Kind), key, rowCodec[B](m.Zero), indexes...)
	return &m
}

// Life is the part of a row that the machine keeps. Vendors' responses show only what Mirror copies into the body.
type Life struct {
	State   State
	Version uint64    // counts the row's writes, from 1
	Stamp   uint64    // counts the states entered; a timer with another stamp is dropped
	Since   time.Time // when the state was entered
	By      string    // the request or timer that caused the transition
}

// Row is a life and a body. The body is stored in the form of the vendor's responses.
type Row[B any] struct {
	Life Life
	Body B
}

// Table is the machine's table, for reading. Rows change only through the machine.
func (m *Machine[B]) Table() *store.Table[Row[B]] { return m.table }

func (m *Machine[B]) id(b *B) string {
	if m.ID == nil {
		return m.Key(b)
	}
	return m.ID(b)
}

func (m *Machine[B]) name(b *B) string {
	if m.Name == nil {
		return ""
	}
	return m.Name(b)
}

// rule returns the rule for an event in a state, or nil.
func (m *Machine[B]) rule(in State, on Event) *Rule[B] {
	for i := range m.Rules {
		if m.Rules[i].On == on && slices.Contains(m.Rules[i].From, in) {
			return &m.Rules[i]
		}
	}
	return nil
}

// events lists the events that have a rule in a state, in the order of the rules.
func (m *Machine[B]) events(in State) []Event {
	var events []Event
	for i := range m.Rules {
		if slices.Contains(m.Rules[i].From, in) && !slices.Contains(events, m.Rules[i].On) {
			events = append(events, m.Rules[i].On)
		}
	}
	return events
}

// Transient reports whether a timed rule leaves the state.
func (m *Machine[B]) Transient(in State) bool {
	for i := range m.Rules {
		if m.Rules[i].After != "" && slices.Contains(m.Rules[i].From, in) {
			return true
		}
	}
	return false
}

// StateCause describes a row whose state caused a refusal, as explain shows it.
type StateCause struct {
	Machine   string    `json:"machine"`
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`
	Operation string    `json:"operation,omitempty"`
	Event     Event     `json:"event,omitempty"`
	State     State     `json:"state"`
	Since     time.Time `json:"since"`
	By        string    `json:"by,omitempty"`
	Takes     []Event   `json:"takes"`
}

// CauseKind is refusal.Guard.
func (StateCause) CauseKind() refusal.CauseKind { return refusal.Guard }

// Stands returns the cause of a refusal of the operation by the row's state, for refusals without a guard.
func (m *Machine[B]) Stands(operation string, row *Row[B]) StateCause {
	c := m.cause(row)
	c.Operation = operation
	return c
}

func (m *Machine[B]) cause(row *Row[B]) StateCause {
	return StateCause{
		Machine: m.Kind, ID: m.id(&row.Body), Name: m.name(&row.Body), State: row.Life.State,
		Since: row.Life.Since, By: row.Life.By, Takes: m.events(row.Life.State),
	}
}

// Refuse returns the refusal of the guard that forbids the operation in the row's state, or nil.
func (m *Machine[B]) Refuse(operation string, row *Row[B]) error {
	for i := range m.Guards {
		g := &m.Guards[i]
		if g.Operation != operation || !slices.Contains(g.In, row.Life.State) {
			continue
		}
		c := m.cause(row)
		c.Operation = operation
		text := strings.NewReplacer("{id}", c.ID, "{name}", c.Name, "{state}", string(c.State)).Replace(g.Message)
		return refusal.New(g.Kind, "%s", text).Because(c)
	}
	return nil
}

// IllegalError is the error of an event that has no rule in the row's state.
type IllegalError struct{ Cause StateCause }

func (e *IllegalError) Error() string {
	valid := make([]string, len(e.Cause.Takes))
	for i, event := range e.Cause.Takes {
		valid[i] = string(event)
	}
	list := "none"
	if len(valid) > 0 {
		list = strings.Join(valid, ", ")
	}
	return fmt.Sprintf("%s %s is %s; the event %q is not possible in this state (possible events: %s)",
		e.Cause.Machine, e.Cause.ID, e.Cause.State, e.Cause.Event, list)
}
