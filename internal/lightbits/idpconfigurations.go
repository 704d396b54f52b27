package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) idpConfigurationOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListIdpConfigurations", Method: http.MethodGet, Path: "/api/v2/cluster/IdpConfiguration",
			Statuses: []int{200, 400, 401, 403}, Needs: can("idpConfigurations", "list")},
		{Name: "CreateIdpConfiguration", Method: http.MethodPost, Path: "/api/v2/cluster/IdpConfiguration",
			Statuses: []int{200, 400, 401, 403}, Needs: can("idpConfigurations", "create")},
		{Name: "UpdateIdpConfiguration", Method: http.MethodPut, Path: "/api/v2/cluster/IdpConfiguration",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpConfigurations", "update")},
		{Name: "GetIdpConfiguration", Method: http.MethodGet, Path: "/api/v2/cluster/IdpConfiguration/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpConfigurations", "get")},
		{Name: "DeleteIdpConfiguration", Method: http.MethodDelete, Path: "/api/v2/cluster/IdpConfiguration/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpConfigurations", "delete")},
	}
}
