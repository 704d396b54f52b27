package lucidlink

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) domainOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListDomains", Method: http.MethodGet, Path: "/v1/domains", Statuses: []int{200}, Needs: token},
	}
}
