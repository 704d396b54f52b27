package lightbits

import (
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

func (s *Service) snapshotOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListSnapshots", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/snapshots",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("snapshots", "list"), Endpoint: api.HandleAs[snapshotList](s.listSnapshots)},
		{Name: "CreateSnapshot", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/snapshots",
			Statuses: []int{200, 400, 401, 403, 404, 409, 500, 501}, Needs: can("snapshots", "create"), Endpoint: api.Handle(s.createSnapshot)},
		{Name: "ListChangedBlocks", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/snapshots/diff/{snapshotUUID}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("snapshots", "get"), Endpoint: api.Handle(s.listChangedBlocks)},
		{Name: "GetSnapshot", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/snapshots/{UUID}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("snapshots", "get"), Endpoint: api.HandleAs[Snapshot](s.getSnapshot)},
		{Name: "DeleteSnapshot", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/snapshots/{UUID}",
			Statuses: []int{200, 400, 404, 409, 412, 500, 503}, Needs: can("snapshots", "delete"), Endpoint: api.Handle(s.deleteSnapshot)},
	}
}

// Snapshot is a snapshot as the API answers it (facts/lightbits.md 4.2). Its ETag stays empty.
type Snapshot struct {
	State            SnapshotState       `json:"state"`
	UUID             string              `json:"UUID"`
	Name             string              `json:"name"`
	Description      string              `json:"description"`
	CreationTime     time.Time           `json:"creationTime"` // unset until the snapshot is cut
	RetentionTime    *wire.Duration      `json:"retentionTime"`
	SourceVolumeUUID string              `json:"sourceVolumeUUID"`
	SourceVolumeName string              `json:"sourceVolumeName"`
	ReplicaCount     uint32              `json:"replicaCount"`
	NodeList         []string            `json:"nodeList"`
	Nsid             uint32              `json:"nsid"`
	ACL              *StringList         `json:"acl"`
	Compression      bool                `json:"compression"`
	Size             uint64              `json:"size"` // bytes
	IPAcl            *StringList         `json:"IPAcl"`
	SectorSize       uint32              `json:"sectorSize"`
	Statistics       *SnapshotStatistics `json:"statistics"`
	ETag             string              `json:"ETag"`
	ProjectName      string              `json:"projectName"`
	PrimaryNodeUUID  string              `json:"primaryNodeUUID"`
	Labels           []*Label            `json:"labels"`
	ClusterID        string              `json:"clusterId"`
	PgUUID           string              `json:"pgUUID"`
}

// SnapshotState is the life-cycle state of a snapshot.
type SnapshotState string

// The states of a snapshot. Deleted is never shown.
const (
	SnapshotCreating  SnapshotState = "Creating"
	SnapshotAvailable SnapshotState = "Available"
	SnapshotDeleting  SnapshotState = "Deleting"
	SnapshotFailed    SnapshotState = "Failed"
)

// EnumNumbers is as in the vendor's definition.
func (SnapshotState) EnumNumbers() map[string]int32 { return snapshotStates }

var snapshotStates = map[string]int32{"Unknown": 0, "Creating": 1, "Available": 2, "Deleting": 3, "Deleted": 4, "Failed": 7}

// Indexes of snapshots.
const (
	snapshotsByName   = "name"   // project, name
	snapshotsByVolume = "volume" // sourceVolumeUUID
)

func snapshotKey(sn *Snapshot) string { return scopedKey(sn.ProjectName, sn.UUID) }

