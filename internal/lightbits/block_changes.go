package lightbits

import (
	"errors"
	"fmt"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// The functions below keep blocks, statistics and the usage of nodes true together, for those who create, snapshot,
// clone, roll back, shrink and delete. All of a chain lies on the same nodes. A volume or snapshot that is passed gets
// its new statistics in place, and in its stored row if it has one; the rest of its row is the caller's to store.
// Statistics are measured, so no ETag moves (assumption 72).

// snapshotBlocks cuts a snapshot: it holds from now on what the volume holds now.
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

// truncateBlocks forgets what lies beyond the size of a volume that was shrunk. The size is a multiple of 4096.
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

// dropVolumeBlocks frees what only this volume holds. It is called before the volume's row goes.
func (s *Service) dropVolumeBlocks(tx *store.Tx, v *Volume) error {
	return s.dropBlocks(tx, blockKey(holderVolume, v.ProjectName, v.UUID), v.NodeList)
}

// dropSnapshotBlocks frees what only this snapshot holds. It is called before the snapshot's row goes.
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

// writeBlocks notes that hosts wrote count blocks of a volume from start on; the range lies inside its size.
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

// writeWhole notes that hosts wrote all of a volume.
func (s *Service) writeWhole(tx *store.Tx, v *Volume) error {
	return s.writeBlocks(tx, v, 0, v.Size/physics.BlockSize)
}

// chainOfVolume answers the chain a volume belongs to; one that was never written, and is no clone, begins its own.
func chainOfVolume(tx *store.Tx, v *Volume) string {
	return chainOf(tx, blockKey(holderVolume, v.ProjectName, v.UUID), v.UUID)
}

// chainOfSnapshot answers the chain a snapshot belongs to; one that was never cut belongs to its volume's.
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

// passed are the things that the caller of a change has in hand; nil ones it has not.
type passed struct {
	volume   *Volume
	snapshot *Snapshot
}

// changeChain makes a change to a chain, charges its nodes with the difference, and brings the statistics of every
// member up to date that the change has moved.
func (s *Service) changeChain(tx *store.Tx, id string, nodes []string, p passed, change func(c *blockChain) error) error {
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

// measure writes a member's statistics into its stored row, and into what the caller has of it in hand.
func (s *Service) measure(tx *store.Tx, b *blockRow, share physics.Share, all physics.Blocks, p passed) error {
	var err error
	key := scopedKey(b.project, b.uuid)
	if b.holder == holderVolume {
		row, getErr := s.volumes.Get(tx, key)
		if err = getErr; err == nil {
			row.Body.Statistics = volumeStatistics(row.Body.Statistics, share, all)
			err = s.volumes.Touch(tx, &row)
		}
		if p.holds(b) {
			p.volume.Statistics = volumeStatistics(p.volume.Statistics, share, all)
		}
	} else {
		row, getErr := s.snapshots.Get(tx, key)
		if err = getErr; err == nil {
			row.Body.Statistics = snapshotStatistics(share)
			err = s.snapshots.Touch(tx, &row)
		}
		if p.holds(b) {
			p.snapshot.Statistics = snapshotStatistics(share)
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound) && p.holds(b):
		return nil
	case err != nil:
		return fmt.Errorf("statistics of what holds blocks: %w", err)
	}
	return nil
}
