package lightbits

import (
	"fmt"
	"math"
	"slices"
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// maxDamage is how many blocks one action can damage.
const maxDamage = 1_000_000

type corruptDeviceParams struct {
	Serial  string `json:"serial" doc:"serial of an NVMe device that a node manages"`
	Blocks  uint32 `json:"blocks" doc:"number of damaged blocks, 1 to 1000000; 1 if omitted"`
	Volume  string `json:"volume" doc:"UUID or name of the volume that the blocks belong to; it must have a replica on the device's node; none if omitted"`
	Project string `json:"project" doc:"may be omitted if only one project has a volume of that name"`
}

// damaged is the result of corrupt-device.
type damaged struct {
	Serial      string                `json:"serial"`
	Recoverable bool                  `json:"recoverable"` // whether the node restores the blocks from parity
	Statistics  *NvmeDeviceStatistics `json:"statistics"`
}

// corruptDevice damages blocks of a device. A node that has all of its devices restores them from parity. Otherwise the
// device's errors are unrecoverable, and the volume's too unless another replica is up to date (assumption 300).
// Statistics are measured values, so no ETag changes (assumption 72).
func (s *Service) corruptDevice(tx *store.Tx, p *corruptDeviceParams) (any, error) {
	p.Blocks = max(p.Blocks, 1)
	if p.Blocks > maxDamage {
		return nil, &strict.Error{Path: "blocks", Detail: fmt.Sprintf("%d must be 1 to %d", p.Blocks, maxDamage)}
	}
	row, err := s.deviceForAction(tx, p.Serial)
	if err != nil {
		return nil, err
	}
	d := &row.Body
	if row.Life.State != statemachine.State(DeviceHealthy) && row.Life.State != statemachine.State(DeviceRebuilding) {
		return nil, refusal.New(refusal.FailedPrecondition,
			"NVMe device %s is %s and holds no data; it must be %s or %s",
			d.Serial, row.Life.State, DeviceHealthy, DeviceRebuilding)
	}
	node, err := s.nodes.Get(tx, d.NodeUUID)
	if err != nil {
		return nil, err
	}
	recoverable := node.Body.Ec && s.lostParts(tx, d.NodeUUID) == 0
	if p.Volume != "" {
		if err := s.corruptVolume(tx, p, &node.Body, recoverable); err != nil {
			return nil, err
		}
	}
	if d.Statistics == nil {
		d.Statistics = &NvmeDeviceStatistics{}
	}
	if recoverable {
		count(&d.Statistics.RecoverableDataIntegrityErrors, p.Blocks)
	} else {
		count(&d.Statistics.UnrecoverableDataIntegrityErrors, p.Blocks)
	}
	if err := s.nvmeDevices.Touch(tx, &row); err != nil {
		return nil, err
	}
	return damaged{Serial: d.Serial, Recoverable: recoverable, Statistics: d.Statistics},
		s.noteDamage(tx, d, recoverable)
}

// count adds more to errors; the sum stays at the maximum instead of overflowing.
func count(errors *uint32, more uint32) {
	*errors += min(more, math.MaxUint32-*errors)
}

func (s *Service) corruptVolume(tx *store.Tx, p *corruptDeviceParams, node *Node, recoverable bool) error {
	row, err := s.volumeAnywhere(tx, p.Project, p.Volume)
	if err != nil {
		return err
	}
	v := &row.Body
	if !slices.Contains(v.NodeList, node.UUID) {
		return refusal.New(refusal.FailedPrecondition,
			"volume %s has no replica on node %s, which NVMe device %s belongs to", v.Name, node.Name, p.Serial)
	}
	others := slices.DeleteFunc(slices.Clone(v.NodeList), func(id string) bool { return id == node.UUID })
	if recoverable || s.upToDate(tx, others) {
		count(&v.Statistics.RecoverableDataIntegrityErrors, p.Blocks)
	} else {
		count(&v.Statistics.UnrecoverableDataIntegrityErrors, p.Blocks)
	}
	return s.volumes.Touch(tx, &row)
}

// damageNote is when an event last reported damaged blocks of a device.
type damageNote struct {
	Serial string    `json:"serial"`
	At     time.Time `json:"at"`
}

var damageNotes = store.NewTable("lightbits.damagenote", func(n *damageNote) string { return n.Serial },
	store.JSON[damageNote]())

// noteDamage raises an event about damaged blocks: always if they are unrecoverable, otherwise at most once in
// DeviceHealthIntervalForRaisingEvent.
func (s *Service) noteDamage(tx *store.Tx, d *NvmeDevice, recoverable bool) error {
	last, err := damageNotes.Get(tx, d.Serial)
	if ignoreNotFound(err) != nil {
		return err
	}
	name := events.DataIntegrityErrorUnrecoverable
	if recoverable {
		name = events.DataIntegrityErrorRecovered
		if err == nil && tx.Now.Sub(last.At) < s.configDuration(tx, configDeviceHealth) {
			return nil
		}
	}
	if err := damageNotes.Put(tx, &damageNote{Serial: d.Serial, At: tx.Now}); err != nil {
		return err
	}
	return s.logEvent(tx, name, events.AboutDamage(d.NodeUUID, d.ServerUUID, d.Serial))
}

// integrityErrors returns the sums of the errors of a node's devices.
func (s *Service) integrityErrors(tx *store.Tx, node string) (sum NvmeDeviceStatistics) {
	for _, d := range s.devicesOf(tx, node) {
		if st := d.Body.Statistics; st != nil {
			count(&sum.UnrecoverableDataIntegrityErrors, st.UnrecoverableDataIntegrityErrors)
			count(&sum.RecoverableDataIntegrityErrors, st.RecoverableDataIntegrityErrors)
		}
	}
	return sum
}
