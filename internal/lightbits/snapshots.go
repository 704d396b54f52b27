package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
)

func (s *Service) snapshotOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListSnapshots", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/snapshots",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("snapshots", "list")},
		{Name: "CreateSnapshot", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/snapshots",
			Statuses: []int{200, 400, 401, 403, 404, 409, 500, 501}, Needs: can("snapshots", "create")},
		{Name: "ListChangedBlocks", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/snapshots/diff/{snapshotUUID}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("snapshots", "get")},
		{Name: "GetSnapshot", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/snapshots/{UUID}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("snapshots", "get")},
		{Name: "DeleteSnapshot", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/snapshots/{UUID}",
			Statuses: []int{200, 400, 404, 409, 412, 500, 503}, Needs: can("snapshots", "delete")},
	}
}

// Snapshot is a snapshot as the API answers it.
type Snapshot struct {
	UUID string `json:"UUID"`
}

func (s *Service) snapshotMachine() *statemachine.Machine[Snapshot] {
	return statemachine.Define(statemachine.Machine[Snapshot]{Kind: "lightbits.snapshot", Key: func(n *Snapshot) string { return n.UUID }})
}
