package lightbits

import (
	"errors"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type listNvmeDevicesRequest struct {
	NodeUUID     string        `json:"nodeUUID"`
	ServerUUID   string        `json:"serverUUID"`
	DeviceUsages []DeviceUsage `json:"deviceUsages"`
}

type listNvmeDevicesResponse struct {
	NvmeDevices []*NvmeDevice `json:"NvmeDevices"`
}

// listNvmeDevices returns, in the order of their serials, the devices that match all given filters (seeds/002 "Retrieve
// a list of NVMe devices"). An unknown UUID returns an empty list, since no 404 is documented.
func (s *Service) listNvmeDevices(tx *store.Tx, _ *api.Request, q *listNvmeDevicesRequest) (listNvmeDevicesResponse,
	error) {
	var response listNvmeDevicesResponse
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
		if q.ServerUUID != "" && d.ServerUUID != q.ServerUUID || len(q.DeviceUsages) > 0 &&
			!slices.Contains(q.DeviceUsages, d.DeviceUsage) {
			continue
		}
		s.nvmeDevices.Observed(tx, &row)
		response.NvmeDevices = append(response.NvmeDevices, &d)
	}
	return response, nil
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

// findDevice returns the device with a serial. The error is InvalidArgument for an empty serial and NotFound for an
// unknown one.
func (s *Service) findDevice(tx *store.Tx, serial string) (statemachine.Row[NvmeDevice], error) {
	if serial == "" {
		return statemachine.Row[NvmeDevice]{}, refusal.New(refusal.InvalidArgument,
			"the mandatory argument serialNumber is missing")
	}
	row, err := s.nvmeDevices.Get(tx, serial)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "NVMe device serial %q is not found", serial)
	}
	return row, err
}

type addNvmeDeviceRequest struct {
	SerialNumber string `json:"serialNumber" required:"the mandatory argument {path} is missing"`
	NodeUUID     string `json:"nodeUUID" required:"the mandatory argument {path} is missing"`
}

// addNvmeDevice: seeds/002 "Add NVMe device to a node", with every cause of its 400.
func (s *Service) addNvmeDevice(tx *store.Tx, r *api.Request, q *addNvmeDeviceRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findDevice(tx, q.SerialNumber)
	if err != nil {
		return none, err
	}
	node, err := s.findNode(tx, "nodeUUID", q.NodeUUID)
	if err != nil {
		return none, err
	}
	if err := s.nvmeDevices.Refuse("AddNvmeDevice", &row); err != nil {
		return none, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return none, err
	}
	if err := s.mayAdd(tx, &row.Body, &node.Body); err != nil {
		return none, err
	}
	row.Body.NodeUUID = node.Body.UUID
	return none, s.nvmeDevices.Fire(tx, &row, "add")
}

func (s *Service) mayAdd(tx *store.Tx, d *NvmeDevice, n *Node) error {
	if d.NodeUUID != "" {
		owner := d.NodeUUID
		if other, err := s.nodes.Get(tx, d.NodeUUID); err == nil {
			owner = other.Body.Name
		}
		return refusal.New(refusal.InvalidArgument, "NVMe device %s is already attached to node %s", d.Serial, owner)
	}
	if d.ServerUUID != n.ServerUUID {
		return refusal.New(refusal.InvalidArgument,
			"node %s is not a node of server %s, which NVMe device %s belongs to", n.Name, d.ServerUUID, d.Serial)
	}
	if n.State != NodeActive {
		return refusal.New(refusal.InvalidArgument, "node %s is %s; it must be %s to take an NVMe device", n.Name,
			n.State, NodeActive)
	}
	managed := 0
	for _, other := range s.devicesOf(tx, n.UUID) {
		if other.Life.State != statemachine.State(DeviceFailed) {
			managed++
		}
	}
	if uint32(managed) >= n.MaxNvmeDevices {
		return refusal.New(refusal.InvalidArgument, "node %s manages %d NVMe devices, which is the maximum", n.Name,
			managed)
	}
	return nil
}

type updateNvmeDeviceRequest struct {
	ServerUUID   string `json:"serverUUID" required:"the mandatory argument {path} is missing"`
	SerialNumber string `json:"serialNumber"`
	LedPattern   string `json:"ledPattern" required:"the mandatory argument {path} is missing: locate, rebuild or locate-off is expected"`
}

// ledPatterns returns the patterns of a device's LED (seeds/002 "Update NVMe device on a node").
func ledPatterns() []string { return []string{"locate", "rebuild", "locate-off"} }

// updateNvmeDevice: seeds/002 "Update NVMe device on a node". No message shows the LED; setting it changes the device's
// ETag (assumption 270).
func (s *Service) updateNvmeDevice(tx *store.Tx, r *api.Request, q *updateNvmeDeviceRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findDevice(tx, q.SerialNumber)
	if err != nil {
		return none, err
	}
	if !s.servers.Table().Has(tx, q.ServerUUID) {
		return none, refusal.New(refusal.NotFound, "server UUID %q is not found", q.ServerUUID)
	}
	if !slices.Contains(ledPatterns(), q.LedPattern) {
		return none, refusal.New(refusal.InvalidArgument, `ledPattern %q must be "locate", "rebuild" or "locate-off"`,
			q.LedPattern)
	}
	if row.Body.ServerUUID != q.ServerUUID {
		return none, refusal.New(refusal.InvalidArgument, "NVMe device %s belongs to server %s, not to %s",
			row.Body.Serial, row.Body.ServerUUID, q.ServerUUID)
	}
	if err := s.nvmeDevices.Refuse("UpdateNvmeDevice", &row); err != nil {
		return none, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return none, err
	}
	return none, s.nvmeDevices.Save(tx, &row)
}
