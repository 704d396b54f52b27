package lightbits

import (
	"errors"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

type writeVolumeParams struct {
	Volume  string    `json:"volume" doc:"UUID or name"`
	Project string    `json:"project" doc:"optional if only one project has a volume of that name"`
	Offset  byteCount `json:"offset" doc:"bytes from the start of the volume, as a number or with a unit, such as \"64KiB\""`
	Bytes   byteCount `json:"bytes" doc:"bytes to write, in the same form; the range is widened to whole blocks of 4096 bytes"`
}

// writtenVolume is the result of write-volume: the blocks written, and the volume's statistics after it.
type writtenVolume struct {
	Volume     string            `json:"volume"`
	Project    string            `json:"project"`
	StartLBA   uint64            `json:"startLBA"`
	LBAs       uint64            `json:"lbas"`
	Statistics *VolumeStatistics `json:"statistics"`
}

// writeVolumeAction simulates a host that writes. Only the position of the blocks is kept, not their data. The write
// changes statistics, usage and the differences between snapshots.
func (s *Service) writeVolumeAction() api.Action {
	return api.Do(vendor, "write-volume", "a host writes a range of a volume", s.writeVolume)
}

func (s *Service) writeVolume(tx *store.Tx, p *writeVolumeParams) (any, error) {
	row, err := s.volumeAnywhere(tx, p.Project, p.Volume)
	if err != nil {
		return nil, err
	}
	v := &row.Body
	if err := s.checkWritable(tx, &row); err != nil {
		return nil, err
	}
	offset, length := uint64(p.Offset), uint64(p.Bytes)
	switch {
	case length == 0:
		return nil, &strict.Error{Path: "bytes", Detail: "must be above 0"}
	case offset >= v.Size || length > v.Size-offset:
		return nil, refusal.New(refusal.OutOfRange, "%d bytes from offset %d exceed the %d bytes of volume %s",
			length, offset, v.Size, v.Name)
	}
	start := offset / physics.BlockSize
	count := (offset+length+physics.BlockSize-1)/physics.BlockSize - start
	err = s.writeBlocks(tx, v, start, count)
	var many *physics.TooManyRunsError
	if errors.As(err, &many) {
		return nil, refusal.New(refusal.ResourceExhausted, "volume %s: %s", v.Name, many.Error())
	}
	if err == nil {
		err = s.checkRoom(tx, v)
	}
	if err != nil {
		return nil, err
	}
	return writtenVolume{Volume: v.UUID, Project: v.ProjectName, StartLBA: start, LBAs: count,
		Statistics: v.Statistics}, nil
}

// checkWritable refuses a write that no host could make, because of the volume's state, its protection or a node that
// is read-only (facts/lightbits.md 4.1, 4.6).
func (s *Service) checkWritable(tx *store.Tx, row *statemachine.Row[Volume]) error {
	v := &row.Body
	cause := s.volumes.Stands("write-volume", row)
	switch v.State {
	case VolumeAvailable, VolumeMigrating, VolumeUpdating:
	default:
		return refusal.New(refusal.FailedPrecondition, "volume %s is %s; it can be written while it is %s, %s or %s",
			v.Name, v.State, VolumeAvailable, VolumeMigrating, VolumeUpdating).Because(cause)
	}
	if v.ProtectionState == ProtectionReadOnly || v.ProtectionState == ProtectionNotAvailable {
		return refusal.New(refusal.FailedPrecondition,
			"volume %s has the protection state %s; it can be written while it is %s or %s",
			v.Name, v.ProtectionState, ProtectionFullyProtected, ProtectionDegraded).Because(cause)
	}
	if node := s.readOnlyNode(tx, v.NodeList); node != nil {
		return refusal.New(refusal.ResourceExhausted,
			"volume %s cannot be written: node %s is read-only, with %d bytes used of the %d that it accepts",
			v.Name, node.Name, node.PhysicalUsed, node.Disks.ReadOnlyAt()).Because(cause)
	}
	return nil
}

// checkRoom returns ResourceExhausted if a write that has already been charged does not fit on one of the nodes. A
// write that fits may make a node read-only (assumption 74).
func (s *Service) checkRoom(tx *store.Tx, v *Volume) error {
	if node := s.crowdedNode(tx, v.NodeList, 0); node != nil {
		return refusal.New(refusal.ResourceExhausted,
			"volume %s cannot be written: node %s would hold %d bytes and has room for %d",
			v.Name, node.Name, node.PhysicalUsed, node.Disks.Effective())
	}
	return nil
}
