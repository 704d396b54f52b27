package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) clusterOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetCluster", Method: http.MethodGet, Path: "/api/v2/cluster",
			Statuses: []int{200, 401, 403, 500}, Needs: can("clusters", "get")},
		{Name: "GetClusterInfo", Method: http.MethodGet, Path: "/api/v2/clusterinfo",
			Statuses: []int{200, 401, 403, 500}, Needs: can("clusterInfos", "get")},
		{Name: "GetVersion", Method: http.MethodGet, Path: "/api/v2/version",
			Statuses: []int{200}, Needs: can("versions", "get")},
	}
}
