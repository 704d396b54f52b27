package dms

import (
	"net/http"

	"storagesim/internal/api"
)

// thickCloneOperations are the only ones that document 429: as many workflows are running as may.
func (s *Service) thickCloneOperations() []api.Operation {
	return []api.Operation{
		{Name: "CreateThickCloneSnapshot", Method: http.MethodPost, Path: "/api/v1/snapshots/thickclone",
			Statuses: []int{200, 400, 401, 429, 500}, Needs: token},
		{Name: "CreateThickCloneVolume", Method: http.MethodPost, Path: "/api/v1/volumes/thickclone",
			Statuses: []int{200, 400, 401, 429, 500}, Needs: token},
	}
}
