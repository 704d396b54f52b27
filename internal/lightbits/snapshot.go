package lightbits

import (
	"errors"
	"net/http"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

func (s *Service) snapshotOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListSnapshots", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/snapshots",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("snapshots",
				"list"), Endpoint: api.HandleAs[snapshotList](s.listSnapshots)},
		{Name: "CreateSnapshot", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/snapshots",
			Statuses: []int{200, 400, 401, 403, 404, 409, 500, 501}, Needs: can("snapshots",
				"create"), Endpoint: api.Handle(s.createSnapshot)},
		{Name: "ListChangedBlocks", Method: http.MethodGet,
			Path:     "/api/v2/projects/{projectName}/snapshots/diff/{snapshotUUID}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("snapshots",
				"get"), Endpoint: api.Handle(s.listChangedBlocks)},
		{Name: "GetSnapshot", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/snapshots/{UUID}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("snapshots",
				"get"), Endpoint: api.HandleAs[Snapshot](s.getSnapshot)},
		{Name: "DeleteSnapshot", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/snapshots/{UUID}",
			Statuses: []int{200, 400, 404, 409, 412, 500, 503}, Needs: can("snapshots",
				"delete"), Endpoint: api.Handle(s.deleteSnapshot)},
	}
}

// Snapshot is a snapshot as the API returns it (facts/lightbits.md 4.2). Its ETag is always empty.
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

// Indexes of snapshots.
const (
	snapshotsByName   = "name"   // project, name
	snapshotsByVolume = "volume" // sourceVolumeUUID
)

func snapshotKey(sn *Snapshot) string { return scopedKey(sn.ProjectName, sn.UUID) }

func (s *Service) hasSnapshots(tx *store.Tx, v *Volume) bool {
	for range s.snapshots.Table().KeysBy(tx, snapshotsByVolume, v.UUID) {
		return true
	}
	return false
}

// snapshotRef names a snapshot in a request: by UUID or, if that is empty, by name.
type snapshotRef struct{ UUID, Name string }

// findSnapshot returns the snapshot that a request names; of several with one name, the live one, else one that is
// Deleting. It returns NotFound, or InvalidArgument if the reference is empty.
func (s *Service) findSnapshot(tx *store.Tx, project string, ref snapshotRef) (statemachine.Row[Snapshot], error) {
	var best statemachine.Row[Snapshot]
	switch {
	case ref.UUID != "":
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

func (s *Service) logSnapshot(tx *store.Tx, name events.Name, sn *Snapshot) error {
	return s.logEvent(tx, name, events.AboutSnapshot(sn.ProjectName, sn.SourceVolumeUUID, sn.SourceVolumeName, sn.UUID,
		sn.Name))
}
