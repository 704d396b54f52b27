package dms

import (
	"net/http"

	"storagesim/internal/api"
)

// loginOperations: the login is at the root and takes HTTP Basic, not a token.
func (s *Service) loginOperations() []api.Operation {
	return []api.Operation{
		{Name: "Login", Method: http.MethodPost, Path: "/login", Statuses: []int{200, 401, 500}},
	}
}
