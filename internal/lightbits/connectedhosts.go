package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) connectedHostOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListHosts", Method: http.MethodGet, Path: "/api/v2/connectedHosts",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("hosts", "list")},
		{Name: "GetHost", Method: http.MethodGet, Path: "/api/v2/connectedHosts/{hostNQN}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("hosts", "get")},
	}
}
