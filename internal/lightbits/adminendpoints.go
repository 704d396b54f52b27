package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) adminEndpointOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListAdminEndpoints", Method: http.MethodGet, Path: "/api/v2/adminEndpoints",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("adminEndpoints", "list")},
		{Name: "CreateAdminEndpoint", Method: http.MethodPost, Path: "/api/v2/adminEndpoints",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("adminEndpoints", "create")},
		{Name: "GetAdminEndpoint", Method: http.MethodGet, Path: "/api/v2/adminEndpoints/{port}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("adminEndpoints", "get")},
		{Name: "DeleteAdminEndpoint", Method: http.MethodDelete, Path: "/api/v2/adminEndpoints/{port}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 503}, Needs: can("adminEndpoints", "delete")},
		{Name: "UpdateAdminEndpoint", Method: http.MethodPut, Path: "/api/v2/adminEndpoints/{port}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 503}, Needs: can("adminEndpoints", "update")},
	}
}
