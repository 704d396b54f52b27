package events

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// maxPage is the greatest number of events in a page, and the default (assumption 49).
const maxPage = 1000

// Query selects events; empty members select all.
type Query struct {
	ProjectName   string
	NextToken     string // the ID of the first event of the page
	Since         string // in UTC, inclusive, as is Until
	Until         string
	Limit         int64
	Severity      []string
	ComponentType string
}

// CheckFilters returns Unimplemented for more than one of the filters projectName, componentType and severity.
func (q *Query) CheckFilters() error {
	given := 0
	for _, is := range []bool{q.ProjectName != "", q.ComponentType != "", len(q.Severity) > 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return refusal.New(refusal.Unimplemented,
			"unimplemented capability: specify only a single parameter to filter events: "+
				"componentType, projectName, or severity")
	}
	return nil
}

// List returns a page of the log, oldest event first, as the JSON object {"events","nextToken"}. It returns
// InvalidArgument for an invalid time, limit, token or name.
func List(tx *store.Tx, q *Query) ([]byte, error) {
	f, err := q.filter()
	if err != nil {
		return nil, err
	}
	after := ""
	if q.NextToken != "" {
		if after, err = keyBefore(tx, q.NextToken); err != nil {
			return nil, err
		}
	}
	list := []byte(`{`)
	next, n := "", 0
	for key, raw := range Log.Scan(tx, "", after) {
		head, body, err := Peek(raw)
		if err != nil {
			return nil, err
		}
		if !f.matches(head) {
			continue
		}
		if n == f.limit {
			e, err := Log.Get(tx, key)
			if err != nil {
				return nil, err
			}
			next = e.Body.ID
			break
		}
		if n++; n == 1 {
			list = append(list, `"events":[`...)
		} else {
			list = append(list, ',')
		}
		list = append(list, body...)
	}
	if n > 0 {
		list = append(list, ']')
	}
	if next != "" {
		list = append(list, `,"nextToken":"`+next+`"`...)
	}
	return append(list, '}'), nil
}

// filter is a parsed Query.
type filter struct {
	since, until time.Time // zero: unbounded
	limit        int
	kind         byte // 0: all
	severities   []byte
	project      []byte // nil: all
}

func (f *filter) matches(e Head) bool {
	return (f.since.IsZero() || !e.At.Before(f.since)) && (f.until.IsZero() || !e.At.After(f.until)) &&
		(f.kind == 0 || e.kind == f.kind) && (len(f.severities) == 0 || slices.Contains(f.severities, e.severity)) &&
		(f.project == nil || bytes.Equal(f.project, e.project))
}

func (q *Query) filter() (f filter, err error) {
	if q.ProjectName != "" {
		f.project = []byte(q.ProjectName)
	}
	if f.since, err = parseTime("since", q.Since); err != nil {
		return f, err
	}
	if f.until, err = parseTime("until", q.Until); err != nil {
		return f, err
	}
	if q.ComponentType != "" {
		if f.kind, err = enumNumber("componentType", q.ComponentType, typeNumbers); err != nil {
			return f, err
		}
	}
	for _, name := range q.Severity {
		n, err := enumNumber("severity", name, severityNumbers)
		if err != nil {
			return f, err
		}
		f.severities = append(f.severities, n)
	}
	if q.Limit < 0 {
		return f, refusal.New(refusal.InvalidArgument, "limit %d must not be negative", q.Limit)
	}
	f.limit = maxPage
	if q.Limit > 0 {
		f.limit = int(min(q.Limit, maxPage))
	}
	return f, nil
}

func parseTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !strings.HasSuffix(text, "Z") {
		return at, refusal.New(refusal.InvalidArgument,
			"%s %q is not a UTC time in ISO-8601, as in 2000-01-01T12:00:00.000Z", name, text)
	}
	return at, nil
}

// enumNumber returns the number of an enum's name. No event has the name of number 0, so that it is refused.
func enumNumber(parameter, name string, numbers map[string]int32) (byte, error) {
	if n := numbers[name]; n > 0 {
		return byte(n), nil
	}
	valid := slices.DeleteFunc(slices.Collect(maps.Keys(numbers)), func(v string) bool { return numbers[v] == 0 })
	slices.SortFunc(valid, func(a, b string) int { return int(numbers[a] - numbers[b]) })
	return 0, refusal.New(refusal.InvalidArgument, "%s %q is not one of %s", parameter, name, strings.Join(valid, ", "))
}

// keyBefore returns the key after which the page starts whose first event has that ID. If the log has dropped the event
// meanwhile, the page starts with the oldest one that it still has.
func keyBefore(tx *store.Tx, id string) (string, error) {
	unknown := refusal.New(refusal.InvalidArgument, "nextToken %q is not the ID of an event", id)
	seq, err := sequence(id)
	if err != nil || seq == 0 {
		return "", unknown
	}
	for oldest := range Log.Scan(tx, "", "") {
		if key(seq) < oldest {
			return "", nil
		}
		break
	}
	e, err := Log.Get(tx, key(seq))
	if errors.Is(err, store.ErrNotFound) || err == nil && !strings.EqualFold(e.Body.ID, id) {
		return "", unknown
	}
	return key(seq - 1), err
}
