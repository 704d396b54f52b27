package statemachine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"storagesim/internal/store"
	"storagesim/internal/strict"
	"storagesim/internal/wire"
)

// fileRow is a row in a world file: its life, its pending timers, and the body in the form of the vendor's responses,
// without the members that only repeat the life.
type fileRow struct {
	State   State           `json:"state"`
	Version uint64          `json:"version"`
	Stamp   uint64          `json:"stamp"`
	Since   time.Time       `json:"since,omitzero"`
	By      string          `json:"by,omitempty"`
	Pending []fileTimer     `json:"pending,omitempty"`
	Body    json.RawMessage `json:"body"`
}

// fileTimer is a pending timer of a fileRow.
type fileTimer struct {
	Event Event     `json:"event"`
	Due   time.Time `json:"due,omitzero"`
	Order uint64    `json:"order,omitempty"` // among timers that are due at the same instant; 0: last
	Reads int       `json:"reads,omitempty"`
	Held  bool      `json:"held,omitempty"`
	Seen  int       `json:"seen,omitempty"`
}

// object is a JSON object's members in their order.
type object []objectMember

type objectMember struct {
	name  string
	value json.RawMessage
}

func (o object) value(name string) json.RawMessage {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// readObject returns the members of a JSON object. The text must be valid JSON.
func readObject(text []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("must be an object")
	}
	var o object
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := objectMember{name: name.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		o = append(o, m)
	}
	return o, nil
}

