package lucidity

import (
	"net/http"

	"storagesim/internal/api"
)

// bufferOperations: temporary buffers have pages of their own, of which only these rows are known
// (facts/dms-lucidlink-lucidity.md 2.4).
func (s *Service) bufferOperations() []api.Operation {
	const path = "/external/api/v1/autoscaler/instance/buffer"
	statuses := []int{200, 400, 401, 403, 404, 429, 500}
	return []api.Operation{
		{Name: "RequestBuffer", Method: http.MethodPatch, Path: path + "/request", Statuses: statuses, Extra: true, Needs: token},
		{Name: "GetBufferStatus", Method: http.MethodGet, Path: path + "/{bufferId}/status", Statuses: statuses, Extra: true, Needs: token},
		{Name: "RevokeBuffer", Method: http.MethodPost, Path: path + "/{bufferId}/revoke", Statuses: statuses, Extra: true, Needs: token},
	}
}
