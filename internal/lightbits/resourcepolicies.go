package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) resourcePolicyOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListResourcePolicies", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/resourcePolicies",
			Statuses: []int{200, 400, 404, 500}, Needs: can("resourcePolicys", "list")},
		{Name: "CreateResourcePolicy", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/resourcePolicies",
			Statuses: []int{200, 400, 404, 409, 500}, Needs: can("resourcePolicys", "create")},
		{Name: "GetResourcePolicy", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/resourcePolicies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("resourcePolicys", "get")},
		{Name: "DeleteResourcePolicy", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/resourcePolicies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("resourcePolicys", "delete")},
		{Name: "UpdateResourcePolicy", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/resourcePolicies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("resourcePolicys", "update")},
	}
}
