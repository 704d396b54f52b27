package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
)

func (c *call) describe() string { return c.method + " " + c.path }

// waits describes what the step waits for.
func (s *Step) waits() string {
	var list []string
	if s.After != nil {
		list = append(list, "the end of "+strings.Join(s.After, ", "))
	}
	if s.At != nil {
		list = append(list, fmt.Sprintf("%s after the start", *s.At))
	}
	if s.When != nil {
		list = append(list, s.When.describe())
	}
	return strings.Join(list, " and ")
}

func (w *When) describe() string {
	times := fmt.Sprintf("%d times", w.Times)
	if w.Times == 1 {
		times = "once"
	}
	switch {
	case w.Resource != nil:
		return w.Resource.Kind + " " + w.Resource.ID + " to be " + w.Resource.State
	case len(w.Status) > 0:
		return fmt.Sprintf("%s to return %s %s", w.Operation, strings.Join(w.Status, " or "), times)
	}
	return fmt.Sprintf("%s to be called %s", w.Operation, times)
}

func (e *Expectation) describe() string {
	if e.Resource != nil {
		return e.Resource.Kind + " " + e.Resource.ID + " is " + e.Resource.State
	}
	return "verify " + jsonText(e.Verify)
}

func describeStatuses(list []string) string {
	if len(list) == 0 {
		return "success"
	}
	return strings.Join(list, " or ")
}

// jsonText is a value that was decoded from JSON, as JSON.
func jsonText(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
