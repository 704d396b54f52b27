package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) encryptionOperations() []api.Operation {
	return []api.Operation{
		{Name: "RotateClusterRootKey", Method: http.MethodPost, Path: "/api/v2/cluster/clusterRootKey/rotate",
			Statuses: []int{200, 401, 403, 404, 409, 412, 500, 501}, Needs: can("encryptions", "manage")},
		{Name: "GetClusterRootKey", Method: http.MethodGet, Path: "/api/v2/cluster/clusterRootkey",
			Statuses: []int{200, 401, 501}, Needs: can("encryptions", "get")},
		{Name: "EnableClusterEncryption", Method: http.MethodPost, Path: "/api/v2/cluster/encryption/enable",
			Statuses: []int{200, 400, 401, 403, 409, 412, 500, 501}, Needs: can("encryptions", "enable")},
	}
}
