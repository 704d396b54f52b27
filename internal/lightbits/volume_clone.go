package lightbits

import (
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// fromSnapshot makes the volume a clone: it is on the nodes of its source, has the source's replicas and sector size,
// and is not smaller (facts/lightbits.md 4.1 "clone"). Its compression is the source's unless the request says
// otherwise.
func (s *Service) fromSnapshot(tx *store.Tx, q *createVolumeRequest, v *Volume) error {
	snap, err := s.findSnapshot(tx, q.ProjectName, snapshotRef{UUID: q.SourceSnapshotUUID, Name: q.SourceSnapshotName})
	if refusal.Is(err, refusal.NotFound) {
		return refusal.New(refusal.InvalidArgument, "%s", err.Error()) // the page has no 404 (assumption 417)
	}
	if err != nil {
		return err
	}
	if err := s.snapshots.Refuse("CreateVolume", &snap); err != nil {
		return err
	}
	source := &snap.Body
	if err := s.checkReads(tx, "snapshot", source.Name, source.UUID, source.NodeList); err != nil {
		return err
	}
	if len(q.PlacementRestrictions) > 0 {
		return refusal.New(refusal.InvalidArgument,
			"placement restrictions are not allowed for a clone: it is placed on the nodes of its snapshot")
	}
	if q.Size == "" || q.ReplicaCount == 0 {
		return refusal.New(refusal.InvalidArgument, "a mandatory argument is missing: a clone needs size and "+
			"replicaCount, such as those of its snapshot: %d and %d", source.Size, source.ReplicaCount)
	}
	if v.Size, err = parseSize(q.Size); err != nil {
		return err
	}
	if v.Size < source.Size {
		return refusal.New(refusal.InvalidArgument,
			"size %d is smaller than the %d bytes of snapshot %s", v.Size, source.Size, source.Name)
	}
	if q.ReplicaCount != source.ReplicaCount {
		return refusal.New(refusal.InvalidArgument, "replica count %d differs from that of snapshot %s, which is %d",
			q.ReplicaCount, source.Name, source.ReplicaCount)
	}
	given := q.SectorSize != "" && q.SectorSize != SectorSizeDefault
	if given && v.SectorSize != source.SectorSize {
		return refusal.New(refusal.InvalidArgument,
			"sectorSize %s differs from that of snapshot %s, which has sectors of %d bytes", q.SectorSize, source.Name,
			source.SectorSize)
	}
	v.ReplicaCount, v.NodeList, v.SectorSize = source.ReplicaCount, source.NodeList, source.SectorSize
	if q.Compression == "" {
		v.Compression = compressionText(source.Compression)
	}
	v.SourceSnapshotUUID, v.SourceSnapshotName = source.UUID, source.Name
	if len(q.Labels) == 0 {
		v.Labels = source.Labels
	}
	return nil
}

// cloneBlocks gives a new volume the blocks of the snapshot.
func (s *Service) cloneBlocks(tx *store.Tx, snapshot *Snapshot, volume *Volume) error {
	passed := passed{volume: volume, snapshot: snapshot}
	return s.changeChain(tx, chainOfSnapshot(tx, snapshot), volume.NodeList, passed, func(c *blockChain) error {
		clone := c.member(holderVolume, volume.ProjectName, volume.UUID)
		clone.extents = c.member(holderSnapshot, snapshot.ProjectName, snapshot.UUID).extents
		return c.put(tx, clone)
	})
}
