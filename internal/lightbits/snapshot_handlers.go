package lightbits

import (
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

type createSnapshotRequest struct {
	Name             string         `json:"name" required:"the snapshot name is missing"`
	SourceVolumeUUID string         `json:"sourceVolumeUUID"`
	SourceVolumeName string         `json:"sourceVolumeName"`
	RetentionTime    *wire.Duration `json:"retentionTime"`
	Description      string         `json:"description"`
	ProjectName      string         `json:"projectName"`
}

// createSnapshot: seeds/002 "Create snapshot". The response is the snapshot in Creating. If a Deleting snapshot has the
// name, the new one becomes Failed (facts/lightbits.md 4.2).
func (s *Service) createSnapshot(tx *store.Tx, r *api.Request, q *createSnapshotRequest) (Snapshot, error) {
	var none Snapshot
	if err := s.inProject(tx, r, q.ProjectName, "snapshots", "create"); err != nil {
		return none, err
	}
	if err := checkSnapshotRequest(q); err != nil {
		return none, err
	}
	deleting, err := s.checkSnapshotNameFree(tx, q.ProjectName, q.Name)
	if err != nil {
		return none, err
	}
	source, err := s.findVolume(tx, q.ProjectName, volumeRef{UUID: q.SourceVolumeUUID, Name: q.SourceVolumeName})
	if err != nil {
		return none, err
	}
	if err := s.snapshottable(tx, &source); err != nil {
		return none, err
	}
	row, err := s.insertSnapshot(tx, q, &source.Body)
	if err != nil || !deleting {
		return row.Body, err
	}
	err = s.snapshots.Divert(tx, &row, "fail")
	return row.Body, err
}

// snapshottable refuses a snapshot of a volume that is not in a state for it: with the 501 of the page, "unimplemented
// capability (updating capacity)", while the volume's size is being changed.
func (s *Service) snapshottable(tx *store.Tx, source *statemachine.Row[Volume]) error {
	v := &source.Body
	if v.State == VolumeUpdating && resizing.Has(tx, volumeKey(v)) {
		return refusal.New(refusal.Unimplemented, "unimplemented capability (updating capacity): "+
			"the size of volume %s is being changed", v.Name).Because(s.volumes.Stands("CreateSnapshot", source))
	}
	if err := s.volumes.Refuse("CreateSnapshot", source); err != nil {
		return err
	}
	return s.checkReads(tx, "volume", v.Name, v.UUID, v.NodeList)
}

func checkSnapshotRequest(q *createSnapshotRequest) error {
	if err := checkName("snapshot", q.Name); err != nil {
		return err
	}
	if err := checkDescription(q.Description); err != nil {
		return err
	}
	return checkRetention("retentionTime", q.RetentionTime)
}

// checkSnapshotNameFree returns AlreadyExists for the name of a live snapshot. deleting reports whether a Deleting
// snapshot has the name, so that a new one fails.
func (s *Service) checkSnapshotNameFree(tx *store.Tx, project, name string) (deleting bool, err error) {
	table := s.snapshots.Table()
	for key := range table.KeysBy(tx, snapshotsByName, scopedKey(project, name)) {
		raw, _ := table.Raw(tx, key)
		state := statemachine.State(statemachine.Peek(raw).State)
		if holdsName(state) {
			return false, refusal.New(refusal.AlreadyExists, "a snapshot with the name %q already exists in project %s",
				name, project).
				Because(NameTaken{Name: name, Project: project, State: state})
		}
		deleting = deleting || state == statemachine.State(SnapshotDeleting)
	}
	return deleting, nil
}

func (s *Service) insertSnapshot(tx *store.Tx, q *createSnapshotRequest, v *Volume) (statemachine.Row[Snapshot],
	error) {
	nsid, err := s.nextNsid(tx)
	if err != nil {
		return statemachine.Row[Snapshot]{}, err
	}
	sn := Snapshot{
		UUID: tx.NewUUID().String(), Name: q.Name, Description: q.Description, RetentionTime: q.RetentionTime,
		SourceVolumeUUID: v.UUID, SourceVolumeName: v.Name, ReplicaCount: v.ReplicaCount, NodeList: v.NodeList,
		Nsid: nsid, ACL: v.ACL, Compression: v.Compression == compressionText(true), Size: v.Size, IPAcl: v.IPAcl,
		SectorSize: v.SectorSize, Statistics: &SnapshotStatistics{}, ProjectName: v.ProjectName,
		PrimaryNodeUUID: v.PrimaryNodeUUID, Labels: v.Labels, ClusterID: v.ClusterID, PgUUID: v.PgUUID,
	}
	if err := s.logSnapshot(tx, events.SnapshotCreated, &sn); err != nil {
		return statemachine.Row[Snapshot]{}, err
	}
	return s.snapshots.Create(tx, sn, statemachine.State(SnapshotCreating))
}

type getSnapshotRequest struct {
	UUID        string `json:"UUID"`
	Name        string `json:"Name"`
	ProjectName string `json:"projectName"`
}

// snapshotList is the response of listSnapshots, which is joined from stored bytes.
type snapshotList struct {
	Snapshots []*Snapshot `json:"snapshots"`
}

// getSnapshot: seeds/002 "Get snapshot".
func (s *Service) getSnapshot(tx *store.Tx, r *api.Request, q *getSnapshotRequest) (api.JSON, error) {
	if err := s.inProject(tx, r, q.ProjectName, "snapshots", "get"); err != nil {
		return nil, err
	}
	row, err := s.findSnapshot(tx, q.ProjectName, snapshotRef{UUID: q.UUID, Name: q.Name})
	if err != nil {
		return nil, err
	}
	s.snapshotObserved(tx, snapshotKey(&row.Body), []byte(row.Life.State))
	raw, _ := s.snapshots.Table().Raw(tx, snapshotKey(&row.Body))
	return statemachine.Peek(raw).Body, nil
}

type listSnapshotsRequest struct {
	UUID        string `json:"UUID"`
	Name        string `json:"Name"`
	OffsetUUID  string `json:"offsetUUID"`
	Limit       int64  `json:"limit"`
	ShowAll     bool   `json:"showAll"`
	ProjectName string `json:"projectName"`
}

// listSnapshots: seeds/002 "List snapshots". The order is by UUID (assumption 8).
func (s *Service) listSnapshots(tx *store.Tx, r *api.Request, q *listSnapshotsRequest) (api.JSON, error) {
	if err := s.inProject(tx, r, q.ProjectName, "snapshots", "list"); err != nil {
		return nil, err
	}
	table := s.snapshots.Table()
	limit, err := pageSize(q.Limit)
	if err != nil {
		return nil, err
	}
	page := listPage{key: "snapshots", limit: limit, showAll: q.ShowAll,
		show: func(key string, row statemachine.Stored) []byte {
			s.snapshotObserved(tx, key, row.State)
			return row.Body
		}}
	if q.UUID == "" && q.Name == "" {
		page.scan(s.listed(tx, table.Scan, q.ProjectName, q.OffsetUUID))
		return page.answer(), nil
	}
	after := scopedKey(q.ProjectName, q.OffsetUUID)
	var keys []string
	if q.Name != "" {
		keys = slices.Sorted(table.KeysBy(tx, snapshotsByName, scopedKey(q.ProjectName, q.Name)))
	} else {
		keys = []string{scopedKey(q.ProjectName, q.UUID)}
	}
	for _, key := range keys {
		raw, there := table.Raw(tx, key)
		if !there || key <= after || q.UUID != "" && key != scopedKey(q.ProjectName, q.UUID) {
			continue
		}
		if !page.add(key, raw) {
			break
		}
	}
	return page.answer(), nil
}

type deleteSnapshotRequest struct {
	UUID        string `json:"UUID"`
	Name        string `json:"name"`
	ProjectName string `json:"projectName"`
}

// deleteSnapshot: seeds/002 "Delete snapshot". A snapshot with clones stays Deleting until the last of them is deleted
// (facts/lightbits.md 4.2). While its volume is being rolled back, the snapshot is in use: 409 (assumption 13).
func (s *Service) deleteSnapshot(tx *store.Tx, r *api.Request, q *deleteSnapshotRequest) (api.Empty, error) {
	var none api.Empty
	if err := s.inProject(tx, r, q.ProjectName, "snapshots", "delete"); err != nil {
		return none, err
	}
	row, err := s.findSnapshot(tx, q.ProjectName, snapshotRef{UUID: q.UUID, Name: q.Name})
	if err != nil {
		return none, err
	}
	if err := s.snapshots.Refuse("DeleteSnapshot", &row); err != nil {
		return none, err
	}
	volume, err := s.volumes.Get(tx, scopedKey(q.ProjectName, row.Body.SourceVolumeUUID))
	if ignoreNotFound(err) != nil {
		return none, err
	}
	if err := s.volumes.Refuse("DeleteSnapshot", &volume); err != nil {
		return none, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return none, err
	}
	return none, s.snapshots.Fire(tx, &row, "delete")
}
