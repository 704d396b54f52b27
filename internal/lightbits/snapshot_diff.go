package lightbits

import (
	"encoding/binary"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

type listChangedBlocksRequest struct {
	SnapshotUUID     string `json:"snapshotUUID"`
	BaseSnapshotUUID string `json:"baseSnapshotUUID"`
	ProjectName      string `json:"projectName"`
	OffsetLBA        uint64 `json:"offsetLBA"`
	SnapshotName     string `json:"snapshotName"`
	BaseSnapshotName string `json:"baseSnapshotName"`
}

// ChangedBlocks is a page of the differences between two snapshots (spec message ListChangedBlocksResponse).
type ChangedBlocks struct {
	NextOffsetLBA uint64      `json:"nextOffsetLBA"` // offset of the next page; 0 at the end
	LBARanges     []*LBARange `json:"lbaRanges"`
}

// LBARange is a range of 64 LBAs of 4096 bytes, lbaEnd included, some of which changed (assumption 76).
type LBARange struct {
	LBAStart uint64 `json:"lbaStart"`
	LBAEnd   uint64 `json:"lbaEnd"`
	// Eight bytes; the lowest bit of the first stands for lbaStart (assumption 77)
	DataBitMap []byte `json:"dataBitMap"`
}

// maxLBARanges is the maximum number of ranges in one response (facts/lightbits.md 4.3).
const maxLBARanges = 10_000

// listChangedBlocks: seeds/002 "List changed LBAs between a volume's snapshots". Without a base, it lists every block
// of the target. LBAs of a larger base beyond the target's size are not listed.
func (s *Service) listChangedBlocks(tx *store.Tx, r *api.Request, q *listChangedBlocksRequest) (ChangedBlocks, error) {
	var none ChangedBlocks
	if err := s.inProject(tx, r, q.ProjectName, "snapshots", "get"); err != nil {
		return none, err
	}
	target, err := s.comparableSnapshot(tx, q.ProjectName, snapshotRef{UUID: q.SnapshotUUID, Name: q.SnapshotName})
	if err != nil {
		return none, err
	}
	var base blockRow
	if q.BaseSnapshotUUID != "" || q.BaseSnapshotName != "" {
		older, err := s.comparableSnapshot(tx, q.ProjectName,
			snapshotRef{UUID: q.BaseSnapshotUUID, Name: q.BaseSnapshotName})
		if err != nil {
			return none, err
		}
		if base, err = s.baseOf(tx, older, target); err != nil {
			return none, err
		}
	}
	size := target.Size / physics.BlockSize
	if q.OffsetLBA >= size {
		return none, refusal.New(refusal.InvalidArgument,
			"offsetLBA %d exceeds snapshot %s, which has %d LBAs", q.OffsetLBA, target.Name, size)
	}
	changed := physics.Diff(base.extents.Truncate(size), s.snapshotRow(tx, target).extents)
	chunks, next := physics.Chunks(changed, q.OffsetLBA, maxLBARanges)
	answer := ChangedBlocks{NextOffsetLBA: next, LBARanges: make([]*LBARange, len(chunks))}
	for i, c := range chunks {
		answer.LBARanges[i] = &LBARange{
			LBAStart: c.Start, LBAEnd: c.Start + physics.ChunkLBAs - 1,
			DataBitMap: binary.LittleEndian.AppendUint64(nil, c.Bits),
		}
	}
	return answer, nil
}

// comparableSnapshot returns a snapshot that is Available. It returns NotFound, InvalidArgument for another state
// (assumption 78), or Unavailable if no node serves it (assumption 411).
func (s *Service) comparableSnapshot(tx *store.Tx, project string, ref snapshotRef) (*Snapshot, error) {
	row, err := s.findSnapshot(tx, project, ref)
	if err != nil {
		return nil, err
	}
	s.snapshots.Observed(tx, &row)
	sn := &row.Body
	if sn.State != SnapshotAvailable {
		return nil, refusal.New(refusal.InvalidArgument, "snapshot %s is %s; it must be %s to be compared",
			sn.Name, sn.State, SnapshotAvailable).Because(s.snapshots.Stands("ListChangedBlocks", &row))
	}
	return sn, s.checkReads(tx, "snapshot", sn.Name, sn.UUID, sn.NodeList)
}

// baseOf returns the blocks of the base. It returns InvalidArgument if the snapshots are the same one or are not on one
// chain, or if the base is the newer one (facts/lightbits.md 4.3, assumption 75).
func (s *Service) baseOf(tx *store.Tx, base, target *Snapshot) (blockRow, error) {
	b, t := s.snapshotRow(tx, base), s.snapshotRow(tx, target)
	switch {
	case base.UUID == target.UUID:
		return b, refusal.New(refusal.InvalidArgument, "snapshot UUIDs are identical: %s", target.UUID)
	case b.chain != t.chain:
		return b, refusal.New(refusal.InvalidArgument,
			"snapshots %s and %s are not on the same chain: they descend from the volumes %s and %s",
			base.Name, target.Name, b.chain, t.chain)
	case b.seq > t.seq:
		return b, refusal.New(refusal.InvalidArgument,
			"base snapshot %s is newer than snapshot %s; exchange them", base.Name, target.Name)
	}
	return b, nil
}

// snapshotRow returns the blocks of a snapshot. A snapshot that was never cut has none.
func (s *Service) snapshotRow(tx *store.Tx, sn *Snapshot) blockRow {
	row, err := blockTable.Get(tx, blockKey(holderSnapshot, sn.ProjectName, sn.UUID))
	if err != nil {
		return blockRow{chain: sn.SourceVolumeUUID}
	}
	return row
}
