package lucidlink

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// snapshotOperations returns the daemon's operations on snapshots. Their paths are ours (assumption 165).
func (s *Service) snapshotOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListSnapshots", Method: http.MethodGet, Path: "/app/snapshots",
			Statuses: []int{200, 400, 409}, Extra: true, Endpoint: api.Handle(s.listSnapshots)},
		{Name: "CreateSnapshot", Method: http.MethodPost, Path: "/app/snapshots",
			Statuses: []int{201, 400, 403, 409}, Extra: true, Endpoint: api.Handle(s.createSnapshot)},
		{Name: "DeleteSnapshot", Method: http.MethodDelete, Path: "/app/snapshots/{id}",
			Statuses: []int{204, 400, 403, 404, 409}, Extra: true, Endpoint: api.Handle(s.deleteSnapshot)},
	}
}

// Snapshot is a filespace's data at an instant: the part of its log between Deleted and Written.
type Snapshot struct {
	Filespace string `json:"filespace"` // id
	ID        int64  `json:"id"`        // from 1, never reused
	Name      string `json:"name"`
	Created   int64  `json:"created"` // ms
	Deleted   uint64 `json:"deleted"`
	Written   uint64 `json:"written"`
}

func snapshotKey(filespace string, id int64) string {
	return fmt.Sprintf("%s%s%012d", filespace, keySeparator, id)
}

// snapshots are in the order of their creation.
var snapshots = store.NewTable("lucidlink.snapshot",
	func(s *Snapshot) string { return snapshotKey(s.Filespace, s.ID) }, store.JSON[Snapshot]())

// snapshotResponse is a snapshot as the daemon shows it. The state is always valid
// (facts/dms-lucidlink-lucidity.md 1.4).
type snapshotResponse struct {
	ID      int64  `json:"id"`
	State   string `json:"state"`
	Name    string `json:"name"`
	Created string `json:"created"`
}

func (s *Snapshot) response() snapshotResponse {
	created := time.UnixMilli(s.Created).UTC().Format(time.RFC3339)
	return snapshotResponse{ID: s.ID, State: "valid", Name: s.Name, Created: created}
}

const (
	maxSnapshotName = 40 // facts/dms-lucidlink-lucidity.md 1.4
	maxSnapshots    = 1000
)

const snapshotNameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ ()"

// takeSnapshot creates a snapshot of the filespace's present data (assumption 167).
func (s *Service) takeSnapshot(tx *store.Tx, row *statemachine.Row[Filespace], name string) (snapshotResponse, error) {
	f := &row.Body
	if len(name) > maxSnapshotName || strings.Trim(name, snapshotNameLetters) != "" {
		return snapshotResponse{}, invalid(
			"The snapshot name %q must be at most %d of the characters a-z, A-Z, 0-9, space and -_().",
			clip(name), maxSnapshotName)
	}
	count := 0
	for range snapshots.Scan(tx, f.ID+keySeparator, "") {
		count++
	}
	if count >= maxSnapshots {
		return snapshotResponse{}, refusal.New(refusal.Aborted,
			"The filespace has %d snapshots, the maximum; delete one first.", count)
	}
	snap := Snapshot{
		Filespace: f.ID, ID: f.Snapshots + 1, Name: name, Created: tx.Now.UnixMilli(),
		Deleted: f.Deleted, Written: f.Written,
	}
	if snap.Name == "" {
		snap.Name = "snapshot " + strconv.FormatInt(snap.ID, 10)
	}
	return snap.response(), s.changeUse(tx, row, func() error {
		f.Snapshots = snap.ID
		return snapshots.Insert(tx, &snap)
	})
}

func (s *Service) listSnapshots(tx *store.Tx, r *api.Request, _ *api.Empty) ([]snapshotResponse, error) {
	_, row, err := s.linked(tx, r)
	if err != nil {
		return nil, err
	}
	list := []snapshotResponse{}
	for _, snap := range snapshots.All(tx, row.Body.ID+keySeparator, "") {
		list = append(list, snap.response())
	}
	return list, nil
}

type snapshotRequest struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Password string `json:"password"` // root's
}

type createSnapshotRequest struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Password string `json:"password" required:"The password is missing; give the password of root."`
}

func (s *Service) createSnapshot(tx *store.Tx, r *api.Request, q *createSnapshotRequest) (snapshotResponse, error) {
	row, err := s.rootsFilespace(tx, r, q.Password)
	if err != nil {
		return snapshotResponse{}, err
	}
	return s.takeSnapshot(tx, &row, q.Name)
}

// deleteSnapshot deletes a snapshot and frees the data that only it needs.
func (s *Service) deleteSnapshot(tx *store.Tx, r *api.Request, q *snapshotRequest) (api.Empty, error) {
	row, err := s.rootsFilespace(tx, r, q.Password)
	if err != nil {
		return api.Empty{}, err
	}
	id, err := strconv.ParseInt(q.ID, 10, 64)
	if err != nil || id < 1 {
		return api.Empty{}, invalid("The snapshot ID %q must be a whole number above 0.", clip(q.ID))
	}
	key := snapshotKey(row.Body.ID, id)
	if !snapshots.Has(tx, key) {
		return api.Empty{}, refusal.New(refusal.NotFound, "Snapshot with ID %d does not exist.", id)
	}
	return api.Empty{}, s.changeUse(tx, &row, func() error { return snapshots.Delete(tx, key) })
}
