package dms

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) serviceCredentialOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetServiceCredentials", Method: http.MethodGet, Path: "/api/v1/service-credentials", Statuses: []int{200, 401}, Needs: token},
	}
}
