package dms

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) clusterOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListClusters", Method: http.MethodGet, Path: "/api/v1/clusters", Statuses: []int{200, 401}, Needs: token},
		{Name: "AttachCluster", Method: http.MethodPost, Path: "/api/v1/clusters", Statuses: []int{200, 400, 401, 500}, Needs: token},
		{Name: "RefreshClusters", Method: http.MethodPost, Path: "/api/v1/clusters/refresh", Statuses: []int{200, 401, 500}, Needs: token},
		{Name: "DetachCluster", Method: http.MethodDelete, Path: "/api/v1/clusters/{cid}", Statuses: []int{200, 400, 401, 500}, Needs: token},
	}
}
