package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) eventOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListEvents", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/events", Also: []string{"/api/v2/events"},
			Statuses: []int{200, 400, 401, 403, 404, 500, 501}, Needs: can("events", "list")},
	}
}
