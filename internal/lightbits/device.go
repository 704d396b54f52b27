package lightbits

import (
	"net/http"
	"time"

	"storagesim/internal/api"
)

func (s *Service) nvmeDeviceOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListNvmeDevices", Method: http.MethodGet, Path: "/api/v2/nvmeDevices",
			Statuses: []int{200, 401, 403, 500}, Needs: can("nvmeDevices", "list"),
			Endpoint: api.Handle(s.listNvmeDevices)},
		{Name: "AddNvmeDevice", Method: http.MethodPost, Path: "/api/v2/nvmeDevices",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("nvmeDevices", "add"),
			Endpoint: api.Handle(s.addNvmeDevice)},
		{Name: "GetNvmeDevice", Method: http.MethodGet, Path: "/api/v2/nvmeDevices/{Serial}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("nvmeDevices", "get"),
			Endpoint: api.Handle(s.getNvmeDevice)},
		{Name: "UpdateNvmeDevice", Method: http.MethodPost, Path: "/api/v2/nvmeDevices/{serialNumber}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("nvmeDevices", "update"),
			Endpoint: api.Handle(s.updateNvmeDevice)},
	}
}

// NvmeDevice is a device as the API returns it (spec message UserNvmeDevicesResponse).
type NvmeDevice struct {
	Size                  uint64                `json:"size"` // bytes
	NumaNodeID            uint64                `json:"numaNodeID"`
	Model                 string                `json:"model"`
	Serial                string                `json:"serial"`
	ServerUUID            string                `json:"serverUUID"`
	State                 NvmeDeviceState       `json:"state"`
	FailureTime           time.Time             `json:"failureTime"`
	RebuildCompletionTime time.Time             `json:"rebuildCompletionTime"`
	Name                  string                `json:"name"`
	NodeUUID              string                `json:"nodeUUID"` // "" while no node manages it
	ETag                  string                `json:"ETag"`
	Statistics            *NvmeDeviceStatistics `json:"statistics"`
	DeviceUsage           DeviceUsage           `json:"deviceUsage"`
}

// NvmeDeviceStatistics counts the data integrity errors of a device.
type NvmeDeviceStatistics struct {
	UnrecoverableDataIntegrityErrors uint32 `json:"UnrecoverableDataIntegrityErrors"`
	RecoverableDataIntegrityErrors   uint32 `json:"RecoverableDataIntegrityErrors"`
}

// NvmeDeviceState is what a device is doing.
type NvmeDeviceState string

// The states of a device (facts/lightbits.md 4.8). None is the state of a device that no node manages.
const (
	DeviceNone       NvmeDeviceState = "None"
	DeviceHealthy    NvmeDeviceState = "Healthy"
	DeviceAdding     NvmeDeviceState = "Adding"
	DeviceRebuilding NvmeDeviceState = "Rebuilding"
	DeviceFailed     NvmeDeviceState = "Failed"
)

var nvmeDeviceStateNames = map[string]int32{"None": 0, "Healthy": 1, "Adding": 2, "Rebuilding": 3, "Failed": 4}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (NvmeDeviceState) EnumNumbers() map[string]int32 { return nvmeDeviceStateNames }

// DeviceUsage is what a device is used for.
type DeviceUsage string

// The usages.
const (
	UsageData      DeviceUsage = "Data"
	UsageJournal   DeviceUsage = "Journal"
	UsageOS        DeviceUsage = "OS"
	UsageUnManaged DeviceUsage = "UnManaged"
)

var deviceUsageNames = map[string]int32{"Unknown": 0, "Data": 1, "Journal": 2, "OS": 3, "UnManaged": 4}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (DeviceUsage) EnumNumbers() map[string]int32 { return deviceUsageNames }

// Indexes of devices.
const (
	devicesByNode   = "node"
	devicesByServer = "server"
)

func someKey(key string) []string {
	if key == "" {
		return nil
	}
	return []string{key}
}
