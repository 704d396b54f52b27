package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
)

func (s *Service) serverOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListServers", Method: http.MethodGet, Path: "/api/v2/servers",
			Statuses: []int{200, 401, 403, 500}, Needs: can("servers", "list")},
		{Name: "CreateServer", Method: http.MethodPost, Path: "/api/v2/servers",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("servers", "create")},
		{Name: "GetServer", Method: http.MethodGet, Path: "/api/v2/servers/{UUID}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("servers", "get")},
		{Name: "DeleteServer", Method: http.MethodDelete, Path: "/api/v2/servers/{UUID}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "delete")},
		{Name: "DisableServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/disable",
			Statuses: []int{200, 400, 401, 403, 404, 409, 500}, Needs: can("servers", "disable")},
		{Name: "EnableServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/enable",
			Statuses: []int{200, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "enable")},
	}
}

// Server is a server as the API answers it.
type Server struct {
	UUID string `json:"UUID"`
}

func (s *Service) serverMachine() *statemachine.Machine[Server] {
	return statemachine.Define(statemachine.Machine[Server]{Kind: "lightbits.server", Key: func(n *Server) string { return n.UUID }})
}
