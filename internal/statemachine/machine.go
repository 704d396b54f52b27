// Package statemachine is the life of things: machines as data, the clock of a world, and the timers between them.
//
// A Machine is a value: states, events, guards, timed transitions. It owns the table its rows lie in, so that a row
// can only change its state through a rule. A timed rule becomes a row in the world's timer queue when its state is
// entered; the queue is fired in due order, each timer in a transaction of its own at its own instant. Nothing here
// knows a vendor or HTTP.
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

// Gone is where a row goes when it leaves the world: the rule that leads there deletes it.
const Gone State = ""

// Event is what moves a row: a lower-case verb.
type Event string

// Stay is answered by a rule's Unless to drop the event: the row stays as it is until something else moves it.
const Stay Event = "stay"

// Rule says that in one of the states From the event On leads to To.
type Rule[B any] struct {
	From []State
	On   Event
	To   State
	// After makes the rule timed: entering one of From schedules On after the delay of that name. The full name of
	// the delay is the machine's kind, a dot and this word.
	After string
	// Units says how many times the delay a timed rule takes for this row, such as seconds of copying; nil is once. A
	// delay that waits for observations or a release waits once whatever it answers.
	Units func(tx *store.Tx, row *Row[B]) float64
	// Do runs in the same transaction, when the row carries its new state and before it is stored. Its error refuses
	// the event.
	Do func(tx *store.Tx, row *Row[B]) error
	// Unless names another event that happens in place of this one, or Stay, or "" for none.
	Unless func(tx *store.Tx, row *Row[B]) Event
}

// Guard says that an operation is refused while the row is in one of the states In.
// In Message, {id}, {name} and {state} stand for what the row says.
type Guard struct {
	Operation string
	In        []State
	Kind      refusal.Kind
	Message   string
}

// DelayDefault is what a named delay is under the profiles fast and realistic; under instant all delays are zero.
// Both are in the form that ParseDelay reads.
type DelayDefault struct {
	Fast      string `json:"fast"`
	Realistic string `json:"realistic"`
}

// Machine is the lifecycle of one kind of thing, and the table of its rows. Make one with Define.
type Machine[B any] struct {
	Kind    string  // "lightbits.volume"
	Initial []State // where a row may begin
	Ends    []State // dead ends that are meant to be ones
	Rules   []Rule[B]
	Guards  []Guard
	Delays  map[string]DelayDefault

	Key     func(*B) string                        // the primary key inside a partition
	ID      func(*B) string                        // what people call it by; nil: the key
	Locate  func(tx *store.Tx, id string) []string // the keys that a row with that ID may have; nil: an index is kept
	Name    func(*B) string                        // its name, for listings; may be nil
	Mirror  func(*B, Life)                         // writes into the body what it repeats of its life: state, ETag
	Indexes []store.Index[Row[B]]
	Zero    wire.Zero // how the vendor's wire shows zero values; rows are stored in that form

	table *store.Table[Row[B]]
}

// idIndex is the index that finds a row by its ID where that is not its key.
const idIndex = "id"

// Define completes a machine: it makes the table, named by the kind in lower case.
func Define[B any](m Machine[B]) *Machine[B] {
	indexes := m.Indexes
	if m.ID != nil && m.Locate == nil {
		indexes = append(slices.Clip(indexes), store.Index[Row[B]]{
			Name: idIndex, Unique: true,
			Keys: func(r *Row[B]) []string { return []string{m.ID(&r.Body)} },
		})
	}
	m.table = store.NewTable(strings.ToLower(m.Kind), func(r *Row[B]) string { return m.Key(&r.Body) }, rowCodec[B](m.Zero), indexes...)
	return &m
}

// Life is what a machine keeps about a row beside its body. It never reaches a vendor's wire by itself.
type Life struct {
	State   State
	Version uint64    // counts the row's writes, from 1
	Stamp   uint64    // counts the states entered; a timer that carries another stamp is dropped
	Since   time.Time // when the state was entered
	By      string    // the request or timer that put it there
}

// Row is a life and a body; the body is stored in the form in which the vendor answers it.
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

// rule finds the rule for an event in a state, or nil.
func (m *Machine[B]) rule(in State, on Event) *Rule[B] {
	for i := range m.Rules {
		if m.Rules[i].On == on && slices.Contains(m.Rules[i].From, in) {
			return &m.Rules[i]
		}
	}
	return nil
}

// takes lists the events a row would take in that state, in the order of the rules.
func (m *Machine[B]) takes(in State) []Event {
	var events []Event
	for i := range m.Rules {
		if slices.Contains(m.Rules[i].From, in) && !slices.Contains(events, m.Rules[i].On) {
			events = append(events, m.Rules[i].On)
		}
	}
	return events
}

// Transient says whether rows leave that state by themselves.
func (m *Machine[B]) Transient(in State) bool {
	for i := range m.Rules {
		if m.Rules[i].After != "" && slices.Contains(m.Rules[i].From, in) {
			return true
		}
	}
	return false
}

// StateCause is the state behind a refusal, as explain shows it.
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

// Stands is the cause of a refusal of the operation by the row's state, where no guard of the machine says it.
func (m *Machine[B]) Stands(operation string, row *Row[B]) StateCause {
	c := m.cause(row)
	c.Operation = operation
	return c
}

func (m *Machine[B]) cause(row *Row[B]) StateCause {
	return StateCause{
		Machine: m.Kind, ID: m.id(&row.Body), Name: m.name(&row.Body), State: row.Life.State,
		Since: row.Life.Since, By: row.Life.By, Takes: m.takes(row.Life.State),
	}
}

// Refuse answers the refusal of the guard that forbids the operation in the row's state, or nil.
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

// IllegalError says that a row does not take an event in the state it is in.
type IllegalError struct{ Cause StateCause }

func (e *IllegalError) Error() string {
	words := make([]string, len(e.Cause.Takes))
	for i, ev := range e.Cause.Takes {
		words[i] = string(ev)
	}
	takes := "none"
	if len(words) > 0 {
		takes = strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s %s is %s and does not take %q there; it takes: %s",
		e.Cause.Machine, e.Cause.ID, e.Cause.State, e.Cause.Event, takes)
}
