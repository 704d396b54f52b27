package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
)

func (s *Service) nodeOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListNodes", Method: http.MethodGet, Path: "/api/v2/nodes",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("nodes", "list")},
		{Name: "ReplaceNode", Method: http.MethodPost, Path: "/api/v2/nodes/{SrcNodeUUID}/replace",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 429, 500}, Needs: can("nodes", "replace")},
		{Name: "GetNode", Method: http.MethodGet, Path: "/api/v2/nodes/{UUID}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("nodes", "get")},
		{Name: "StartNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/start",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "start")},
		{Name: "StopNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/stop",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "stop")},
		{Name: "RestartNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/restart",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "restart")},
	}
}

// Node is a node as the API answers it.
type Node struct {
	UUID string `json:"UUID"`
}

func (s *Service) nodeMachine() *statemachine.Machine[Node] {
	return statemachine.Define(statemachine.Machine[Node]{Kind: "lightbits.node", Key: func(n *Node) string { return n.UUID }})
}