func (s *Service) snapshotMachine() *statemachine.Machine[Snapshot] {
	type row = statemachine.Row[Snapshot]
	const (
		creating, available = statemachine.State(SnapshotCreating), statemachine.State(SnapshotAvailable)
		deleting, failed    = statemachine.State(SnapshotDeleting), statemachine.State(SnapshotFailed)
	)
	return statemachine.Define(statemachine.Machine[Snapshot]{
		Kind: "lightbits.snapshot", Initial: []statemachine.State{creating, available}, Zero: zero,
		Key: snapshotKey, ID: func(sn *Snapshot) string { return sn.UUID }, Name: func(sn *Snapshot) string { return sn.Name },
		Locate: s.inEveryProject,
		Mirror: func(sn *Snapshot, l statemachine.Life) { sn.State = SnapshotState(l.State) },
		Rules: []statemachine.Rule[Snapshot]{
			{From: []statemachine.State{creating}, On: "ready", To: available, After: "create", Do: s.snapshotReady, Unless: s.unlessSource},
			{From: []statemachine.State{creating, available}, On: "fail", To: failed, Do: s.snapshotFailed},
			{From: []statemachine.State{available}, On: "delete", To: deleting, Do: s.snapshotDeleting},
			{From: []statemachine.State{available}, On: "expire", To: deleting, Do: s.snapshotDeleting},
			{From: []statemachine.State{deleting}, On: "deleted", To: statemachine.Gone, After: "delete", Do: s.snapshotGone,
				Unless: func(tx *store.Tx, r *row) statemachine.Event {
					if s.hasClones(tx, r.Body.UUID) {
						return statemachine.Stay
					}
					return ""
				}},
			{From: []statemachine.State{deleting}, On: "lastclone", To: statemachine.Gone, Do: s.snapshotGone},
			{From: []statemachine.State{failed}, On: "purge", To: statemachine.Gone, Do: s.snapshotGone},
		},
		Guards: []statemachine.Guard{
			{Operation: "DeleteSnapshot", In: []statemachine.State{creating}, Kind: refusal.Unavailable, Message: msgSnapshotTemporary},
			{Operation: "DeleteSnapshot", In: []statemachine.State{deleting, failed}, Kind: refusal.InvalidArgument, Message: "snapshot {name} is {state} and cannot be deleted"},
			{Operation: "CreateVolume", In: []statemachine.State{creating}, Kind: refusal.Unavailable, Message: msgSnapshotTemporary},
			{Operation: "CreateVolume", In: []statemachine.State{deleting, failed}, Kind: refusal.InvalidArgument, Message: "snapshot {name} is {state} and cannot be cloned"},
			{Operation: "RollbackVolume", In: []statemachine.State{creating}, Kind: refusal.Unavailable, Message: msgSnapshotTemporary},
			{Operation: "RollbackVolume", In: []statemachine.State{deleting, failed}, Kind: refusal.InvalidArgument, Message: "snapshot {name} is {state}; a volume cannot be rolled back to it"},
		},
		Delays: map[string]statemachine.DelayDefault{
			"create": {Fast: "100ms", Realistic: "2s"}, "delete": {Fast: "200ms", Realistic: "30s"},
		},
		Indexes: []store.Index[row]{
			{Name: snapshotsByName, Keys: func(r *row) []string { return []string{scopedKey(r.Body.ProjectName, r.Body.Name)} }},
			{Name: snapshotsByVolume, Keys: func(r *row) []string { return []string{r.Body.SourceVolumeUUID} }},
		},
	})
}

const msgSnapshotTemporary = "snapshot {name} is in the temporary state {state}; try again later"

// unlessSource: of a volume that is gone or has failed there is nothing to cut.
func (s *Service) unlessSource(tx *store.Tx, row *statemachine.Row[Snapshot]) statemachine.Event {
	volume, err := s.volumes.Get(tx, scopedKey(row.Body.ProjectName, row.Body.SourceVolumeUUID))
	if err != nil || volume.Body.State == VolumeFailed {
		return "fail"
	}
	return ""
}

// snapshotReady cuts the snapshot: what it holds and its creation time are of this instant (facts/lightbits.md 4.2).
// From here on its retention time runs.
func (s *Service) snapshotReady(tx *store.Tx, row *statemachine.Row[Snapshot]) error {
	sn := &row.Body
	sn.CreationTime = tx.Now
	volume, err := s.volumes.Get(tx, scopedKey(sn.ProjectName, sn.SourceVolumeUUID))
	if err != nil {
		return err
	}
	if err := s.snapshotBlocks(tx, &volume.Body, sn); err != nil {
		return err
	}
	if sn.RetentionTime != nil && *sn.RetentionTime > 0 {
		if err := s.snapshots.After(tx, row, "expire", tx.Now.Add(time.Duration(*sn.RetentionTime))); err != nil {
			return err
		}
	}
	return s.logSnapshot(tx, eventSnapshotAvailable, sn)
}

