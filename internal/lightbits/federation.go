package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) federationOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetCFServiceCredentials", Method: http.MethodGet, Path: "/api/v2/cf-service-credentials",
			Statuses: []int{200, 401}, Needs: can("cfServiceCredentials", "get")},
		{Name: "ListClusters", Method: http.MethodGet, Path: "/api/v2/clusters",
			Statuses: []int{200, 401}, Needs: can("cfClusters", "list")},
		{Name: "AttachCluster", Method: http.MethodPost, Path: "/api/v2/clusters",
			Statuses: []int{200, 400, 401, 500}, Needs: can("cfClusters", "create")},
		{Name: "DetachCluster", Method: http.MethodDelete, Path: "/api/v2/clusters/{cid}",
			Statuses: []int{200, 400, 401, 500}, Needs: can("cfClusters", "delete")},
		{Name: "ListWorkflows", Method: http.MethodGet, Path: "/api/v2/workflows",
			Statuses: []int{200, 400, 401, 500}, Needs: can("workflows", "list")},
		{Name: "GetWorkflow", Method: http.MethodGet, Path: "/api/v2/workflows/{workflowId}",
			Statuses: []int{200, 400, 401, 500}, Needs: can("workflows", "get")},
		{Name: "CFLogin", Method: http.MethodPost, Path: "/cflogin", Also: []string{"/api/v2/cflogin"},
			Statuses: []int{200, 401, 500}},
	}
}
