package lightbits

import (
	"errors"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// CopyRange is a part of a copy: the bytes from Start to before End of a snapshot, and of a volume in the same or
// another cluster. Both are multiples of 4096. Only blocks that the snapshot has are written (assumption 123).
type CopyRange struct {
	SourceProject, Snapshot string
	TargetProject, Volume   string
	Start, End              uint64
	// Pass marks the blocks that this copy has written, so that others' writes can be detected; 0 at first.
	Pass uint64
	Host CopyHost // reads the snapshot and writes the volume
}

// CheckCopy refuses a copy that cannot continue: the snapshot or the volume does not exist, the snapshot cannot be
// read, the volume cannot be written or excludes the host, or one of its nodes is read-only or has no room for the
// range.
func (s *Service) CheckCopy(source, target *store.Tx, c CopyRange) error {
	if err := s.checkReadable(source, c); err != nil {
		return err
	}
	row, err := s.findVolume(target, c.TargetProject, volumeRef{UUID: c.Volume})
	if err != nil {
		return err
	}
	if err := s.checkWritable(target, &row); err != nil {
		return err
	}
	if err := s.checkHost(target, &row.Body, c.Host); err != nil {
		return err
	}
	return s.checkCopyRoom(target, &row, s.sourceRuns(source, c))
}

// checkReadable refuses a range of a snapshot that cannot be read. It returns DataLoss if blocks of the snapshot's
// volume are damaged beyond repair and the range holds data: which block is damaged is not known (assumption 300).
func (s *Service) checkReadable(source *store.Tx, c CopyRange) error {
	if _, err := s.CloneSource(source, c.SourceProject, c.Snapshot); err != nil {
		return err
	}
	row, err := s.findSnapshot(source, c.SourceProject, snapshotRef{UUID: c.Snapshot})
	if err != nil {
		return err
	}
	volume, err := s.volumes.Get(source, scopedKey(c.SourceProject, row.Body.SourceVolumeUUID))
	if err != nil {
		return ignoreNotFound(err)
	}
	if n := damagedBlocks(&volume.Body); n > 0 && len(s.sourceRuns(source, c)) > 0 {
		return refusal.New(refusal.DataLoss, "snapshot %s cannot be read: volume %s has unrecoverable errors in %d blocks",
			row.Body.Name, volume.Body.Name, n)
	}
	return nil
}

// damagedBlocks returns how many blocks of the volume no replica can return any more.
func damagedBlocks(v *Volume) uint32 {
	if v.Statistics == nil {
		return 0
	}
	return v.Statistics.UnrecoverableDataIntegrityErrors
}

// checkCopyRoom returns ResourceExhausted if the runs do not fit on one of the volume's nodes.
func (s *Service) checkCopyRoom(tx *store.Tx, row *statemachine.Row[Volume], runs physics.Extents) error {
	v := &row.Body
	bytes := uint64(physics.BlockSize)
	if v.Compression == compressionText(true) {
		bytes /= 2
	}
	var need uint64
	for _, r := range runs {
		need += r.Count * bytes
	}
	if node := s.crowdedNode(tx, v.NodeList, need); node != nil {
		return refusal.New(refusal.ResourceExhausted,
			"volume %s cannot be written: node %s holds %d bytes, has room for %d, and %d more are to be written",
			v.Name, node.Name, node.PhysicalUsed, node.Disks.Effective(), need)
	}
	return nil
}

// sourceRuns returns the blocks of the snapshot within the range.
func (s *Service) sourceRuns(tx *store.Tx, c CopyRange) physics.Extents {
	row, err := blockTable.Get(tx, blockKey(holderSnapshot, c.SourceProject, c.Snapshot))
	if err != nil {
		return nil // nothing was ever written
	}
	return within(row.extents, c.Start/physics.BlockSize, c.End/physics.BlockSize)
}

// within returns the part of the extents from LBA start to before end.
func within(e physics.Extents, start, end uint64) physics.Extents {
	var out physics.Extents
	for _, r := range e.Truncate(end) {
		if until := r.Start + r.Count; until > start {
			r.Start = max(r.Start, start)
			r.Count = until - r.Start
			out = append(out, r)
		}
	}
	return out
}

// Copy writes the range and returns the pass for the next range. CheckCopy must have returned nil. A host that was
// disconnected meanwhile connects again.
func (s *Service) Copy(source, target *store.Tx, c CopyRange) (pass uint64, err error) {
	runs := s.sourceRuns(source, c)
	row, err := s.findVolume(target, c.TargetProject, volumeRef{UUID: c.Volume})
	if err == nil {
		err = s.connect(target, &row, c.Host)
	}
	if err != nil || len(runs) == 0 {
		return c.Pass, err
	}
	v := &row.Body
	err = s.changeChain(target, chainOfVolume(target, v), v.NodeList, passed{volume: v}, func(chain *blockChain) error {
		blocks := chain.member(holderVolume, v.ProjectName, v.UUID)
		if c.Pass == 0 {
			c.Pass = uint64(chain.nextGeneration(v.Compression == compressionText(true)))
		}
		for _, r := range runs {
			if blocks.extents, err = blocks.extents.Write(r.Start, r.Count, physics.Generation(c.Pass)); err != nil {
				return err
			}
		}
		blocks.writing = 0 // the next write of a host gets another generation
		return chain.put(target, blocks)
	})
	var many *physics.TooManyRunsError
	if errors.As(err, &many) { // the source has the same limit, so that only other writes can lead here
		err = refusal.New(refusal.ResourceExhausted, "volume %s: %s", v.Name, many.Error())
	}
	return c.Pass, err
}

// VerifyCopy reads the range back and compares it with the snapshot. It returns DataLoss if they differ, because
// somebody else has written to the volume or blocks of it are damaged, and a refusal if the snapshot or the volume
// cannot be read.
func (s *Service) VerifyCopy(source, target *store.Tx, c CopyRange) error {
	if err := s.checkReadable(source, c); err != nil {
		return err
	}
	row, err := s.findVolume(target, c.TargetProject, volumeRef{UUID: c.Volume})
	if err != nil {
		return err
	}
	v := &row.Body
	if v.ProtectionState == ProtectionNotAvailable || !holdsName(row.Life.State) {
		return refusal.New(refusal.Unavailable, "volume %s cannot be read: it is %s and %s", v.Name, v.State,
			v.ProtectionState)
	}
	if err := s.checkHost(target, v, c.Host); err != nil {
		return err
	}
	var copied physics.Extents
	if blocks, err := blockTable.Get(target, blockKey(holderVolume, c.TargetProject, c.Volume)); err == nil {
		copied = within(blocks.extents, c.Start/physics.BlockSize, c.End/physics.BlockSize)
	}
	var expected physics.Extents
	for _, r := range s.sourceRuns(source, c) {
		if expected, err = expected.Write(r.Start, r.Count, physics.Generation(c.Pass)); err != nil {
			return err
		}
	}
	if n := damagedBlocks(v); n > 0 && len(copied) > 0 {
		return refusal.New(refusal.DataLoss, "volume %s cannot be read: it has unrecoverable errors in %d blocks", v.Name, n)
	}
	if different := physics.Diff(expected, copied); len(different) > 0 {
		return refusal.New(refusal.DataLoss, "volume %s differs from snapshot %s, first at LBA %d", v.Name, c.Snapshot,
			different[0].Start)
	}
	return nil
}
