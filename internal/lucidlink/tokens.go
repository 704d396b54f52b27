package lucidlink

import (
	"net/http"

	"storagesim/internal/api"
)

// createAccessToken is the operation that speaks OAuth 2, not the API's own words.
const createAccessToken = "CreateAccessToken"

func (s *Service) tokenOperations() []api.Operation {
	return []api.Operation{
		{Name: createAccessToken, Method: http.MethodPost, Path: "/oauth2/token", Statuses: []int{200}},
	}
}
