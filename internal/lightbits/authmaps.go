package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) authMapOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListAuthMapEntries", Method: http.MethodGet, Path: "/api/v2/cluster/authMaps",
			Statuses: []int{200, 400, 401, 403}, Needs: can("authMapEntrys", "list")},
		{Name: "CreateAuthMapEntry", Method: http.MethodPost, Path: "/api/v2/cluster/authMaps",
			Statuses: []int{200, 400, 401, 403}, Needs: can("authMapEntrys", "create")},
		{Name: "GetAuthMapEntry", Method: http.MethodGet, Path: "/api/v2/cluster/authMaps/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("authMapEntrys", "get")},
		{Name: "DeleteAuthMapEntry", Method: http.MethodDelete, Path: "/api/v2/cluster/authMaps/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("authMapEntrys", "delete")},
		{Name: "UpdateAuthMapEntry", Method: http.MethodPut, Path: "/api/v2/cluster/authMaps/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("authMapEntrys", "update")},
	}
}
