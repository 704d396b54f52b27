package lightbits

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) eventOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListEvents", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/events", Also: []string{"/api/v2/events"},
			Statuses: []int{200, 400, 401, 403, 404, 500, 501}, Needs: can("events", "list"), Endpoint: api.HandleAs[eventList](s.listEvents)},
	}
}

// maxEvents is how many events an answer holds at most, and unless the request says less (assumption 49).
const maxEvents = 1000

// eventList is what listEvents joins from stored bytes.
type eventList struct {
	Events    []*Event `json:"events"`
	NextToken string   `json:"nextToken"`
}

type listEventsRequest struct {
	ProjectName   string   `json:"projectName"`
	NextToken     string   `json:"nextToken"`
	Since         string   `json:"since"`
	Until         string   `json:"until"`
	Limit         int64    `json:"limit"`
	Severity      []string `json:"severity"`
	ComponentType string   `json:"componentType"`
}

// listEvents answers the log, oldest first (seeds/002 "Get all Lightbits events from cluster"). InvalidArgument for
// times, limits, tokens and names that are none, NotFound for an unknown project, Unimplemented for more than one of
// the filters projectName, componentType and severity. nextToken is the ID of the first event of the next page.
func (s *Service) listEvents(tx *store.Tx, r *api.Request, q *listEventsRequest) (api.JSON, error) {
	filter, err := s.eventFilter(tx, r, q)
	if err != nil {
		return nil, err
	}
	after := ""
	if q.NextToken != "" {
		if after, err = eventBefore(tx, q.NextToken); err != nil {
			return nil, err
		}
	}
	answer := []byte(`{`)
	next, n := "", 0
	for key, raw := range eventTable.Scan(tx, "", after) {
		head, body, err := peekEvent(raw)
		if err != nil {
			return nil, err
		}
		if !filter.lets(head) {
			continue
		}
		if n == filter.limit {
			e, err := eventTable.Get(tx, key)
			if err != nil {
				return nil, err
			}
			next = e.Body.ID
			break
		}
		if n++; n == 1 {
			answer = append(answer, `"events":[`...)
		} else {
			answer = append(answer, ',')
		}
		answer = append(answer, body...)
	}
	if n > 0 {
		answer = append(answer, ']')
	}
	if next != "" {
		answer = append(answer, `,"nextToken":"`+next+`"`...)
	}
	return append(answer, '}'), nil
}

// eventFilter is a listEventsRequest that was checked.
type eventFilter struct {
	since, until time.Time // zero: open
	limit        int
	kind         byte // 0: all
	severities   []byte
	project      []byte // nil: all
}

func (f *eventFilter) lets(e eventHead) bool {
	at := time.UnixMilli(e.at)
	return (f.since.IsZero() || !at.Before(f.since)) && (f.until.IsZero() || !at.After(f.until)) &&
		(f.kind == 0 || e.kind == f.kind) && (len(f.severities) == 0 || slices.Contains(f.severities, e.severity)) &&
		(f.project == nil || bytes.Equal(f.project, e.project))
}

func (s *Service) eventFilter(tx *store.Tx, r *api.Request, q *listEventsRequest) (eventFilter, error) {
	var f eventFilter
	var err error
	given := 0
	for _, is := range []bool{q.ProjectName != "", q.ComponentType != "", len(q.Severity) > 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return f, refusal.New(refusal.Unimplemented,
			"unimplemented capability: specify only a single parameter to filter events: componentType, projectName, or severity")
	}
	if q.ProjectName != "" {
		f.project = []byte(q.ProjectName)
	}
	if err := s.inProject(tx, r, q.ProjectName, "events", "list"); err != nil {
		return f, err
	}
	if f.since, err = eventTime("since", q.Since); err != nil {
		return f, err
	}
	if f.until, err = eventTime("until", q.Until); err != nil {
		return f, err
	}
	if q.ComponentType != "" {
		if f.kind, err = eventNumber("componentType", q.ComponentType, eventTypeNames); err != nil {
			return f, err
		}
	}
	for _, name := range q.Severity {
		n, err := eventNumber("severity", name, eventSeverityNames)
		if err != nil {
			return f, err
		}
		f.severities = append(f.severities, n)
	}
	if q.Limit < 0 {
		return f, refusal.New(refusal.InvalidArgument, "limit %d must not be negative", q.Limit)
	}
	f.limit = maxEvents
	if q.Limit > 0 {
		f.limit = int(min(q.Limit, maxEvents))
	}
	return f, nil
}

func eventTime(name, text string) (time.Time, error) {
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

// eventNumber reads the name of an enum; the name of 0 is none that an event could have.
func eventNumber(parameter, name string, numbers map[string]int32) (byte, error) {
	if n := numbers[name]; n > 0 {
		return byte(n), nil
	}
	valid := slices.DeleteFunc(slices.Collect(maps.Keys(numbers)), func(v string) bool { return numbers[v] == 0 })
	slices.SortFunc(valid, func(a, b string) int { return int(numbers[a] - numbers[b]) })
	return 0, refusal.New(refusal.InvalidArgument, "%s %q is not one of %s", parameter, name, strings.Join(valid, ", "))
}

// eventBefore answers the key behind which a page begins whose first event is the one with that ID.
func eventBefore(tx *store.Tx, id string) (string, error) {
	unknown := refusal.New(refusal.InvalidArgument, "nextToken %q is not the ID of an event", id)
	seq, err := eventSeq(id)
	if err != nil || seq == 0 {
		return "", unknown
	}
	e, err := eventTable.Get(tx, eventKey(seq))
	if errors.Is(err, store.ErrNotFound) || err == nil && !strings.EqualFold(e.Body.ID, id) {
		return "", unknown
	}
	return eventKey(seq - 1), err
}
