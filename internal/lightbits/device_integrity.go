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

// maxDamage is how many blocks can be damaged at a time.
const maxDamage = 1_000_000

type corruptDeviceParams struct {
	Serial  string `json:"serial" doc:"of an NVMe device that a node manages"`
	Blocks  uint32 `json:"blocks" doc:"how many of its blocks are damaged, 1 to 1000000; 1 where it is left out"`
	Volume  string `json:"volume" doc:"UUID or name of a volume with a replica on the device's node that they belong to; none where it is left out"`
	Project string `json:"project" doc:"may be left out where only one project has a volume of that name"`
}

// damaged is what corrupt-device answers.
type damaged struct {
	Serial      string                `json:"serial"`
	Recoverable bool                  `json:"recoverable"` // from the parity of the node
	Statistics  *NvmeDeviceStatistics `json:"statistics"`
}

// corruptDevice: blocks of a device turn out to be damaged. A node that has all of its devices restores them from parity;
// otherwise the device cannot, and the volume only where another replica is up to date (assumption 300). Statistics are
// measured, so no ETag moves (assumption 72).
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
		return nil, refusal.New(refusal.FailedPrecondition, "NVMe device %s is %s and holds no data; it must be %s or %s",
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
	return damaged{Serial: d.Serial, Recoverable: recoverable, Statistics: d.Statistics}, s.noteDamage(tx, d, recoverable)
}

// count adds without going round.
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
		return refusal.New(refusal.FailedPrecondition, "volume %s has no replica on node %s, which NVMe device %s belongs to", v.Name, node.Name, p.Serial)
	}
	others := slices.DeleteFunc(slices.Clone(v.NodeList), func(id string) bool { return id == node.UUID })
	if recoverable || s.upToDate(tx, others) {
		count(&v.Statistics.RecoverableDataIntegrityErrors, p.Blocks)
	} else {
		count(&v.Statistics.UnrecoverableDataIntegrityErrors, p.Blocks)
	}
	return s.volumes.Touch(tx, &row)
}

// damageNote is when an event last told that a device has damaged blocks.
type damageNote struct {
	Serial string    `json:"serial"`
	At     time.Time `json:"at"`
}

var damageNotes = store.NewTable("lightbits.damagenote", func(n *damageNote) string { return n.Serial }, store.JSON[damageNote]())

// noteDamage raises an event of a device, once in DeviceHealthIntervalForRaisingEvent; what cannot be restored always.
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

// integrityErrors adds up the errors of the devices of a node.
func (s *Service) integrityErrors(tx *store.Tx, node string) (sum NvmeDeviceStatistics) {
	for _, d := range s.devicesOf(tx, node) {
		if st := d.Body.Statistics; st != nil {
			count(&sum.UnrecoverableDataIntegrityErrors, st.UnrecoverableDataIntegrityErrors)
			count(&sum.RecoverableDataIntegrityErrors, st.RecoverableDataIntegrityErrors)
		}
	}
	return sum
}
