package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
)

func (s *Service) nvmeDeviceOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListNvmeDevices", Method: http.MethodGet, Path: "/api/v2/nvmeDevices",
			Statuses: []int{200, 401, 403, 500}, Needs: can("nvmeDevices", "list")},
		{Name: "AddNvmeDevice", Method: http.MethodPost, Path: "/api/v2/nvmeDevices",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("nvmeDevices", "add")},
		{Name: "GetNvmeDevice", Method: http.MethodGet, Path: "/api/v2/nvmeDevices/{Serial}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("nvmeDevices", "get")},
		{Name: "UpdateNvmeDevice", Method: http.MethodPost, Path: "/api/v2/nvmeDevices/{serialNumber}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("nvmeDevices", "update")},
	}
}

// NvmeDevice is a device as the API answers it.
type NvmeDevice struct {
	Serial string `json:"serial"`
}

func (s *Service) nvmeDeviceMachine() *statemachine.Machine[NvmeDevice] {
	return statemachine.Define(statemachine.Machine[NvmeDevice]{Kind: "lightbits.nvmeDevice", Key: func(n *NvmeDevice) string { return n.Serial }})
}
