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

// pulledDevice is a device that was pulled out of its server.
type pulledDevice struct {
	Serial string     `json:"serial"`
	Device NvmeDevice `json:"device"`
}

var pulledDevices = store.NewTable("lightbits.pulled", func(p *pulledDevice) string { return p.Serial },
	store.JSON[pulledDevice]())

// maxSlots is the number of device slots of a server.
const maxSlots = 2 * maxDevicesPerNode

type deviceParams struct {
	Serial string `json:"serial" doc:"serial of the NVMe device"`
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
		return statemachine.Row[NvmeDevice]{}, &strict.Error{Path: "serial",
			Detail: "must be the serial of an NVMe device; GET /api/v2/nvmeDevices lists them"}
	}
	row, err := s.nvmeDevices.Find(tx, serial)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "there is no NVMe device with the serial %q", serial)
	}
	return row, err
}

// pullDevice pulls a device out of its server. For its node the device has failed. It is no longer listed and can be
// inserted again.
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
	return movedThing{UUID: row.Body.Serial, Name: row.Body.Name},
		pulledDevices.Put(tx, &pulledDevice{Serial: row.Body.Serial, Device: row.Body})
}

// removeDevice deletes a device and its damage note.
func (s *Service) removeDevice(tx *store.Tx, row *statemachine.Row[NvmeDevice]) error {
	if err := ignoreNotFound(damageNotes.Delete(tx, row.Body.Serial)); err != nil {
		return err
	}
	return s.nvmeDevices.Remove(tx, row)
}

type insertDeviceParams struct {
	Serial string     `json:"serial" doc:"serial of a device that was pulled, or of a new one; generated if omitted"`
	Server string     `json:"server" doc:"UUID or name; if omitted, a pulled device goes back to its server"`
	Size   *byteCount `json:"size" doc:"size of a new device, as a number of bytes or with a unit; if omitted, that of the server's other devices"`
}

// insertDevice puts a device into a server. It is unmanaged until it is added to a node.
func (s *Service) insertDevice(tx *store.Tx, p *insertDeviceParams) (any, error) {
	if s.nvmeDevices.Table().Has(tx, p.Serial) {
		return nil, refusal.New(refusal.FailedPrecondition, "an NVMe device with the serial %s is already inserted",
			p.Serial)
	}
	d := NvmeDevice{Serial: p.Serial, Model: defaultModel}
	d.Size, _ = parseSize(defaultDeviceSize) // a valid size
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
			return nil, &strict.Error{Path: "size", Detail: fmt.Sprintf("%d must be %d to %d bytes", *p.Size, lba,
				int64(maxVolumeSize))}
		}
		d.Size = uint64(*p.Size) / lba * lba
	}
	row, err := s.nvmeDevices.Create(tx, d, statemachine.State(DeviceNone))
	if err != nil {
		return nil, err
	}
	return movedThing{UUID: row.Body.Serial, Name: row.Body.Name, State: row.Life.State},
		s.logDevice(tx, events.NVMeDeviceInserted, &row.Body)
}

// fitDevice makes a device an unmanaged one of the server, with the first free name. A new device gets the size and
// model of the server's other devices.
func (s *Service) fitDevice(tx *store.Tx, d *NvmeDevice, server *Server, isNew bool) error {
	names := map[string]bool{}
	for _, row := range s.nvmeDevices.Table().By(tx, devicesByServer, server.UUID) {
		if isNew && len(names) == 0 {
			d.Size, d.Model = row.Body.Size, row.Body.Model
		}
		names[row.Body.Name] = true
	}
	if len(names) >= maxSlots {
		return refusal.New(refusal.FailedPrecondition, "server %s has %d NVMe devices and no free slot", server.Name,
			len(names))
	}
	for k := 0; d.Name == "" || names[d.Name]; k++ {
		d.Name = fmt.Sprintf("nvme%dn1", k)
	}
	if d.Serial == "" {
		d.Serial = newSerial(tx, 0, len(names))
	}
	if len(d.Serial) > maxSerial || strings.TrimSpace(d.Serial) != d.Serial {
		return &strict.Error{Path: "serial",
			Detail: fmt.Sprintf("must be 1 to %d characters without space around them", maxSerial)}
	}
	d.ServerUUID, d.NodeUUID, d.DeviceUsage = server.UUID, "", UsageUnManaged
	d.FailureTime, d.RebuildCompletionTime, d.Statistics = time.Time{}, time.Time{}, &NvmeDeviceStatistics{}
	return nil
}

// maxSerial is the length of the serial in NVMe: 20 characters.
const maxSerial = 20
