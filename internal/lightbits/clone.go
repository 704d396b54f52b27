package lightbits

import (
	"slices"
	"strconv"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// The methods below are what a cluster offers to DMS, which copies snapshots from one cluster to another (seeds/003
// "Create a thick clone volume"). Each acts on the cluster of its transaction, as a call of the cluster's API or a
// connection to its NVMe endpoints would, and its refusals have the texts of the cluster.

// CloneSource is a snapshot that can be read, with the properties that a copy inherits.
type CloneSource struct {
	Name, Project string
	Size          uint64 // bytes
	Replicas      uint32
	SectorSize    uint32
	Compression   bool
	ACL, IPACL    []string
}

// CloneSource returns the snapshot of that UUID. It returns NotFound, Unavailable while the snapshot is Creating,
// InvalidArgument if it is Deleting or Failed, and Unavailable while none of its nodes can read it.
func (s *Service) CloneSource(tx *store.Tx, project, snapshotUUID string) (CloneSource, error) {
	if !projects.Has(tx, project) {
		return CloneSource{}, refusal.New(refusal.NotFound, "project %q does not exist", project)
	}
	row, err := s.findSnapshot(tx, project, snapshotRef{UUID: snapshotUUID})
	if err != nil {
		return CloneSource{}, err
	}
	if err := s.snapshots.Refuse("CreateVolume", &row); err != nil {
		return CloneSource{}, err
	}
	sn := &row.Body
	if !s.protection(tx, sn.NodeList).Reads() {
		return CloneSource{}, refusal.New(refusal.Unavailable,
			"snapshot %s cannot be read: none of its nodes has its data", sn.Name)
	}
	return CloneSource{
		Name: sn.Name, Project: project, Size: sn.Size, Replicas: sn.ReplicaCount, SectorSize: sn.SectorSize,
		Compression: sn.Compression, ACL: values(sn.ACL), IPACL: values(sn.IPAcl),
	}, nil
}

// CloneTarget describes the volume that a copy is written to.
type CloneTarget struct {
	Name, Project string
	Size          uint64 // bytes, rounded up to a multiple of 4096
	Replicas      uint32
	SectorSize    uint32 // 512 or 4096
	Compression   bool
	QosPolicy     string   // a name; "" for the project's default
	Host          CopyHost // the only host with access until the volume is published
}

// CreateCloneTarget creates the volume in the state Creating, with the checks of CreateVolume. If the cluster has too
// few nodes for the replicas it returns ResourceExhausted, where CreateVolume creates a volume that becomes Failed. The
// volume is not a clone for its cluster.
func (s *Service) CreateCloneTarget(tx *store.Tx, t CloneTarget) (volumeUUID string, err error) {
	if !projects.Has(tx, t.Project) {
		return "", refusal.New(refusal.NotFound, "project %q does not exist", t.Project)
	}
	if err := checkName("volume", t.Name); err != nil {
		return "", err
	}
	if err := s.checkVolumeNameFree(tx, t.Project, t.Name, ""); err != nil {
		return "", err
	}
	q := createVolumeRequest{
		Name: t.Name, ProjectName: t.Project, Size: strconv.FormatUint(t.Size, 10), ReplicaCount: t.Replicas,
		Compression: compressionText(t.Compression), QosPolicyName: t.QosPolicy, SectorSize: SectorSize4K,
		ACL: &accessList{Values: []string{t.Host.NQN}},
	}
	if t.SectorSize == 512 {
		q.SectorSize = SectorSize512
	}
	v, err := s.newVolume(tx, &q)
	if err != nil {
		return "", err
	}
	if err := s.placeVolume(tx, &q, &v); err != nil {
		return "", err
	}
	if len(v.NodeList) == 0 {
		return "", refusal.New(refusal.ResourceExhausted,
			"volume %s cannot be placed: %d replicas of %d bytes do not fit on the active nodes", v.Name,
			v.ReplicaCount, v.Size)
	}
	v, err = s.insertVolume(tx, v)
	return v.UUID, err
}

// CloneTargetReady reports whether the volume is Available. It returns NotFound if the volume does not exist, and
// FailedPrecondition if it is Failed or Deleting.
func (s *Service) CloneTargetReady(tx *store.Tx, project, volumeUUID string) (bool, error) {
	row, err := s.findVolume(tx, project, volumeRef{UUID: volumeUUID})
	if err != nil {
		return false, err
	}
	switch v := &row.Body; v.State {
	case VolumeFailed, VolumeDeleting:
		return false, refusal.New(refusal.FailedPrecondition, "volume %s is %s", v.Name, v.State)
	default:
		return v.State == VolumeAvailable, nil
	}
}

// Publish disconnects the host that has written a volume and gives the volume its final access lists. A list that was
// changed during the copy stays (assumption 131).
func (s *Service) Publish(tx *store.Tx, project, volumeUUID string, h CopyHost, acl, ipACL []string) error {
	row, err := s.findVolume(tx, project, volumeRef{UUID: volumeUUID})
	if err != nil {
		return err
	}
	if err := s.volumes.Refuse("UpdateVolume", &row); err != nil {
		return err
	}
	v := &row.Body
	if slices.Equal(values(v.ACL), []string{h.NQN}) {
		v.ACL = &StringList{Values: acl}
	}
	if slices.Equal(values(v.IPAcl), []string{allowAny}) {
		v.IPAcl = &StringList{Values: ipACL}
	}
	if err := s.disconnect(tx, v, h); err != nil {
		return err
	}
	if err := s.volumes.Save(tx, &row); err != nil {
		return err
	}
	return s.logVolume(tx, events.VolumeUpdated, v)
}

// SnapshotTarget creates a snapshot of a volume that has been copied, with the checks of CreateSnapshot, and returns
// its UUID. The snapshot is in the state Creating.
func (s *Service) SnapshotTarget(tx *store.Tx, project, volumeUUID, name, description string) (snapshotUUID string,
	err error) {
	q := createSnapshotRequest{Name: name, Description: description, ProjectName: project}
	if err := checkSnapshotRequest(&q); err != nil {
		return "", err
	}
	if err := s.CheckSnapshotName(tx, project, name); err != nil {
		return "", err
	}
	source, err := s.findVolume(tx, project, volumeRef{UUID: volumeUUID})
	if err != nil {
		return "", err
	}
	if err := s.volumes.Refuse("CreateSnapshot", &source); err != nil {
		return "", err
	}
	row, err := s.insertSnapshot(tx, &q, &source.Body)
	return row.Body.UUID, err
}

// CheckSnapshotName returns AlreadyExists for a name that a snapshot of the project has, so that a copy can be refused
// before it starts.
func (s *Service) CheckSnapshotName(tx *store.Tx, project, name string) error {
	if err := checkName("snapshot", name); err != nil {
		return err
	}
	deleting, err := s.checkSnapshotNameFree(tx, project, name)
	if err == nil && deleting {
		err = refusal.New(refusal.AlreadyExists, "a snapshot with the name %q in project %s is still being deleted",
			name, project)
	}
	return err
}

// SnapshotReady reports whether the snapshot is Available. It returns NotFound if it does not exist, and
// FailedPrecondition if it is Failed or Deleting.
func (s *Service) SnapshotReady(tx *store.Tx, project, snapshotUUID string) (bool, error) {
	row, err := s.findSnapshot(tx, project, snapshotRef{UUID: snapshotUUID})
	if err != nil {
		return false, err
	}
	switch sn := &row.Body; sn.State {
	case SnapshotFailed, SnapshotDeleting:
		return false, refusal.New(refusal.FailedPrecondition, "snapshot %s is %s", sn.Name, sn.State)
	default:
		return sn.State == SnapshotAvailable, nil
	}
}

// Discard removes what an unfinished copy has created: the snapshot, which may be "", and the volume. It is not an
// error if they do not exist. It also works on a cluster that cannot be reached, which cleans up by itself (assumption
// 128).
func (s *Service) Discard(tx *store.Tx, project, volumeUUID, snapshotUUID string) error {
	if snapshotUUID != "" {
		row, err := s.snapshots.Get(tx, scopedKey(project, snapshotUUID))
		if ignoreNotFound(err) != nil {
			return err
		}
		if err == nil {
			err = discard(tx, s.snapshots, &row)
		}
		if ignoreNotFound(err) != nil {
			return err
		}
	}
	row, err := s.volumes.Get(tx, scopedKey(project, volumeUUID))
	if err != nil {
		return ignoreNotFound(err)
	}
	return discard(tx, s.volumes, &row)
}

// discard removes a volume or snapshot in the way that its state allows: it is deleted, or it fails and is purged. One
// that is Deleting is left alone.
func discard[B any](tx *store.Tx, m *statemachine.Machine[B], row *statemachine.Row[B]) error {
	switch row.Life.State {
	case statemachine.State(VolumeDeleting):
		return nil
	case statemachine.State(VolumeAvailable), statemachine.State(VolumeMigrating):
		return m.Fire(tx, row, "delete")
	case statemachine.State(VolumeFailed):
	default:
		if err := m.Fire(tx, row, "fail"); err != nil {
			return err
		}
	}
	return m.Fire(tx, row, "purge")
}