// snapshotFailed: like a failed volume, it stays visible and holds nothing (assumption 302).
func (s *Service) snapshotFailed(tx *store.Tx, row *statemachine.Row[Snapshot]) error {
	sn := &row.Body
	if err := s.dropSnapshotBlocks(tx, sn); err != nil {
		return err
	}
	nodes := sn.NodeList
	sn.NodeList, sn.PrimaryNodeUUID, sn.PgUUID, sn.Statistics = nil, "", "", &SnapshotStatistics{}
	if err := s.lookAtDeletions(tx, nodes); err != nil {
		return err
	}
	return s.logSnapshot(tx, eventSnapshotFailed, sn)
}

func (s *Service) snapshotDeleting(tx *store.Tx, row *statemachine.Row[Snapshot]) error {
	return s.logSnapshot(tx, eventSnapshotDeleting, &row.Body)
}

func (s *Service) snapshotGone(tx *store.Tx, row *statemachine.Row[Snapshot]) error {
	if err := s.dropSnapshotBlocks(tx, &row.Body); err != nil {
		return err
	}
	if err := s.lookAtDeletions(tx, row.Body.NodeList); err != nil {
		return err
	}
	return s.logSnapshot(tx, eventSnapshotDeleted, &row.Body)
}

func (s *Service) hasClones(tx *store.Tx, snapshot string) bool {
	for range s.volumes.Table().KeysBy(tx, volumesBySnapshot, snapshot) {
		return true
	}
	return false
}

func (s *Service) hasSnapshots(tx *store.Tx, v *Volume) bool {
	for range s.snapshots.Table().KeysBy(tx, snapshotsByVolume, v.UUID) {
		return true
	}
	return false
}

// ignoreNotFound is for rows that may be gone by now.
func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// snapshotRef is how a request names a snapshot; the UUID wins.
type snapshotRef struct{ UUID, Name string }

// findSnapshot answers the snapshot that a request names. Of several with one name the live one wins, then one that is
// Deleting. NotFound, or InvalidArgument when the request names none or the UUID is none.
func (s *Service) findSnapshot(tx *store.Tx, project string, ref snapshotRef) (statemachine.Row[Snapshot], error) {
	var best statemachine.Row[Snapshot]
	switch {
	case ref.UUID != "":
		if _, err := uuid.Parse(ref.UUID); err != nil {
			return best, refusal.New(refusal.InvalidArgument, "snapshot UUID %q is not a UUID", ref.UUID)
		}
		row, err := s.snapshots.Get(tx, scopedKey(project, ref.UUID))
		if errors.Is(err, store.ErrNotFound) {
			return best, refusal.New(refusal.NotFound, "snapshot %s was not found in project %s", ref.UUID, project)
		}
		return row, err
	case ref.Name == "":
		return best, refusal.New(refusal.InvalidArgument, "either the UUID or the name of the snapshot must be given")
	}
	found := false
	for _, row := range s.snapshots.Table().By(tx, snapshotsByName, scopedKey(project, ref.Name)) {
		if !found || holdsName(row.Life.State) || best.Life.State == statemachine.State(SnapshotFailed) {
			best, found = row, true
		}
	}
	if !found {
		return best, refusal.New(refusal.NotFound, "snapshot %q was not found in project %s", ref.Name, project)
	}
	return best, nil
}

func (s *Service) logSnapshot(tx *store.Tx, name eventName, sn *Snapshot) error {
	return s.logEvent(tx, name, snapshotSubject(sn.ProjectName, sn.SourceVolumeUUID, sn.SourceVolumeName, sn.UUID, sn.Name))
}
