package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

type rollbackVolumeRequest struct {
	UUID            string `json:"UUID"`
	SrcSnapshotUUID string `json:"srcSnapshotUUID"`
	ProjectName     string `json:"projectName"`
	Name            string `json:"Name"`
	SrcSnapshotName string `json:"srcSnapshotName"`
}

// rollbackVolume: seeds/002 "Roll back a volume to a previous snapshot". The snapshot must have been made from the
// volume. The volume gets the size of the snapshot too (assumption 12).
func (s *Service) rollbackVolume(tx *store.Tx, r *api.Request, q *rollbackVolumeRequest) (api.Empty, error) {
	var none api.Empty
	if err := s.inProject(tx, r, q.ProjectName, "volumes", "rollback"); err != nil {
		return none, err
	}
	row, err := s.findVolume(tx, q.ProjectName, volumeRef{UUID: q.UUID, Name: q.Name})
	if err != nil {
		return none, err
	}
	snap, err := s.findSnapshot(tx, q.ProjectName, snapshotRef{UUID: q.SrcSnapshotUUID, Name: q.SrcSnapshotName})
	if err != nil {
		return none, err
	}
	if err := s.volumes.Refuse("RollbackVolume", &row); err != nil {
		return none, err
	}
	if err := s.snapshots.Refuse("RollbackVolume", &snap); err != nil {
		return none, err
	}
	v := &row.Body
	if snap.Body.SourceVolumeUUID != v.UUID {
		return none, refusal.New(refusal.InvalidArgument, "snapshot %s was not made from volume %s but from %s",
			snap.Body.Name, v.Name, snap.Body.SourceVolumeName)
	}
	if err := s.checkWrites(tx, v); err != nil {
		return none, err
	}
	if err := s.resizeVolume(tx, v, snap.Body.Size); err != nil {
		return none, err
	}
	if err := s.rollbackBlocks(tx, &snap.Body, v); err != nil {
		return none, err
	}
	return none, s.volumes.Fire(tx, &row, "rollback")
}

// rollbackBlocks replaces the blocks of a volume with those of one of its snapshots.
func (s *Service) rollbackBlocks(tx *store.Tx, snapshot *Snapshot, volume *Volume) error {
	passed := passed{volume: volume, snapshot: snapshot}
	return s.changeChain(tx, chainOfVolume(tx, volume), volume.NodeList, passed, func(c *blockChain) error {
		back := c.member(holderVolume, volume.ProjectName, volume.UUID)
		back.extents = c.member(holderSnapshot, snapshot.ProjectName, snapshot.UUID).extents
		return c.put(tx, back)
	})
}
