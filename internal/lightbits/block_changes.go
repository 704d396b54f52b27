package lightbits

import (
	"errors"
	"fmt"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// The functions below change blocks, and with them the statistics and the usage of the nodes. All volumes and snapshots
// of a chain are on the same nodes. A function sets the new statistics in the volume or snapshot that is passed, and in
// its stored row if there is one; the caller stores all other members. Statistics are measured, so their change leaves
// the ETag as it is (assumption 72).

// snapshotBlocks cuts a snapshot: it gets the blocks that the volume has now.
func (s *Service) snapshotBlocks(tx *store.Tx, volume *Volume, snapshot *Snapshot) error {
	passed := passed{volume: volume, snapshot: snapshot}
	return s.changeChain(tx, chainOfVolume(tx, volume), volume.NodeList, passed, func(c *blockChain) error {
		source := c.member(holderVolume, volume.ProjectName, volume.UUID)
		if c.find(source.key()) >= 0 && source.writing != 0 {
			source.writing = 0
			if err := c.put(tx, source); err != nil {
				return err
			}
		}
		cut := c.member(holderSnapshot, snapshot.ProjectName, snapshot.UUID)
		cut.extents = source.extents
		return c.put(tx, cut)
	})
}

// truncateBlocks drops the blocks beyond the size of a volume that was shrunk. The size is a multiple of 4096.
func (s *Service) truncateBlocks(tx *store.Tx, v *Volume) error {
	if !blockTable.Has(tx, blockKey(holderVolume, v.ProjectName, v.UUID)) {
		return nil
	}
	return s.changeChain(tx, chainOfVolume(tx, v), v.NodeList, passed{volume: v}, func(c *blockChain) error {
		short := c.member(holderVolume, v.ProjectName, v.UUID)
		short.extents = short.extents.Truncate(v.Size / physics.BlockSize)
		return c.put(tx, short)
	})
}

// dropVolumeBlocks frees the blocks that only this volume has. It must be called before the volume's row is deleted.
func (s *Service) dropVolumeBlocks(tx *store.Tx, v *Volume) error {
	return s.dropBlocks(tx, blockKey(holderVolume, v.ProjectName, v.UUID), v.NodeList)
}

// dropSnapshotBlocks frees the blocks that only this snapshot has. It must be called before the snapshot's row is
// deleted.
func (s *Service) dropSnapshotBlocks(tx *store.Tx, sn *Snapshot) error {
	return s.dropBlocks(tx, blockKey(holderSnapshot, sn.ProjectName, sn.UUID), sn.NodeList)
}

func (s *Service) dropBlocks(tx *store.Tx, key string, nodes []string) error {
	row, err := blockTable.Get(tx, key)
	if err != nil {
		return ignoreNotFound(err)
	}
	return s.changeChain(tx, row.chain, nodes, passed{}, func(c *blockChain) error { return c.remove(tx, key) })
}

// writeBlocks writes count blocks of a volume, from start; the range must be within its size. It may return
// *physics.TooManyRunsError.
func (s *Service) writeBlocks(tx *store.Tx, v *Volume, start, count uint64) error {
	return s.changeChain(tx, chainOfVolume(tx, v), v.NodeList, passed{volume: v}, func(c *blockChain) error {
		target := c.member(holderVolume, v.ProjectName, v.UUID)
		compressed := v.Compression == compressionText(true)
		if target.writing == 0 || target.writing.Compressed() != compressed {
			target.writing = c.nextGeneration(compressed)
		}
		var err error
		if target.extents, err = target.extents.Write(start, count, target.writing); err != nil {
			return err
		}
		return c.put(tx, target)
	})
}

// writeWhole writes all of a volume.
func (s *Service) writeWhole(tx *store.Tx, v *Volume) error {
	return s.writeBlocks(tx, v, 0, v.Size/physics.BlockSize)
}

// chainOfVolume returns the chain of a volume. A volume that is not a clone starts a chain of its own.
func chainOfVolume(tx *store.Tx, v *Volume) string {
	return chainOf(tx, blockKey(holderVolume, v.ProjectName, v.UUID), v.UUID)
}

// chainOfSnapshot returns the chain of a snapshot. For a snapshot that was not cut, it is the UUID of its volume.
func chainOfSnapshot(tx *store.Tx, sn *Snapshot) string {
	return chainOf(tx, blockKey(holderSnapshot, sn.ProjectName, sn.UUID), sn.SourceVolumeUUID)
}

func chainOf(tx *store.Tx, key, otherwise string) string {
	row, err := blockTable.Get(tx, key)
	if err != nil {
		return otherwise
	}
	return row.chain
}

// passed is what the caller of a change holds a copy of; nil if none.
type passed struct {
	volume   *Volume
	snapshot *Snapshot
}

// changeChain changes a chain, charges its nodes with the difference, and updates the statistics of each member that
// the change affects.
func (s *Service) changeChain(tx *store.Tx, id string, nodes []string, p passed,
	change func(c *blockChain) error) error {
	c := loadChain(tx, id)
	before, all := c.account()
	if err := change(c); err != nil {
		return err
	}
	after, total := c.account()
	if total != all {
		delta := Usage{
			LogicalUsed:  int64(total.Logical()) - int64(all.Logical()),
			PhysicalUsed: int64(total.Physical()) - int64(all.Physical()),
		}
		if err := s.charge(tx, nodes, delta); err != nil {
			return err
		}
	}
	ratioMoved := ratio(total) != ratio(all)
	for i := range c.members {
		b := &c.members[i]
		share := after[b.key()]
		was, known := before[b.key()]
		if known && was == share && !ratioMoved && !p.holds(b) {
			continue
		}
		if err := s.measure(tx, b, share, total, p); err != nil {
			return err
		}
	}
	return nil
}

func (p passed) holds(b *blockRow) bool {
	if b.holder == holderVolume {
		return p.volume != nil && p.volume.UUID == b.uuid
	}
	return p.snapshot != nil && p.snapshot.UUID == b.uuid
}

// measure writes the statistics of a member into its stored row and into the copy of the caller.
func (s *Service) measure(tx *store.Tx, b *blockRow, share physics.Share, all physics.Blocks, p passed) error {
	var err error
	key := scopedKey(b.project, b.uuid)
	if b.holder == holderVolume {
		row, getErr := s.volumes.Get(tx, key)
		if err = getErr; err == nil {
			old := row.Body.Statistics
			row.Body.Statistics = volumeStatistics(old, share, all)
			if err = keepStatistics(tx, key, row.Body.CreationTime, old, row.Body.Statistics); err == nil {
				err = s.volumes.Touch(tx, &row)
			}
		}
		if p.holds(b) {
			p.volume.Statistics = volumeStatistics(p.volume.Statistics, share, all)
			if errors.Is(err, store.ErrNotFound) { // a clone that is being created
				return keepStatistics(tx, key, tx.Now, nil, p.volume.Statistics)
			}
		}
	} else {
		row, getErr := s.snapshots.Get(tx, key)
		if err = getErr; err == nil {
			row.Body.Statistics = snapshotStatistics(share)
			if err = keepStatistics(tx, key, tx.Now, nil, row.Body.Statistics.asVolume()); err == nil {
				err = s.snapshots.Touch(tx, &row)
			}
		}
		if p.holds(b) {
			p.snapshot.Statistics = snapshotStatistics(share)
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound) && p.holds(b):
		return nil
	case err != nil:
		return fmt.Errorf("statistics of %s: %w", b.uuid, err)
	}
	return nil
}
