package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
)

// waits says what the step waits for.
func (s *Step) waits() string {
	var list []string
	if s.After != nil {
		list = append(list, "the end of "+strings.Join(s.After, ", "))
	}
	if s.At != nil {
		list = append(list, fmt.Sprintf("%s from the start", *s.At))
	}
	if s.When != nil {
		list = append(list, s.When.words())
	}
	return strings.Join(list, " and ")
}

func (w *When) words() string {
	switch {
	case w.Operation == "":
		return w.Kind + " " + w.ID + " to be " + w.State
	case len(w.Status) > 0:
		return fmt.Sprintf("%s to be answered %s %d times", w.Operation, strings.Join(w.Status, " or "), w.Times)
	}
	return fmt.Sprintf("%s to be seen %d times", w.Operation, w.Times)
}

func (e *Expectation) words() string {
	if e.Verify == nil {
		return e.Kind + " " + e.ID + " is " + e.State
	}
	text, _ := json.Marshal(e.Verify) // it was JSON before
	return "verify " + string(text)
}

func (s Statuses) words() string {
	if len(s) == 0 {
		return "success"
	}
	return strings.Join(s, " or ")
}
