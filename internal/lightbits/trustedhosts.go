package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) trustedHostOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListTrustedHosts", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/trustedHosts", Also: []string{"/api/v2/hosts"},
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("trustedHosts", "list")},
		{Name: "GetTrustedHostSecret", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/trustedHostSecrets/{name}",
			Statuses: []int{200, 400, 401, 404}, Needs: can("trustedHosts", "get")},
		{Name: "SetTrustedHostSecret", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/trustedHostSecrets/{name}",
			Statuses: []int{200, 400, 401, 404}, Needs: can("trustedHosts", "update")},
		{Name: "CreateTrustedHost", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/trustedHosts",
			Statuses: []int{200, 400, 401, 403, 409}, Needs: can("trustedHosts", "create")},
		{Name: "GetTrustedHost", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/trustedHosts/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("trustedHosts", "get")},
		{Name: "DeleteTrustedHost", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/trustedHosts/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("trustedHosts", "delete")},
		{Name: "UpdateTrustedHost", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/trustedHosts/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("trustedHosts", "update")},
	}
}
