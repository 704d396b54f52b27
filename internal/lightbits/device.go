package lightbits

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) nvmeDeviceOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListNvmeDevices", Method: http.MethodGet, Path: "/api/v2/nvmeDevices",
			Statuses: []int{200, 401, 403, 500}, Needs: can("nvmeDevices", "list"), Endpoint: api.Handle(s.listNvmeDevices)},
		{Name: "AddNvmeDevice", Method: http.MethodPost, Path: "/api/v2/nvmeDevices",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("nvmeDevices", "add"), Endpoint: api.Handle(s.addNvmeDevice)},
		{Name: "GetNvmeDevice", Method: http.MethodGet, Path: "/api/v2/nvmeDevices/{Serial}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("nvmeDevices", "get"), Endpoint: api.Handle(s.getNvmeDevice)},
		{Name: "UpdateNvmeDevice", Method: http.MethodPost, Path: "/api/v2/nvmeDevices/{serialNumber}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("nvmeDevices", "update"), Endpoint: api.Handle(s.updateNvmeDevice)},
	}
}

// NvmeDevice is a device as the API answers it (spec message UserNvmeDevicesResponse).
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
	NodeUUID              string                `json:"nodeUUID"` // "" while nobody manages it
	ETag                  string                `json:"ETag"`
	Statistics            *NvmeDeviceStatistics `json:"statistics"`
	DeviceUsage           DeviceUsage           `json:"deviceUsage"`
}

// NvmeDeviceStatistics counts errors in the data of a device.
type NvmeDeviceStatistics struct {
	UnrecoverableDataIntegrityErrors uint32 `json:"UnrecoverableDataIntegrityErrors"`
	RecoverableDataIntegrityErrors   uint32 `json:"RecoverableDataIntegrityErrors"`
}

// NvmeDeviceState is what a device is doing.
type NvmeDeviceState string

// The states of a device (facts/lightbits.md 4.8); None is that of one that no node manages.
const (
	DeviceNone       NvmeDeviceState = "None"
	DeviceHealthy    NvmeDeviceState = "Healthy"
	DeviceAdding     NvmeDeviceState = "Adding"
	DeviceRebuilding NvmeDeviceState = "Rebuilding"
	DeviceFailed     NvmeDeviceState = "Failed"
)

var nvmeDeviceStateNames = map[string]int32{"None": 0, "Healthy": 1, "Adding": 2, "Rebuilding": 3, "Failed": 4}

// EnumNumbers is as in the vendor's definition.
func (NvmeDeviceState) EnumNumbers() map[string]int32 { return nvmeDeviceStateNames }

// DeviceUsage is what a device is there for.
type DeviceUsage string

// The usages.
const (
	UsageData      DeviceUsage = "Data"
	UsageJournal   DeviceUsage = "Journal"
	UsageOS        DeviceUsage = "OS"
	UsageUnManaged DeviceUsage = "UnManaged"
)

var deviceUsageNames = map[string]int32{"Unknown": 0, "Data": 1, "Journal": 2, "OS": 3, "UnManaged": 4}

// EnumNumbers is as in the vendor's definition.
func (DeviceUsage) EnumNumbers() map[string]int32 { return deviceUsageNames }

// Indexes of devices.
const (
	devicesByNode   = "node"
	devicesByServer = "server"
)

