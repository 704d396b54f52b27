package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) clusterConfigOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListClusterConfigParams", Method: http.MethodGet, Path: "/api/v2/clusterConfig",
			Statuses: []int{200, 400, 500}, Needs: can("clusterConfigs", "list")},
		{Name: "UpdateClusterConfigParam", Method: http.MethodPut, Path: "/api/v2/clusterConfig/{configParam.name}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("clusterConfigs", "update")},
		{Name: "GetClusterConfigParam", Method: http.MethodGet, Path: "/api/v2/clusterConfig/{name}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("clusterConfigs", "get")},
	}
}
