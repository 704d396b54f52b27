package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"storagesim/internal/strict"
	"storagesim/internal/wire"
)

// fileEntry is an Entry in a world's file. What filters compare is derived from it.
type fileEntry struct {
	At      time.Time       `json:"at"`
	Project string          `json:"project,omitempty"`
	Event   json.RawMessage `json:"event"`
}

// MarshalJSON returns the entry as a world's file has it.
func (e *Entry) MarshalJSON() ([]byte, error) {
	body, err := wire.Append(nil, &e.Body, wire.OmitZero)
	if err != nil {
		return nil, err
	}
	return json.Marshal(fileEntry{At: e.At, Project: e.Project, Event: body})
}

// UnmarshalJSON reads what MarshalJSON wrote. Its errors are *strict.Error.
func (e *Entry) UnmarshalJSON(text []byte) error {
	var f fileEntry
	if err := strict.Decode(text, &f); err != nil {
		return err
	}
	if f.At.Year() < 1 || f.At.Year() > 9999 {
		return inputError("at", "must be an instant in the years 1 to 9999")
	}
	*e = Entry{At: f.At.UTC(), Project: f.Project}
	if err := strict.Check(f.Event, reflect.TypeOf(&e.Body)); err != nil {
		return strict.Below("event", err)
	}
	var wrong *wire.Error
	if err := wire.Unmarshal(f.Event, &e.Body); errors.As(err, &wrong) {
		return inputError("event."+wrong.Path, "%s", wrong.Problem)
	} else if err != nil {
		return err
	}
	seq, err := sequence(e.Body.ID)
	if err != nil || seq == 0 {
		return inputError("event.ID",
			"%q is not the ID of an event: a UUID whose last six bytes are the number of the event, "+
				"from 1, as in 2f4bc0f7-9a52-4a26-98a9-000000000001", e.Body.ID)
	}
	e.Seq, e.Type, e.Severity = seq, e.Body.Type, e.Body.Severity
	return nil
}

func inputError(path, format string, args ...any) *strict.Error {
	return &strict.Error{Path: path, Detail: fmt.Sprintf(format, args...)}
}
