package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) upgradeOperations() []api.Operation {
	return []api.Operation{
		{Name: "UpgradeCluster", Method: http.MethodPost, Path: "/api/v2/cluster/upgrade",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("clusters", "upgrade")},
		{Name: "UpgradeServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/upgrade",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "upgrade")},
	}
}
