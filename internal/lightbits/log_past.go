package lightbits

import (
	"errors"
	"slices"
	"time"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// maxSamples is how many statistics of a volume or snapshot are kept: the most recent ones.
const maxSamples = 100

// statisticsHistory is what the statistics of a volume or snapshot were, so that a capture of the past shows them.
type statisticsHistory struct {
	Key     string             `json:"key"` // of the volume or snapshot
	Samples []statisticsSample `json:"samples"`
}

// statisticsSample is the statistics from an instant on.
type statisticsSample struct {
	At         time.Time        `json:"at"`
	Statistics VolumeStatistics `json:"statistics"`
}

// historyTable has a row for each volume and snapshot whose statistics have changed.
var historyTable = store.NewTable("lightbits.statistics", func(h *statisticsHistory) string { return h.Key },
	store.JSON[statisticsHistory]())

// keepStatistics records new statistics. A row of data of an earlier version has no history: its old statistics count
// from its creation.
func keepStatistics(tx *store.Tx, key string, created time.Time, old, now *VolumeStatistics) error {
	h, err := historyTable.Get(tx, key)
	if errors.Is(err, store.ErrNotFound) {
		h, err = statisticsHistory{Key: key}, nil
		if old != nil && *old != (VolumeStatistics{}) && created.Before(tx.Now) {
			h.Samples = append(h.Samples, statisticsSample{At: created, Statistics: *old})
		}
	}
	if err != nil {
		return err
	}
	if n := len(h.Samples); n > 0 && h.Samples[n-1].At.Equal(tx.Now) {
		h.Samples = h.Samples[:n-1]
	}
	h.Samples = append(h.Samples, statisticsSample{At: tx.Now, Statistics: *now})
	if n := len(h.Samples); n > maxSamples {
		h.Samples = h.Samples[n-maxSamples:]
	}
	return historyTable.Put(tx, &h)
}

// statisticsAt returns the statistics of a volume or snapshot at an instant after its creation. Now are its present
// ones.
func statisticsAt(tx *store.Tx, key string, at time.Time, now *VolumeStatistics) VolumeStatistics {
	h, err := historyTable.Get(tx, key)
	if err != nil {
		if now == nil {
			return VolumeStatistics{}
		}
		return *now
	}
	var then VolumeStatistics
	for _, sample := range h.Samples {
		if sample.At.After(at) {
			break
		}
		then = sample.Statistics
	}
	return then
}

// errNotYet is the error of what did not exist at the instant of a capture.
var errNotYet = errors.New("did not exist yet")

// volumeAt returns what a capture of a volume shows at an instant.
func (s *Service) volumeAt(tx *store.Tx, v *Volume, at time.Time) (Volume, error) {
	if v.CreationTime.After(at) {
		return Volume{}, errNotYet
	}
	statistics := statisticsAt(tx, volumeKey(v), at, v.Statistics)
	return Volume{UUID: v.UUID, Name: v.Name, ProjectName: v.ProjectName, Statistics: &statistics}, nil
}

// nodeAt returns what a capture of a node shows at an instant: its present space without what its volumes and snapshots
// have occupied since. Volumes that are gone, and devices, are as they are now (assumption 241).
func (s *Service) nodeAt(tx *store.Tx, n *Node, at time.Time) (Node, error) {
	u, err := usageTable.Get(tx, n.UUID)
	if err != nil {
		return Node{}, err
	}
	since := func(now, then VolumeStatistics) {
		u.PhysicalUsed -= int64(now.PhysicalCapacity) - int64(then.PhysicalCapacity)
		u.LogicalUsed -= int64(now.UserWritten) - int64(then.UserWritten)
	}
	for _, row := range s.volumes.Table().By(tx, volumesByNode, n.UUID) {
		v, then := &row.Body, VolumeStatistics{}
		if v.CreationTime.After(at) {
			u.Provisioned -= int64(v.Size)
		} else {
			then = statisticsAt(tx, volumeKey(v), at, v.Statistics)
		}
		if v.Statistics != nil {
			since(*v.Statistics, then)
		}
	}
	for key, row := range s.snapshots.Table().All(tx, "", "") {
		sn, then := &row.Body, VolumeStatistics{}
		if sn.Statistics == nil || !slices.Contains(sn.NodeList, n.UUID) {
			continue
		}
		now := *sn.Statistics.asVolume()
		if !sn.CreationTime.After(at) {
			then = statisticsAt(tx, key, at, &now)
		}
		since(now, then)
	}
	u.Usage.PhysicalUsed, u.Usage.LogicalUsed = max(0, u.PhysicalUsed), max(0, u.LogicalUsed)
	shown := Node{UUID: n.UUID, Name: n.Name, Statistics: nodeStatistics(physics.SpaceOf(u.Disks, u.Usage))}
	return shown, nil
}

// asVolume returns the members that snapshots have, in the form of a volume's.
func (st *SnapshotStatistics) asVolume() *VolumeStatistics {
	return &VolumeStatistics{
		PhysicalCapacity: st.PhysicalCapacity, PhysicalOwnedCapacity: st.PhysicalOwnedCapacity,
		PhysicalOwnedMemory: st.PhysicalOwnedMemory, PhysicalMemory: st.PhysicalMemory, UserWritten: st.UserWritten,
	}
}
