package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
)

func (s *Service) volumeOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListVolumes", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/volumes", Also: []string{"/api/v2/volumes"},
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("volumes", "list")},
		{Name: "CreateVolume", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/volumes", Also: []string{"/api/v2/volumes"},
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("volumes", "create")},
		{Name: "GetVolume", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/volumes/{UUID}", Also: []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("volumes", "get")},
		{Name: "DeleteVolume", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/volumes/{UUID}", Also: []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 503}, Needs: can("volumes", "delete")},
		{Name: "UpdateVolume", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/volumes/{UUID}", Also: []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 501, 503}, Needs: can("volumes", "update")},
		{Name: "RollbackVolume", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/volumes/{UUID}/rollback",
			Statuses: []int{200, 400, 401, 403, 404, 500, 503}, Needs: can("volumes", "rollback")},
	}
}

// Volume is a volume as the API answers it.
type Volume struct {
	UUID string `json:"UUID"`
}

func (s *Service) volumeMachine() *statemachine.Machine[Volume] {
	return statemachine.Define(statemachine.Machine[Volume]{Kind: "lightbits.volume", Key: func(n *Volume) string { return n.UUID }})
}
