package lightbits

import (
	"fmt"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type updateVolumeRequest struct {
	volumeRef
	ACL           *StringList `json:"acl"`
	IPAcl         *StringList `json:"IPAcl"`
	Size          string      `json:"size"`
	Compression   string      `json:"compression"`
	ProjectName   string      `json:"projectName" required:"{path} is missing"`
	QosPolicyUUID string      `json:"qosPolicyUUID,group=qosPolicyID"`
	QosPolicyName string      `json:"qosPolicyName,group=qosPolicyID"`
	Force         bool        `json:"Force"`
	Labels        []*Label    `json:"labels"`
	NewName       string      `json:"newName"`
}

// updateVolume: seeds/002 "Update volume". Members that are absent or empty stay as they are. What the request says
// holds at once; the volume is Updating until the cluster is through with it (assumption 9).
func (s *Service) updateVolume(tx *store.Tx, r *api.Request, q *updateVolumeRequest) (api.Empty, error) {
	var none api.Empty
	if err := s.inProject(tx, r, q.ProjectName, "volumes", "update"); err != nil {
		return none, err
	}
	row, err := s.findVolume(tx, q.ProjectName, q.volumeRef)
	if err != nil {
		return none, err
	}
	if err := s.volumes.Refuse("UpdateVolume", &row); err != nil {
		return none, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return none, err
	}
	if err := s.applyUpdate(tx, q, &row.Body); err != nil {
		return none, err
	}
	return none, s.volumes.Fire(tx, &row, "update")
}

// applyUpdate changes the volume as the request says, or refuses all of it.
func (s *Service) applyUpdate(tx *store.Tx, q *updateVolumeRequest, v *Volume) error {
	if q.NewName != "" && q.NewName != v.Name {
		if err := checkName("volume", q.NewName); err != nil {
			return err
		}
		if err := s.checkVolumeNameFree(tx, v.ProjectName, q.NewName, v.UUID); err != nil {
			return err
		}
		v.Name = q.NewName
	}
	if q.ACL.given() {
		if err := checkACL(q.ACL); err != nil {
			return err
		}
		v.ACL = q.ACL
	}
	if q.IPAcl.given() {
		if err := checkIPAcl(q.IPAcl); err != nil {
			return err
		}
		v.IPAcl = q.IPAcl
	}
	if q.Compression != "" {
		on, err := parseCompression(q.Compression)
		if err != nil {
			return err
		}
		v.Compression = compressionText(on)
	}
	if len(q.Labels) > 0 {
		labels, err := parseLabels(q.Labels)
		if err != nil {
			return err
		}
		v.Labels = labels
	}
	if q.QosPolicyUUID != "" || q.QosPolicyName != "" {
		policy, err := s.effectivePolicy(tx, v.ProjectName, q.QosPolicyUUID, q.QosPolicyName)
		if err != nil {
			return err
		}
		v.QosPolicyUUID, v.QosPolicyName = policy.UUID, policy.Name
	}
	if q.Size == "" {
		return nil
	}
	size, err := parseSize(q.Size)
	if err != nil {
		return err
	}
	return s.resize(tx, v, size, q.Force)
}

// resize changes a volume's size. Shrinking needs Force, and is not implemented for a volume that has snapshots
// (assumption 10: the page documents 501 "updating capacity" and names no case).
func (s *Service) resize(tx *store.Tx, v *Volume, size uint64, force bool) error {
	if size == v.Size {
		return nil
	}
	shrinks := size < v.Size
	if shrinks && !force {
		return refusal.New(refusal.InvalidArgument,
			"size %d is smaller than the volume's %d bytes; Force is needed to shrink it", size, v.Size)
	}
	if shrinks && s.hasSnapshots(tx, v) {
		return refusal.New(refusal.Unimplemented, "updating capacity: volume %s has snapshots and cannot be shrunk", v.Name)
	}
	if err := s.mayGrow(tx, v, size); err != nil {
		return err
	}
	was := v.Size
	if err := s.resizeVolume(tx, v, size); err != nil {
		return err
	}
	about := volumeSubject(v.ProjectName, v.UUID, v.Name).with(fmt.Sprintf("from %d to %d bytes", was, size))
	if err := s.logEvent(tx, eventVolumeResized, about); err != nil {
		return err
	}
	if shrinks {
		return s.truncateBlocks(tx, v)
	}
	return nil
}

// mayGrow: a volume whose data is not safe is not resized until it is again (assumption 271); one that grows must still
// fit on each of its nodes.
func (s *Service) mayGrow(tx *store.Tx, v *Volume, size uint64) error {
	if v.ProtectionState == ProtectionReadOnly || v.ProtectionState == ProtectionNotAvailable {
		return refusal.New(refusal.Unavailable, "volume %s is %s and cannot be resized now; try again later", v.Name, v.ProtectionState).
			Because(Unprotected{Volume: v.UUID, State: v.ProtectionState, Nodes: v.NodeList})
	}
	if size < v.Size {
		return nil
	}
	if u := s.readOnlyNode(tx, v.NodeList); u != nil {
		return refusal.New(refusal.InvalidArgument, "volume %s cannot grow: node %s is read-only, its storage is nearly full", v.Name, u.Name)
	}
	if u := s.smallNode(tx, v.NodeList, size); u != nil {
		return refusal.New(refusal.InvalidArgument, "volume %s cannot grow to %d bytes: node %s holds at most %d", v.Name, size, u.Name, u.largest())
	}
	return nil
}

type deleteVolumeRequest struct {
	volumeRef
	ProjectName string `json:"projectName"`
}

// deleteVolume: seeds/002 "Delete volume". Snapshots of the volume stay (assumption 11). Its name is free at once.
func (s *Service) deleteVolume(tx *store.Tx, r *api.Request, q *deleteVolumeRequest) (api.Empty, error) {
	var none api.Empty
	if err := s.inProject(tx, r, q.ProjectName, "volumes", "delete"); err != nil {
		return none, err
	}
	row, err := s.findVolume(tx, q.ProjectName, q.volumeRef)
	if err != nil {
		return none, err
	}
	if err := s.volumes.Refuse("DeleteVolume", &row); err != nil {
		return none, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return none, err
	}
	return none, s.volumes.Fire(tx, &row, "delete")
}

type rollbackVolumeRequest struct {
	UUID            string `json:"UUID"`
	SrcSnapshotUUID string `json:"srcSnapshotUUID"`
	ProjectName     string `json:"projectName"`
	Name            string `json:"Name"`
	SrcSnapshotName string `json:"srcSnapshotName"`
}

// rollbackVolume: seeds/002 "Roll back a volume to a previous snapshot". The snapshot must be one of the volume's own.
// The volume's size goes back too (assumption 12).
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
	if err := s.resizeVolume(tx, v, snap.Body.Size); err != nil {
		return none, err
	}
	if err := s.rollbackBlocks(tx, &snap.Body, v); err != nil {
		return none, err
	}
	return none, s.volumes.Fire(tx, &row, "rollback")
}

// volumeUsage is what a volume takes on each of its nodes by being there, written or not; sign is 1 or -1.
func volumeUsage(v *Volume, sign int64) Usage {
	return Usage{Volumes: sign, Provisioned: sign * int64(v.Size)}
}

// cloneGone finishes the deletion of a snapshot that waited for its clones.
func (s *Service) cloneGone(tx *store.Tx, v *Volume) error {
	if v.SourceSnapshotUUID == "" {
		return nil
	}
	for key := range s.volumes.Table().KeysBy(tx, volumesBySnapshot, v.SourceSnapshotUUID) {
		if key != volumeKey(v) {
			return nil
		}
	}
	snap, err := s.snapshots.Get(tx, scopedKey(v.ProjectName, v.SourceSnapshotUUID))
	if err != nil || snap.Life.State != statemachine.State(SnapshotDeleting) || s.snapshots.Waits(tx, &snap) {
		return ignoreNotFound(err)
	}
	return s.snapshots.Fire(tx, &snap, "lastclone")
}
