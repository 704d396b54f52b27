package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) roleOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListRoles", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/roles",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("roles", "list")},
		{Name: "GetRole", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/roles/{name}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("roles", "get")},
	}
}
