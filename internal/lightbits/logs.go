package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) logsOperations() []api.Operation {
	return []api.Operation{
		{Name: "FetchLogs", Method: http.MethodGet, Path: "/api/v2/logs",
			Statuses: []int{200, 401, 403, 500}, Needs: can("logs", "get")},
	}
}
