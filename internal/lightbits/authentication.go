package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) authenticationOperations() []api.Operation {
	return []api.Operation{
		{Name: "DisableFederatedAuthentication", Method: http.MethodPost, Path: "/api/v2/cluster/federatedAuthentication/disable",
			Statuses: []int{200, 401, 403}, Needs: can("authentications", "disable")},
		{Name: "EnableFederatedAuthentication", Method: http.MethodPost, Path: "/api/v2/cluster/federatedAuthentication/enable",
			Statuses: []int{200, 401, 403}, Needs: can("authentications", "enable")},
		{Name: "DisableClusterInBandAuth", Method: http.MethodPost, Path: "/api/v2/cluster/inBandAuth/disable",
			Statuses: []int{200, 401, 403}, Needs: can("inBandAuths", "disable")},
		{Name: "EnableClusterInBandAuth", Method: http.MethodPost, Path: "/api/v2/cluster/inBandAuth/enable",
			Statuses: []int{200, 401, 403}, Needs: can("inBandAuths", "enable")},
	}
}
