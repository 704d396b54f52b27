package lightbits

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// pulledDevice is a device that lies beside its server.
type pulledDevice struct {
	Serial string     `json:"serial"`
	Device NvmeDevice `json:"device"`
}

var pulledDevices = store.NewTable("lightbits.pulled", func(p *pulledDevice) string { return p.Serial }, store.JSON[pulledDevice]())

// maxSlots is how many devices fit into a server.
const maxSlots = 2 * maxDevicesPerNode

type deviceParams struct {
	Serial string `json:"serial" doc:"of the NVMe device"`
}

func (s *Service) failDevice(tx *store.Tx, p *deviceParams) (any, error) {
	row, err := s.deviceForAction(tx, p.Serial)
	if err != nil {
		return nil, err
	}
	if err := illegal(s.nvmeDevices.Fire(tx, &row, "fail")); err != nil {
		return nil, err
	}
	return movedThing{UUID: row.Body.Serial, Name: row.Body.Name, State: row.Life.State}, nil
}

func (s *Service) deviceForAction(tx *store.Tx, serial string) (statemachine.Row[NvmeDevice], error) {
	if serial == "" {
		return statemachine.Row[NvmeDevice]{}, &strict.Error{Path: "serial", Detail: "must be the serial of an NVMe device; GET /api/v2/nvmeDevices lists them"}
	}
	row, err := s.nvmeDevices.Find(tx, serial)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "there is no NVMe device with the serial %q", serial)
	}
	return row, err
}

// pullDevice: for its node, a device that is pulled fails. It is no longer listed, and can be inserted again.
func (s *Service) pullDevice(tx *store.Tx, p *deviceParams) (any, error) {
	row, err := s.deviceForAction(tx, p.Serial)
	if err != nil {
		return nil, err
	}
	if row.Life.State != statemachine.State(DeviceNone) && row.Life.State != statemachine.State(DeviceFailed) {
		if err := illegal(s.nvmeDevices.Fire(tx, &row, "fail")); err != nil {
			return nil, err
		}
	}
	if row.Life.State == statemachine.State(DeviceFailed) {
		if err := s.keepLost(tx, &row.Body); err != nil {
			return nil, err
		}
	}
	if err := s.removeDevice(tx, &row); err != nil {
		return nil, err
	}
	if err := s.logDevice(tx, events.NVMeDevicePulled, &row.Body); err != nil {
		return nil, err
	}
	return movedThing{UUID: row.Body.Serial, Name: row.Body.Name}, pulledDevices.Put(tx, &pulledDevice{Serial: row.Body.Serial, Device: row.Body})
}

// removeDevice takes a device out of the world with what is remembered of it.
func (s *Service) removeDevice(tx *store.Tx, row *statemachine.Row[NvmeDevice]) error {
	if err := ignoreNotFound(damageNotes.Delete(tx, row.Body.Serial)); err != nil {
		return err
	}
	return s.nvmeDevices.Remove(tx, row)
}

type insertDeviceParams struct {
	Serial string     `json:"serial" doc:"of a device that was pulled, or of a new one; drawn where it is left out"`
	Server string     `json:"server" doc:"UUID or name; a pulled device goes where it was unless this says otherwise"`
	Size   *byteCount `json:"size" doc:"of a new device, as a number of bytes or with a unit; like the server's others where it is left out"`
}

// insertDevice: the device is there and nobody manages it until it is added to a node.
func (s *Service) insertDevice(tx *store.Tx, p *insertDeviceParams) (any, error) {
	if s.nvmeDevices.Table().Has(tx, p.Serial) {
		return nil, refusal.New(refusal.FailedPrecondition, "an NVMe device with the serial %s is inserted already", p.Serial)
	}
	d := NvmeDevice{Serial: p.Serial, Model: defaultModel}
	d.Size, _ = parseSize(defaultDeviceSize) // it is one
	old, err := pulledDevices.Get(tx, p.Serial)
	if ignoreNotFound(err) != nil {
		return nil, err
	}
	ref := p.Server
	if err == nil {
		d = old.Device
		if ref == "" {
			ref = d.ServerUUID
		}
		if err := pulledDevices.Delete(tx, p.Serial); err != nil {
			return nil, err
		}
	}
	server, err := s.serverForAction(tx, ref)
	if err != nil {
		return nil, err
	}
	if err := s.fitDevice(tx, &d, &server.Body, old.Serial == ""); err != nil {
		return nil, err
	}
	if p.Size != nil {
		if *p.Size < lba || *p.Size > maxVolumeSize {
			return nil, &strict.Error{Path: "size", Detail: fmt.Sprintf("%d must be %d to %d bytes", *p.Size, lba, int64(maxVolumeSize))}
		}
		d.Size = uint64(*p.Size) / lba * lba
	}
	row, err := s.nvmeDevices.Create(tx, d, statemachine.State(DeviceNone))
	if err != nil {
		return nil, err
	}
	return movedThing{UUID: row.Body.Serial, Name: row.Body.Name, State: row.Life.State}, s.logDevice(tx, events.NVMeDeviceInserted, &row.Body)
}

// fitDevice gives a device its place in a server: unmanaged, with the first name that is free; a new one is like the
// others there.
func (s *Service) fitDevice(tx *store.Tx, d *NvmeDevice, server *Server, isNew bool) error {
	names := map[string]bool{}
	for _, row := range s.nvmeDevices.Table().By(tx, devicesByServer, server.UUID) {
		if isNew && len(names) == 0 {
			d.Size, d.Model = row.Body.Size, row.Body.Model
		}
		names[row.Body.Name] = true
	}
	if len(names) >= maxSlots {
		return refusal.New(refusal.FailedPrecondition, "server %s has %d NVMe devices and no free slot", server.Name, len(names))
	}
	for k := 0; d.Name == "" || names[d.Name]; k++ {
		d.Name = fmt.Sprintf("nvme%dn1", k)
	}
	if d.Serial == "" {
		d.Serial = newSerial(tx, 0, len(names))
	}
	if len(d.Serial) > maxSerial || strings.TrimSpace(d.Serial) != d.Serial {
		return &strict.Error{Path: "serial", Detail: fmt.Sprintf("must be 1 to %d characters without space around them", maxSerial)}
	}
	d.ServerUUID, d.NodeUUID, d.DeviceUsage = server.UUID, "", UsageUnManaged
	d.FailureTime, d.RebuildCompletionTime, d.Statistics = time.Time{}, time.Time{}, &NvmeDeviceStatistics{}
	return nil
}

// maxSerial is NVMe's: the field has 20 characters.
const maxSerial = 20