// without returns the object as JSON without the named members.
func (o object) without(names []string) json.RawMessage {
	text := []byte{'{'}
	for _, m := range o {
		if slices.Contains(names, m.name) {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		name, _ := json.Marshal(m.name) // a string always marshals
		text = append(append(append(text, name...), ':'), m.value...)
	}
	return append(text, '}')
}

// encode returns the stored form of a body.
func (m *Machine[B]) encode(b *B) ([]byte, error) { return wire.Append(nil, b, m.Zero) }

// repeated lists the body's members that only repeat the row's life: plain values for which Mirror writes different
// values in different states or versions. sample is the body of any row.
func (m *Machine[B]) repeated(sample []byte) []string {
	if m.Mirror == nil {
		return nil
	}
	var names []string
	var first object
	for i, state := range append(m.states(), m.Initial[0]) {
		var b B
		if wire.Unmarshal(sample, &b) != nil {
			return nil
		}
		m.Mirror(&b, Life{State: state, Version: uint64(i + 1)})
		text, err := m.encode(&b)
		if err != nil {
			continue
		}
		o, err := readObject(text)
		if err != nil {
			return nil
		}
		if first == nil {
			first = o
		}
		for _, member := range append(slices.Clone(o), first...) {
			plain := len(member.value) > 0 && member.value[0] != '{' && member.value[0] != '['
			if plain && !slices.Contains(names, member.name) && !bytes.Equal(o.value(member.name), first.value(member.name)) {
				names = append(names, member.name)
			}
		}
	}
	return names
}

// exportRows calls each with every row of the transaction's partition as a document.
func (m *Machine[B]) exportRows(tx *store.Tx, each func(doc []byte) error) error {
	var names []string
	sampled := false
	for key, raw := range m.table.Scan(tx, "", "") {
		life, body, err := splitLife(raw)
		if err != nil {
			return &store.CorruptError{Table: m.table.Name(), Key: key, Err: err}
		}
		if !sampled {
			names, sampled = m.repeated(body), true
		}
		doc := fileRow{State: life.State, Version: life.Version, Stamp: life.Stamp, Since: life.Since, By: life.By,
			Body: body}
		if short, ok := m.shorten(life, body, names); ok {
			doc.Body = short
		}
		for _, t := range pending(tx, m.Kind, key) {
			if t.Stamp == life.Stamp {
				doc.Pending = append(doc.Pending, fileTimer{Event: t.Event, Due: t.Due, Order: t.Seq, Reads: t.Reads, Held: t.Held,
					Seen: t.Seen})
			}
		}
		text, err := json.Marshal(doc)
		if err != nil {
			return &store.CorruptError{Table: m.table.Name(), Key: key, Err: err}
		}
		if err := each(text); err != nil {
			return err
		}
	}
	return nil
}

// shorten removes from a body the members that repeat its life, if the rest is enough to restore it.
func (m *Machine[B]) shorten(life Life, body []byte, names []string) (json.RawMessage, bool) {
	if len(names) == 0 {
		return nil, false
	}
	o, err := readObject(body)
	if err != nil {
		return nil, false
	}
	short := o.without(names)
	row := Row[B]{Life: life}
	if err := wire.Unmarshal(short, &row.Body); err != nil {
		return nil, false
	}
	m.mirror(&row)
	again, err := m.encode(&row.Body)
	return short, err == nil && bytes.Equal(again, body)
}

// importRow inserts the row of a document and its timers. It returns a *strict.Error for an invalid document.
func (m *Machine[B]) importRow(tx *store.Tx, doc []byte) error {
	in := fileRow{Version: 1, Stamp: 1, Since: tx.Now}
	if err := strict.Decode(doc, &in); err != nil {
		return err
	}
	if !slices.Contains(m.states(), in.State) {
		valid := make([]string, 0, len(m.states()))
		for _, s := range m.states() {
			valid = append(valid, string(s))
		}
		return &strict.Error{Path: "state", Detail: fmt.Sprintf("%q is not a state of %s", in.State, m.Kind), Valid: valid}
	}
	if in.Version == 0 || in.Stamp == 0 {
		return &strict.Error{Path: "version", Detail: "version and stamp must be at least 1"}
	}
	if err := CheckInstant(in.Since); err != nil {
		return &strict.Error{Path: "since", Detail: err.Error()}
	}
	row := Row[B]{Life: Life{State: in.State, Version: in.Version, Stamp: in.Stamp,
		Since: in.Since.UTC().Truncate(time.Millisecond), By: in.By}}
	if err := m.readBody(in.Body, &row); err != nil {
		return strict.Below("body", err)
	}
	if err := m.table.InsertForeign(tx, &row); err != nil {
		return strict.Below("body", err)
	}
	for i := range in.Pending {
		if err := m.importTimer(tx, &row, &in.Pending[i]); err != nil {
			return strict.Below(fmt.Sprintf("pending[%d]", i), err)
		}
	}
	return nil
}

// readBody fills the row's body. It refuses members that contradict the row's life.
func (m *Machine[B]) readBody(text []byte, row *Row[B]) (err error) {
	defer func() {
		if p := recover(); p != nil { // Mirror may rely on members that are missing in a file written by hand
			err = &strict.Error{Detail: fmt.Sprintf("a member is missing that every %s has (%v)", m.Kind, p)}
		}
	}()
	if len(text) == 0 {
		return &strict.Error{Detail: "is missing"}
	}
	if err := strict.Check(text, reflect.TypeFor[B]()); err != nil {
		return err
	}
	var wrong *wire.Error
	if err := wire.Unmarshal(text, &row.Body); errors.As(err, &wrong) {
		return &strict.Error{Path: wrong.Path, Detail: wrong.Problem}
	} else if err != nil {
		return &strict.Error{Detail: err.Error()}
	}
	before, err := m.encode(&row.Body)
	if err != nil {
		return &strict.Error{Detail: err.Error()}
	}
	m.mirror(row)
	after, err := m.encode(&row.Body)
	if err != nil {
		return &strict.Error{Detail: err.Error()}
	}
	if bytes.Equal(before, after) {
		return nil
	}
	members, err := readObject(text)
	if err != nil {
		return &strict.Error{Detail: err.Error()}
	}
	given, _ := readObject(before) // what wire writes is an object
	derived, _ := readObject(after)
	for _, member := range members {
		if !bytes.Equal(given.value(member.name), derived.value(member.name)) {
			return &strict.Error{Path: member.name, Detail: fmt.Sprintf(
				"is %s, but the row's state and version make it %s; leave it out or correct it",
				given.value(member.name), derived.value(member.name))}
		}
	}
	return nil
}

// importTimer schedules a pending timer of a row.
func (m *Machine[B]) importTimer(tx *store.Tx, row *Row[B], in *fileTimer) error {
	var events []string
	for i := range m.Rules {
		if slices.Contains(m.Rules[i].From, row.Life.State) {
			events = append(events, string(m.Rules[i].On))
		}
	}
	waits := 0
	for _, is := range []bool{!in.Due.IsZero(), in.Reads > 0, in.Held} {
		if is {
			waits++
		}
	}
	switch {
	case !slices.Contains(events, string(in.Event)):
		return &strict.Error{Path: "event", Detail: fmt.Sprintf("%q is not an event of %s in the state %s", in.Event,
			m.Kind, row.Life.State), Valid: events}
	case waits != 1 || in.Reads < 0 || in.Reads > maxReads || in.Seen < 0:
		return &strict.Error{Detail: "needs exactly one of due, reads and held; reads is a number from 1",
			Valid: []string{"due", "held", "reads"}}
	}
	if err := checkOptionalInstant("due", in.Due); err != nil {
		return err
	}
	t := Timer{Due: whole(in.Due.UTC()), Partition: tx.Partition(), Kind: m.Kind, Key: m.Key(&row.Body),
		ID:    m.id(&row.Body),
		Event: in.Event, Stamp: row.Life.Stamp, Reads: in.Reads, Held: in.Held, Seen: in.Seen}
	if in.Order == 0 {
		return schedule(tx, t)
	}
	t.Seq = in.Order
	last := sequenceOf(tx)
	if in.Order > last.Next {
		return &strict.Error{Path: "order", Detail: fmt.Sprintf(
			"%d is greater than lastTimer, the number of the last timer, which is %d", in.Order, last.Next)}
	}
	if err := enqueue(tx, last, &t); errors.Is(err, store.ErrExists) {
		return &strict.Error{Path: "order",
			Detail: fmt.Sprintf("%d is used by two timers that are due at the same instant", in.Order)}
	} else if err != nil {
		return err
	}
	return nil
}

// checkOptionalInstant returns a *strict.Error for an instant that no clock can show. The zero time is valid.
func checkOptionalInstant(path string, t time.Time) error {
	if t.IsZero() {
		return nil
	}
	if err := CheckInstant(t); err != nil {
		return &strict.Error{Path: path, Detail: err.Error()}
	}
	return nil
}

// ExportRows calls each with every row of a kind in the transaction's partition, as a JSON document, in the order of
// their keys. A document includes the row's pending timers.
func (e *Engine) ExportRows(tx *store.Tx, kind string, each func(doc []byte) error) error {
	m, err := e.lifecycle(kind)
	if err != nil {
		return err
	}
	return m.exportRows(tx, each)
}

// ImportRow inserts the row of a document that ExportRows wrote. It runs no effects, and schedules no timers but those
// in the document. ImportEngine must be called first. ImportRow returns a *strict.Error for an invalid document, and
// store.ErrExists if the key or the ID is in use.
func (e *Engine) ImportRow(tx *store.Tx, kind string, doc []byte) error {
	m, err := e.lifecycle(kind)
	if err != nil {
		return err
	}
	return m.importRow(tx, doc)
}

// HasRow reports whether a kind has a row with that ID or that key in the transaction's partition.
func (e *Engine) HasRow(tx *store.Tx, kind, id string) bool {
	m := e.kinds[kind]
	return m != nil && m.hasID(tx, id)
}

func (m *Machine[B]) hasID(tx *store.Tx, id string) bool {
	_, err := m.Find(tx, id)
	return err == nil || m.table.Has(tx, id)
}
