package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) idpClientConfOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListIdpClientConfs", Method: http.MethodGet, Path: "/api/v2/cluster/idpClientConfs",
			Statuses: []int{200, 400, 401, 403}, Needs: can("idpClientConfs", "list")},
		{Name: "CreateIdpClientConf", Method: http.MethodPost, Path: "/api/v2/cluster/idpClientConfs",
			Statuses: []int{200, 400, 401, 403}, Needs: can("idpClientConfs", "create")},
		{Name: "GetIdpClientConf", Method: http.MethodGet, Path: "/api/v2/cluster/idpClientConfs/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpClientConfs", "get")},
		{Name: "DeleteIdpClientConf", Method: http.MethodDelete, Path: "/api/v2/cluster/idpClientConfs/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpClientConfs", "delete")},
		{Name: "UpdateIdpClientConf", Method: http.MethodPut, Path: "/api/v2/cluster/idpClientConfs/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpClientConfs", "update")},
	}
}
