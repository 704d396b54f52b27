package lucidity

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) partitionOperations() []api.Operation {
	return []api.Operation{
		{Name: "CreatePartition", Method: http.MethodPost, Path: "/external/client/api/v1/partition/create",
			Statuses: []int{202, 400, 401, 403, 412, 500, 503}, Needs: token},
	}
}
