package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) credentialOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListCredentials", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/credentials",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("credentials", "list")},
		{Name: "CreateCredential", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/credentials",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("credentials", "create")},
		{Name: "GetCredential", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/credentials/{ID}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("credentials", "get")},
		{Name: "DeleteCredential", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/credentials/{ID}",
			Statuses: []int{200, 400, 401, 403, 404, 412, 500}, Needs: can("credentials", "delete")},
	}
}
