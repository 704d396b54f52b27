package dms

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) workflowOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListWorkflows", Method: http.MethodGet, Path: "/api/v1/workflows", Statuses: []int{200, 400, 401, 500}, Needs: token},
		{Name: "GetWorkflow", Method: http.MethodGet, Path: "/api/v1/workflows/{workflowId}", Statuses: []int{200, 400, 401, 500}, Needs: token},
		{Name: "CancelWorkflow", Method: http.MethodPost, Path: "/api/v1/workflows/{workflowId}/cancel",
			Statuses: []int{200, 400, 401, 500}, Needs: token},
	}
}
