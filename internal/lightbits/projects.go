package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) projectOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListProjects", Method: http.MethodGet, Path: "/api/v2/projects",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("projects", "list")},
		{Name: "CreateProject", Method: http.MethodPost, Path: "/api/v2/projects",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("projects", "create")},
		{Name: "GetProject", Method: http.MethodGet, Path: "/api/v2/projects/{name}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("projects", "get")},
		{Name: "DeleteProject", Method: http.MethodDelete, Path: "/api/v2/projects/{name}",
			Statuses: []int{200, 400, 401, 403, 404, 412, 500}, Needs: can("projects", "delete")},
		{Name: "UpdateProject", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("projects", "update")},
	}
}
