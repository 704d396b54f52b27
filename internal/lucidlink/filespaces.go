package lucidlink

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) filespaceOperations() []api.Operation {
	return []api.Operation{
		{Name: "CreateFilespace", Method: http.MethodPost, Path: "/v1/filespaces", Statuses: []int{201}, Needs: token},
	}
}
