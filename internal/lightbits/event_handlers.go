package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/store"
)

func (s *Service) eventOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListEvents", Method: http.MethodGet,
			Path: "/api/v2/projects/{projectName}/events", Also: []string{"/api/v2/events"},
			Statuses: []int{200, 400, 401, 403, 404, 500, 501}, Needs: can("events", "list"),
			Endpoint: api.HandleAs[eventList](s.listEvents)},
	}
}

// eventList is the response of listEvents.
type eventList struct {
	Events    []*events.Event `json:"events"`
	NextToken string          `json:"nextToken"`
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

// listEvents: seeds/002 "Get all Lightbits events from cluster". The oldest event comes first; nextToken is the ID of
// the first event of the next page.
func (s *Service) listEvents(tx *store.Tx, r *api.Request, q *listEventsRequest) (api.JSON, error) {
	query := events.Query(*q)
	if err := query.CheckFilters(); err != nil {
		return nil, err
	}
	if err := s.inProject(tx, r, q.ProjectName, "events", "list"); err != nil {
		return nil, err
	}
	return events.List(tx, &query)
}

// logEvent records an event, unless the feature flag event-log is off.
func (s *Service) logEvent(tx *store.Tx, name events.Name, about events.Subject) error {
	if !s.flagEnabled(tx, flagEventLog) {
		return nil
	}
	return events.Record(tx, name, about)
}
