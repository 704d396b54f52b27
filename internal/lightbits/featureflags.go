package lightbits

import (
	"net/http"

	"storagesim/internal/api"
)

func (s *Service) featureFlagOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListFeatureFlags", Method: http.MethodGet, Path: "/api/v2/featureFlags",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("featureFlags", "list")},
		{Name: "GetFeatureFlag", Method: http.MethodGet, Path: "/api/v2/featureFlags/{name}",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("featureFlags", "get")},
		{Name: "DisableFeatureFlag", Method: http.MethodPost, Path: "/api/v2/featureFlags/{name}/disable",
			Statuses: []int{200, 400, 401, 403, 500, 501}, Needs: can("featureFlags", "disable")},
		{Name: "EnableFeatureFlag", Method: http.MethodPost, Path: "/api/v2/featureFlags/{name}/enable",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("featureFlags", "enable")},
	}
}
