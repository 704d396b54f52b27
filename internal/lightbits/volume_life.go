package lightbits

import (
	"strconv"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

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

// EnumNumbers returns the vendor's numbers.
func (VolumeState) EnumNumbers() map[string]int32 { return volumeStates }

var volumeStates = map[string]int32{
	"Unknown": 0, "Creating": 1, "Available": 2, "Deleting": 3, "Deleted": 4, "Failed": 7, "Updating": 8, "Rollback": 9,
	"Migrating": 10,
}

func (s *Service) volumeMachine() *statemachine.Machine[Volume] {
	type row = statemachine.Row[Volume]
	const (
		creating, available, deleting = statemachine.State(VolumeCreating), statemachine.State(VolumeAvailable),
			statemachine.State(VolumeDeleting)
		failed, updating, rollback = statemachine.State(VolumeFailed), statemachine.State(VolumeUpdating),
			statemachine.State(VolumeRollback)
		migrating = statemachine.State(VolumeMigrating)
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
				Unless: s.unlessWaiting},
			{From: []statemachine.State{creating}, On: "encrypted", To: available, Do: s.volumeReady,
				Unless: s.unlessUnserved},
			{From: []statemachine.State{creating}, On: "moving", To: migrating, Do: s.volumeReady},
			{From: []statemachine.State{creating, available, updating, rollback, migrating}, On: "fail", To: failed,
				Do: s.volumeFailed},
			{From: usable, On: "update", To: updating},
			{From: []statemachine.State{updating}, On: "updated", To: available, After: "update", Do: s.volumeUpdated,
				Unless: s.unlessMoving},
			{From: []statemachine.State{updating}, On: "moving", To: migrating, Do: s.volumeUpdated},
			{From: usable, On: "rollback", To: rollback},
			{From: []statemachine.State{rollback}, On: "rolledback", To: available, After: "rollback",
				Do: s.volumeRolledBack, Unless: s.unlessUnwritable},
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
			{From: []statemachine.State{deleting}, On: "deleted", To: statemachine.Gone, After: "delete",
				Do: s.volumeGone},
			{From: []statemachine.State{failed}, On: "purge", To: statemachine.Gone, Do: s.volumeGone},
		},
		Guards: volumeGuards,
		Delays: map[string]statemachine.DelayDefault{
			// The vendor's Kubernetes driver measured 37 ms for a new volume, and its own test gives up after 1.7 s
			// (findings/clients.md C2). An update is a change of the same records.
			"create": {Fast: "200ms", Realistic: "250ms"}, "update": {Fast: "100ms", Realistic: "250ms"},
			// No source has the duration of a rollback. OpenStack's driver is patient with it.
			"rollback": {Fast: "200ms", Realistic: "10s"},
			// The tests of the vendor pass with this duration (findings/clients.md C2): Deleting is enough for them.
			"delete": {Fast: "200ms", Realistic: "20s"},
			// The pace at which a volume looks whether its migration is complete; the migration has its own delays.
			"migrate": {Fast: "500ms", Realistic: "2m"},
		},
		Indexes: []store.Index[row]{
			{Name: volumesByName, Keys: func(r *row) []string {
				return []string{scopedKey(r.Body.ProjectName,
					r.Body.Name)}
			}},
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
	{Operation: "UpdateVolume", In: volumeIn(VolumeCreating, VolumeUpdating), Kind: refusal.Unavailable,
		Message: msgVolumeTemporary},
	{Operation: "UpdateVolume", In: volumeIn(VolumeDeleting, VolumeFailed), Kind: refusal.InvalidArgument,
		Message: "volume {name} is {state} and cannot be updated"},
	{Operation: "UpdateVolume", In: volumeIn(VolumeRollback), Kind: refusal.Aborted, Message: msgVolumeBusy},
	{Operation: "DeleteVolume", In: volumeIn(VolumeCreating, VolumeUpdating), Kind: refusal.Unavailable,
		Message: msgVolumeTemporary},
	{Operation: "DeleteVolume", In: volumeIn(VolumeDeleting, VolumeFailed), Kind: refusal.InvalidArgument,
		Message: "volume {name} is {state} and cannot be deleted"},
	{Operation: "DeleteVolume", In: volumeIn(VolumeRollback), Kind: refusal.Aborted, Message: msgVolumeBusy},
	{Operation: "RollbackVolume", In: volumeIn(VolumeCreating, VolumeUpdating, VolumeRollback, VolumeDeleting),
		Kind: refusal.Unavailable, Message: "volume {name} is {state} and cannot be rolled back now"},
	{Operation: "RollbackVolume", In: volumeIn(VolumeFailed), Kind: refusal.InvalidArgument,
		Message: "volume {name} is {state} and cannot be rolled back"},
	{Operation: "CreateSnapshot", In: volumeIn(VolumeCreating, VolumeUpdating, VolumeRollback),
		Kind: refusal.Unavailable, Message: "source " + msgVolumeTemporary},
	{Operation: "CreateSnapshot", In: volumeIn(VolumeDeleting, VolumeFailed), Kind: refusal.InvalidArgument,
		Message: "source volume {name} is {state} and cannot be snapshotted"},
	{Operation: "DeleteSnapshot", In: volumeIn(VolumeUpdating), Kind: refusal.Unavailable,
		Message: "source " + msgVolumeTemporary},
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

func (s *Service) volumeReady(tx *store.Tx, row *statemachine.Row[Volume]) error {
	s.protect(tx, &row.Body)
	return s.logVolume(tx, events.VolumeAvailable, &row.Body)
}

// volumeFailed releases everything that a failed volume has: replicas, blocks and hosts. The volume stays visible
// (facts/lightbits.md 4.1, assumption 302).
func (s *Service) volumeFailed(tx *store.Tx, row *statemachine.Row[Volume]) error {
	v := &row.Body
	about := events.AboutVolume(v.ProjectName, v.UUID, v.Name)
	if len(v.NodeList) == 0 {
		about = about.With(s.whyNotPlaced(tx, v))
	}
	if err := s.continueSnapshots(tx, v, "fail"); err != nil {
		return err
	}
	if err := s.vacate(tx, v); err != nil {
		return err
	}
	v.NodeList, v.PrimaryNodeUUID, v.PgUUID, v.ConnectedHosts = nil, "", "", nil
	v.ProtectionState, v.RebuildProgress, v.Statistics = ProtectionNotAvailable, rebuildNone, &VolumeStatistics{}
	return s.logEvent(tx, events.VolumeFailed, about)
}

// whyNotPlaced returns the reason why a volume has no nodes.
func (s *Service) whyNotPlaced(tx *store.Tx, v *Volume) string {
	if _, err := s.place(tx, attachedNodes(tx), v.Size, v.ReplicaCount, v.PlacementRestrictions); err != nil {
		return err.Error()
	}
	return "too few nodes had room for its replicas when it was created"
}

// vacate releases what a volume uses on its nodes and disconnects its hosts.
func (s *Service) vacate(tx *store.Tx, v *Volume) error {
	if err := resized(tx, v); err != nil {
		return err
	}
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
	if err := resized(tx, &row.Body); err != nil {
		return err
	}
	return s.logVolume(tx, events.VolumeUpdated, &row.Body)
}

func (s *Service) volumeRolledBack(tx *store.Tx, row *statemachine.Row[Volume]) error {
	return s.logVolume(tx, events.VolumeRolledBack, &row.Body)
}

func (s *Service) volumeDeleting(tx *store.Tx, row *statemachine.Row[Volume]) error {
	return s.logVolume(tx, events.VolumeDeleting, &row.Body)
}

// volumeGone releases what the volume used. If it was the last clone of a Deleting snapshot, the snapshot is deleted
// too.
func (s *Service) volumeGone(tx *store.Tx, row *statemachine.Row[Volume]) error {
	if err := ignoreNotFound(historyTable.Delete(tx, volumeKey(&row.Body))); err != nil {
		return err
	}
	v := &row.Body
	if err := s.continueSnapshots(tx, v, "fail"); err != nil {
		return err
	}
	if err := s.vacate(tx, v); err != nil {
		return err
	}
	if err := s.logVolume(tx, events.VolumeDeleted, v); err != nil {
		return err
	}
	if err := s.dropResourcePolicies(tx, v.UUID); err != nil {
		return err
	}
	return s.cloneGone(tx, v)
}