// nvmeDeviceMachine is the life of a device (facts/lightbits.md 4.8).
func (s *Service) nvmeDeviceMachine() *statemachine.Machine[NvmeDevice] {
	type row = statemachine.Row[NvmeDevice]
	const (
		none, healthy, adding = statemachine.State(DeviceNone), statemachine.State(DeviceHealthy), statemachine.State(DeviceAdding)
		rebuilding, failed    = statemachine.State(DeviceRebuilding), statemachine.State(DeviceFailed)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[NvmeDevice]{
		Kind: "lightbits.nvmeDevice", Initial: in(none, healthy), Zero: zero,
		Key: func(d *NvmeDevice) string { return d.Serial }, Name: func(d *NvmeDevice) string { return d.Name },
		Mirror: func(d *NvmeDevice, l statemachine.Life) {
			d.State, d.ETag = NvmeDeviceState(l.State), strconv.FormatUint(l.Version, 10)
		},
		Guards: []statemachine.Guard{
			{Operation: "AddNvmeDevice", In: in(adding, rebuilding), Kind: refusal.Aborted, Message: msgDeviceBusy},
			{Operation: "AddNvmeDevice", In: in(failed), Kind: refusal.InvalidArgument, Message: "NVMe device {id} is {state} and cannot be added to a node"},
			{Operation: "UpdateNvmeDevice", In: in(adding), Kind: refusal.Aborted, Message: msgDeviceBusy},
		},
		Indexes: []store.Index[row]{
			{Name: devicesByNode, Keys: func(r *row) []string { return someKey(r.Body.NodeUUID) }},
			{Name: devicesByServer, Keys: func(r *row) []string { return someKey(r.Body.ServerUUID) }},
		},
		Rules: []statemachine.Rule[NvmeDevice]{
			{From: in(none), On: "add", To: adding, Do: s.deviceAdding},
			{From: in(adding), On: "added", To: healthy, After: "add", Do: s.deviceAdded},
			{From: in(healthy), On: "rebuild", To: rebuilding},
			{From: in(rebuilding), On: "halt", To: healthy},
			{From: in(rebuilding), On: "rebuilt", To: healthy, After: "rebuild", Do: s.deviceRebuilt},
			{From: in(healthy, rebuilding), On: "fail", To: failed, Do: s.deviceFails},
			{From: in(adding), On: "fail", To: failed, Do: s.deviceNotAdded},
			{From: in(failed), On: "release", To: none, Do: s.deviceReleased},
		},
		Delays: map[string]statemachine.DelayDefault{
			"add": {Fast: "300ms", Realistic: "30s"}, "rebuild": {Fast: "500ms", Realistic: "10m"},
		},
	})
}

const msgDeviceBusy = "there is a user operation in progress on NVMe device {id}: it is {state}"

func someKey(key string) []string {
	if key == "" {
		return nil
	}
	return []string{key}
}

type listNvmeDevicesRequest struct {
	NodeUUID     string        `json:"nodeUUID"`
	ServerUUID   string        `json:"serverUUID"`
	DeviceUsages []DeviceUsage `json:"deviceUsages"`
}

type listNvmeDevicesAnswer struct {
	NvmeDevices []*NvmeDevice `json:"NvmeDevices"`
}

// listNvmeDevices answers, by serial, the devices that all given filters let through (seeds/002 "Retrieve a list of NVMe
// devices"); nobody's UUID answers an empty list, since no 404 is documented.
func (s *Service) listNvmeDevices(tx *store.Tx, _ *api.Request, q *listNvmeDevicesRequest) (listNvmeDevicesAnswer, error) {
	var answer listNvmeDevicesAnswer
	table := s.nvmeDevices.Table()
	rows := table.All(tx, "", "")
	switch {
	case q.NodeUUID != "":
		rows = table.By(tx, devicesByNode, q.NodeUUID)
	case q.ServerUUID != "":
		rows = table.By(tx, devicesByServer, q.ServerUUID)
	}
	for _, row := range rows {
		d := row.Body
		if q.ServerUUID != "" && d.ServerUUID != q.ServerUUID || len(q.DeviceUsages) > 0 && !slices.Contains(q.DeviceUsages, d.DeviceUsage) {
			continue
		}
		s.nvmeDevices.Observed(tx, &row)
		answer.NvmeDevices = append(answer.NvmeDevices, &d)
	}
	return answer, nil
}

type getNvmeDeviceRequest struct {
	Serial string `json:"Serial"`
}

// getNvmeDevice: seeds/002 "Retrieve a specific NVMe device".
func (s *Service) getNvmeDevice(tx *store.Tx, _ *api.Request, q *getNvmeDeviceRequest) (NvmeDevice, error) {
	row, err := s.nvmeDevices.Find(tx, q.Serial)
	if errors.Is(err, store.ErrNotFound) {
		return NvmeDevice{}, refusal.New(refusal.NotFound, "NVMe device serial %q is not found", q.Serial)
	}
	if err != nil {
		return NvmeDevice{}, err
	}
	s.nvmeDevices.Observed(tx, &row)
	return row.Body, nil
}
