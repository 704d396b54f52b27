package lightbits

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) volumeOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListVolumes", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/volumes", Also: []string{"/api/v2/volumes"},
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("volumes", "list"), Endpoint: api.HandleAs[volumeList](s.listVolumes)},
		{Name: "CreateVolume", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/volumes", Also: []string{"/api/v2/volumes"},
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("volumes", "create"), Endpoint: api.Handle(s.createVolume)},
		{Name: "GetVolume", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/volumes/{UUID}", Also: []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("volumes", "get"), Endpoint: api.HandleAs[Volume](s.getVolume)},
		{Name: "DeleteVolume", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/volumes/{UUID}", Also: []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 503}, Needs: can("volumes", "delete"), Endpoint: api.Handle(s.deleteVolume)},
		{Name: "UpdateVolume", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/volumes/{UUID}", Also: []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 501, 503}, Needs: can("volumes", "update"), Endpoint: api.Handle(s.updateVolume)},
		{Name: "RollbackVolume", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/volumes/{UUID}/rollback",
			Statuses: []int{200, 400, 401, 403, 404, 500, 503}, Needs: can("volumes", "rollback"), Endpoint: api.Handle(s.rollbackVolume)},
	}
}

// Volume is a volume as the API answers it (facts/lightbits.md 4.1). Its UUID is also that of the NVMe namespace.
type Volume struct {
	State                 VolumeState             `json:"state"`
	ProtectionState       ProtectionState         `json:"protectionState"`
	ReplicaCount          uint32                  `json:"replicaCount"`
	NodeList              []string                `json:"nodeList"`
	UUID                  string                  `json:"UUID"`
	Nsid                  uint32                  `json:"nsid"`
	ACL                   *StringList             `json:"acl"`
	Compression           string                  `json:"compression"` // "true" or "false"
	Size                  uint64                  `json:"size"`        // bytes
	Name                  string                  `json:"name"`
	RebuildProgress       string                  `json:"rebuildProgress"`
	Statistics            *VolumeStatistics       `json:"statistics"`
	IPAcl                 *StringList             `json:"IPAcl"`
	ETag                  string                  `json:"ETag"`
	ConnectedHosts        []string                `json:"connectedHosts"`
	SectorSize            uint32                  `json:"sectorSize"`
	ProjectName           string                  `json:"projectName"`
	SourceSnapshotUUID    string                  `json:"sourceSnapshotUUID"`
	SourceSnapshotName    string                  `json:"sourceSnapshotName"`
	PlacementRestrictions []*LabelMatchExpression `json:"placementRestrictions"`
	QosPolicyUUID         string                  `json:"qosPolicyUUID"`
	QosPolicyName         string                  `json:"qosPolicyName"`
	PrimaryNodeUUID       string                  `json:"primaryNodeUUID"`
	CreationTime          time.Time               `json:"creationTime"`
	Labels                []*Label                `json:"labels"`
	ClusterID             string                  `json:"clusterId"`
	PgUUID                string                  `json:"pgUUID"`
}

// StringList is a list in a message of its own, so that it can be absent.
type StringList struct {
	Values []string `json:"values"`
}

// Label is a key and value; keys keep only what follows their last '-' or '.'.
type Label struct {
	Key   string `json:"key" required:"label is invalid: key and value must have 1 to 253 letters, digits, '-', '_' and '.'"`
	Value string `json:"value" required:"label is invalid: key and value must have 1 to 253 letters, digits, '-', '_' and '.'"`
}

// VolumeState is the life-cycle state of a volume.
type VolumeState string

// The states of a volume. Deleted is deprecated and never shown.
const (
	VolumeCreating  VolumeState = "Creating"
	VolumeAvailable VolumeState = "Available"
	VolumeDeleting  VolumeState = "Deleting"
	VolumeFailed    VolumeState = "Failed"
	VolumeUpdating  VolumeState = "Updating"
	VolumeRollback  VolumeState = "Rollback"
	VolumeMigrating VolumeState = "Migrating"
)

// EnumNumbers is as in the vendor's definition.
func (VolumeState) EnumNumbers() map[string]int32 { return volumeStates }

var volumeStates = map[string]int32{
	"Unknown": 0, "Creating": 1, "Available": 2, "Deleting": 3, "Deleted": 4, "Failed": 7, "Updating": 8, "Rollback": 9,
	"Migrating": 10,
}

// rebuildNone is the rebuildProgress of a volume that is not being rebuilt (facts/lightbits.md 4.1).
const rebuildNone = "None"

// Indexes of volumes.
const (
	volumesByName     = "name"     // project, name: several rows may share one, since Deleting and Failed ones do not block it
	volumesByNode     = "node"     // each node of nodeList
	volumesBySnapshot = "snapshot" // the snapshot that a clone was made from
)

func scopedKey(project, id string) string { return project + "\x00" + id }

func volumeKey(v *Volume) string { return scopedKey(v.ProjectName, v.UUID) }

func (s *Service) volumeMachine() *statemachine.Machine[Volume] {
	type row = statemachine.Row[Volume]
	const (
		creating, available, deleting = statemachine.State(VolumeCreating), statemachine.State(VolumeAvailable), statemachine.State(VolumeDeleting)
		failed, updating, rollback    = statemachine.State(VolumeFailed), statemachine.State(VolumeUpdating), statemachine.State(VolumeRollback)
		migrating                     = statemachine.State(VolumeMigrating)
	)
	usable := []statemachine.State{available, migrating}
	return statemachine.Define(statemachine.Machine[Volume]{
		Kind: "lightbits.volume", Initial: []statemachine.State{creating, available, failed}, Zero: zero,
		Key: volumeKey, ID: func(v *Volume) string { return v.UUID }, Name: func(v *Volume) string { return v.Name },
		Locate: s.inEveryProject,
		Mirror: func(v *Volume, l statemachine.Life) {
			v.State, v.ETag = VolumeState(l.State), strconv.FormatUint(l.Version, 10)
		},
		Rules: []statemachine.Rule[Volume]{
			{From: []statemachine.State{creating}, On: "ready", To: available, After: "create", Do: s.volumeReady,
				Unless: func(tx *store.Tx, r *row) statemachine.Event {
					if len(r.Body.NodeList) == 0 {
						return "fail"
					}
					return s.unlessMoving(tx, r)
				}},
			{From: []statemachine.State{creating}, On: "moving", To: migrating, Do: s.volumeReady},
			{From: []statemachine.State{creating, available, updating, rollback, migrating}, On: "fail", To: failed, Do: s.volumeFailed},
			{From: usable, On: "update", To: updating},
			{From: []statemachine.State{updating}, On: "updated", To: available, After: "update", Do: s.volumeUpdated, Unless: s.unlessMoving},
			{From: []statemachine.State{updating}, On: "moving", To: migrating, Do: s.volumeUpdated},
			{From: usable, On: "rollback", To: rollback},
			{From: []statemachine.State{rollback}, On: "rolledback", To: available, After: "rollback", Do: s.volumeRolledBack, Unless: s.unlessMoving},
			{From: []statemachine.State{rollback}, On: "moving", To: migrating, Do: s.volumeRolledBack},
			{From: []statemachine.State{available}, On: "migrate", To: migrating},
			{From: []statemachine.State{migrating}, On: "migrated", To: available, After: "migrate",
				Unless: func(tx *store.Tx, r *row) statemachine.Event {
					if s.migrates(tx, &r.Body) {
						return statemachine.Stay
					}
					return ""
				}},
			{From: []statemachine.State{migrating}, On: "settled", To: available},
			{From: usable, On: "delete", To: deleting, Do: s.volumeDeleting},
			{From: []statemachine.State{deleting}, On: "deleted", To: statemachine.Gone, After: "delete", Do: s.volumeGone},
			{From: []statemachine.State{failed}, On: "purge", To: statemachine.Gone, Do: s.volumeGone},
		},
		Guards: volumeGuards,
		Delays: map[string]statemachine.DelayDefault{
			"create": {Fast: "200ms", Realistic: "3s"}, "update": {Fast: "100ms", Realistic: "2s"},
			"rollback": {Fast: "200ms", Realistic: "10s"}, "delete": {Fast: "200ms", Realistic: "20s"},
			"migrate": {Fast: "500ms", Realistic: "2m"},
		},
		Indexes: []store.Index[row]{
			{Name: volumesByName, Keys: func(r *row) []string { return []string{scopedKey(r.Body.ProjectName, r.Body.Name)} }},
			{Name: volumesByNode, Keys: func(r *row) []string { return r.Body.NodeList }},
			{Name: volumesBySnapshot, Keys: func(r *row) []string {
				if r.Body.SourceSnapshotUUID == "" {
					return nil
				}
				return []string{r.Body.SourceSnapshotUUID}
			}},
		},
	})
}

// volumeGuards: which operations are refused in which state, as their pages say (assumptions 13 and 14).
var volumeGuards = []statemachine.Guard{
	{Operation: "UpdateVolume", In: volumeIn(VolumeCreating, VolumeUpdating), Kind: refusal.Unavailable, Message: msgVolumeTemporary},
	{Operation: "UpdateVolume", In: volumeIn(VolumeDeleting, VolumeFailed), Kind: refusal.InvalidArgument, Message: "volume {name} is {state} and cannot be updated"},
	{Operation: "UpdateVolume", In: volumeIn(VolumeRollback), Kind: refusal.Aborted, Message: msgVolumeBusy},
	{Operation: "DeleteVolume", In: volumeIn(VolumeCreating, VolumeUpdating), Kind: refusal.Unavailable, Message: msgVolumeTemporary},
	{Operation: "DeleteVolume", In: volumeIn(VolumeDeleting, VolumeFailed), Kind: refusal.InvalidArgument, Message: "volume {name} is {state} and cannot be deleted"},
	{Operation: "DeleteVolume", In: volumeIn(VolumeRollback), Kind: refusal.Aborted, Message: msgVolumeBusy},
	{Operation: "RollbackVolume", In: volumeIn(VolumeCreating, VolumeUpdating, VolumeRollback, VolumeDeleting), Kind: refusal.Unavailable, Message: "volume {name} is {state} and cannot be rolled back now"},
	{Operation: "RollbackVolume", In: volumeIn(VolumeFailed), Kind: refusal.InvalidArgument, Message: "volume {name} is {state} and cannot be rolled back"},
	{Operation: "CreateSnapshot", In: volumeIn(VolumeCreating, VolumeUpdating, VolumeRollback), Kind: refusal.Unavailable, Message: "source " + msgVolumeTemporary},
	{Operation: "CreateSnapshot", In: volumeIn(VolumeDeleting, VolumeFailed), Kind: refusal.InvalidArgument, Message: "source volume {name} is {state} and cannot be snapshotted"},
	{Operation: "DeleteSnapshot", In: volumeIn(VolumeUpdating), Kind: refusal.Unavailable, Message: "source " + msgVolumeTemporary},
	{Operation: "DeleteSnapshot", In: volumeIn(VolumeRollback), Kind: refusal.Aborted, Message: msgVolumeBusy},
}

func volumeIn(states ...VolumeState) []statemachine.State {
	list := make([]statemachine.State, len(states))
	for i, s := range states {
		list[i] = statemachine.State(s)
	}
	return list
}

const (
	msgVolumeTemporary = "volume {name} is in the temporary state {state}; try again later"
	msgVolumeBusy      = "there is a user operation in progress on volume {name}: it is in state {state}"
)

// inEveryProject answers the keys that a volume or snapshot with that UUID may have.
func (s *Service) inEveryProject(tx *store.Tx, id string) []string {
	var keys []string
	for _, name := range s.projectNames(tx) {
		keys = append(keys, scopedKey(name, id))
	}
	return keys
}

// volumeRef is how a request names a volume: by UUID or, where that is empty, by name.
type volumeRef struct {
	UUID string `json:"UUID"`
	Name string `json:"name"`
}

// findVolume answers the volume that a request names. Of several with one name the live one wins. NotFound, or
// InvalidArgument when the request names none or the UUID is none.
func (s *Service) findVolume(tx *store.Tx, project string, ref volumeRef) (statemachine.Row[Volume], error) {
	var none statemachine.Row[Volume]
	switch {
	case ref.UUID != "":
		if _, err := uuid.Parse(ref.UUID); err != nil {
			return none, refusal.New(refusal.InvalidArgument, "volume UUID %q is not a UUID", ref.UUID)
		}
		row, err := s.volumes.Get(tx, scopedKey(project, ref.UUID))
		if errors.Is(err, store.ErrNotFound) {
			return none, refusal.New(refusal.NotFound, "volume %s was not found in project %s", ref.UUID, project)
		}
		return row, err
	case ref.Name != "":
		row, found := s.volumeByName(tx, project, ref.Name)
		if !found {
			return none, refusal.New(refusal.NotFound, "volume %q was not found in project %s", ref.Name, project)
		}
		return row, nil
	}
	return none, refusal.New(refusal.InvalidArgument, "either the UUID or the name of the volume must be given")
}

// volumeByName answers the volume of that name; one that is Deleting or Failed only where no live one has it
// (facts/lightbits.md 4.1 "Transitions").
func (s *Service) volumeByName(tx *store.Tx, project, name string) (statemachine.Row[Volume], bool) {
	var best statemachine.Row[Volume]
	found := false
	for _, row := range s.volumes.Table().By(tx, volumesByName, scopedKey(project, name)) {
		if !found || holdsName(row.Life.State) {
			best, found = row, true
		}
	}
	return best, found
}

// holdsName says whether a volume or snapshot in that state keeps its name from others.
func holdsName(state statemachine.State) bool {
	return state != statemachine.State(VolumeDeleting) && state != statemachine.State(VolumeFailed)
}

func (s *Service) volumeReady(tx *store.Tx, row *statemachine.Row[Volume]) error {
	s.protect(tx, &row.Body)
	return s.logVolume(tx, eventVolumeAvailable, &row.Body)
}

// volumeFailed: a failed volume stays visible but holds nothing (facts/lightbits.md 4.1,
// assumption 302): no replicas, no blocks, no hosts.
func (s *Service) volumeFailed(tx *store.Tx, row *statemachine.Row[Volume]) error {
	v := &row.Body
	about := volumeSubject(v.ProjectName, v.UUID, v.Name)
	if len(v.NodeList) == 0 {
		about = about.with(s.whyNotPlaced(tx, v))
	}
	if err := s.vacate(tx, v); err != nil {
		return err
	}
	v.NodeList, v.PrimaryNodeUUID, v.PgUUID, v.ConnectedHosts = nil, "", "", nil
	v.ProtectionState, v.RebuildProgress, v.Statistics = ProtectionNotAvailable, rebuildNone, &VolumeStatistics{}
	return s.logEvent(tx, eventVolumeFailed, about)
}

// whyNotPlaced says what a volume without nodes lacks.
func (s *Service) whyNotPlaced(tx *store.Tx, v *Volume) string {
	if _, err := s.place(tx, attachedNodes(tx), v.Size, v.ReplicaCount, v.PlacementRestrictions); err != nil {
		return err.Error()
	}
	return "too few nodes had room for its replicas when it was created"
}

// vacate gives back what a volume held of its nodes, and lets its hosts go.
func (s *Service) vacate(tx *store.Tx, v *Volume) error {
	if err := s.dropVolumeBlocks(tx, v); err != nil {
		return err
	}
	for _, nqn := range v.ConnectedHosts {
		if err := disconnectVolume(tx, nqn, v.UUID); err != nil && !refusal.Is(err, refusal.NotFound) {
			return err
		}
	}
	return s.chargeVolume(tx, v, -1)
}

func (s *Service) volumeUpdated(tx *store.Tx, row *statemachine.Row[Volume]) error {
	return s.logVolume(tx, eventVolumeUpdated, &row.Body)
}

func (s *Service) volumeRolledBack(tx *store.Tx, row *statemachine.Row[Volume]) error {
	return s.logVolume(tx, eventVolumeRolledBack, &row.Body)
}

func (s *Service) volumeDeleting(tx *store.Tx, row *statemachine.Row[Volume]) error {
	return s.logVolume(tx, eventVolumeDeleting, &row.Body)
}

// volumeGone gives back what the volume held, and lets go the snapshot that waited for its last clone.
func (s *Service) volumeGone(tx *store.Tx, row *statemachine.Row[Volume]) error {
	v := &row.Body
	if err := s.vacate(tx, v); err != nil {
		return err
	}
	if err := s.logVolume(tx, eventVolumeDeleted, v); err != nil {
		return err
	}
	if err := s.dropResourcePolicies(tx, v.UUID); err != nil {
		return err
	}
	return s.cloneGone(tx, v)
}

func (s *Service) logVolume(tx *store.Tx, name eventName, v *Volume) error {
	return s.logEvent(tx, name, volumeSubject(v.ProjectName, v.UUID, v.Name))
}
