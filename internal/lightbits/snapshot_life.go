package lightbits

import (
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// SnapshotState is the life-cycle state of a snapshot.
type SnapshotState string

// The states of a snapshot. Deleted is never shown.
const (
	SnapshotCreating  SnapshotState = "Creating"
	SnapshotAvailable SnapshotState = "Available"
	SnapshotDeleting  SnapshotState = "Deleting"
	SnapshotFailed    SnapshotState = "Failed"
)

// EnumNumbers returns the vendor's numbers.
func (SnapshotState) EnumNumbers() map[string]int32 { return snapshotStates }

var snapshotStates = map[string]int32{"Unknown": 0, "Creating": 1, "Available": 2, "Deleting": 3, "Deleted": 4,
	"Failed": 7}

func (s *Service) snapshotMachine() *statemachine.Machine[Snapshot] {
	type row = statemachine.Row[Snapshot]
	const (
		creating, available = statemachine.State(SnapshotCreating), statemachine.State(SnapshotAvailable)
		deleting, failed    = statemachine.State(SnapshotDeleting), statemachine.State(SnapshotFailed)
	)
	return statemachine.Define(statemachine.Machine[Snapshot]{
		Kind: "lightbits.snapshot", Initial: []statemachine.State{creating, available}, Zero: zero,
		Key: snapshotKey, ID: func(sn *Snapshot) string { return sn.UUID },
		Name:   func(sn *Snapshot) string { return sn.Name },
		Locate: s.inEveryProject,
		Mirror: func(sn *Snapshot, l statemachine.Life) { sn.State = SnapshotState(l.State) },
		Rules: []statemachine.Rule[Snapshot]{
			{From: []statemachine.State{creating}, On: "ready", To: available, After: "create", Do: s.snapshotReady,
				Unless: s.unlessSource},
			{From: []statemachine.State{creating, available}, On: "fail", To: failed, Do: s.snapshotFailed},
			{From: []statemachine.State{available}, On: "delete", To: deleting, Do: s.snapshotDeleting},
			{From: []statemachine.State{available}, On: "expire", To: deleting, Do: s.snapshotDeleting},
			{From: []statemachine.State{deleting}, On: "deleted", To: statemachine.Gone, After: "delete",
				Do: s.snapshotGone,
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
			{Operation: "DeleteSnapshot", In: []statemachine.State{creating}, Kind: refusal.Unavailable,
				Message: msgSnapshotTemporary},
			{Operation: "DeleteSnapshot", In: []statemachine.State{deleting, failed}, Kind: refusal.InvalidArgument,
				Message: "snapshot {name} is {state} and cannot be deleted"},
			{Operation: "CreateVolume", In: []statemachine.State{creating}, Kind: refusal.Unavailable,
				Message: msgSnapshotTemporary},
			{Operation: "CreateVolume", In: []statemachine.State{deleting, failed}, Kind: refusal.InvalidArgument,
				Message: "snapshot {name} is {state} and cannot be cloned"},
			{Operation: "RollbackVolume", In: []statemachine.State{creating}, Kind: refusal.Unavailable,
				Message: msgSnapshotTemporary},
			{Operation: "RollbackVolume", In: []statemachine.State{deleting, failed}, Kind: refusal.InvalidArgument,
				Message: "snapshot {name} is {state}; a volume cannot be rolled back to it"},
		},
		Delays: map[string]statemachine.DelayDefault{
			// As for a volume (findings/clients.md C2): the vendor's test waits no longer for a snapshot.
			"create": {Fast: "100ms", Realistic: "200ms"},
			// The tests of the vendor pass with this duration: Deleting is enough for them.
			"delete": {Fast: "200ms", Realistic: "30s"},
		},
		Indexes: []store.Index[row]{
			{Name: snapshotsByName, Keys: func(r *row) []string {
				return []string{scopedKey(r.Body.ProjectName,
					r.Body.Name)}
			}},
			{Name: snapshotsByVolume, Keys: func(r *row) []string { return []string{r.Body.SourceVolumeUUID} }},
		},
	})
}

const msgSnapshotTemporary = "snapshot {name} is in the temporary state {state}; try again later"

// unlessSource fails a snapshot whose volume was deleted or has failed before the snapshot was cut. A snapshot of a
// volume that no node serves waits (assumption 411).
func (s *Service) unlessSource(tx *store.Tx, row *statemachine.Row[Snapshot]) statemachine.Event {
	volume, err := s.volumes.Get(tx, scopedKey(row.Body.ProjectName, row.Body.SourceVolumeUUID))
	if err != nil || volume.Body.State == VolumeFailed {
		return "fail"
	}
	if !s.readable(tx, volume.Body.NodeList) {
		return statemachine.Stay
	}
	return ""
}

// snapshotReady cuts the snapshot: its blocks and its creation time are those of this instant (facts/lightbits.md 4.2).
// Its retention time starts.
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
	if err := s.startRetention(tx, row); err != nil {
		return err
	}
	return s.logSnapshot(tx, events.SnapshotAvailable, sn)
}

// snapshotFailed releases everything that a failed snapshot has. Like a failed volume, it stays visible (assumption
// 302).
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
	return s.logSnapshot(tx, events.SnapshotFailed, sn)
}

func (s *Service) snapshotDeleting(tx *store.Tx, row *statemachine.Row[Snapshot]) error {
	return s.logSnapshot(tx, events.SnapshotDeleting, &row.Body)
}

func (s *Service) snapshotGone(tx *store.Tx, row *statemachine.Row[Snapshot]) error {
	if err := ignoreNotFound(historyTable.Delete(tx, snapshotKey(&row.Body))); err != nil {
		return err
	}
	if err := s.dropSnapshotBlocks(tx, &row.Body); err != nil {
		return err
	}
	if err := s.lookAtDeletions(tx, row.Body.NodeList); err != nil {
		return err
	}
	return s.logSnapshot(tx, events.SnapshotDeleted, &row.Body)
}

func (s *Service) hasClones(tx *store.Tx, snapshot string) bool {
	for range s.volumes.Table().KeysBy(tx, volumesBySnapshot, snapshot) {
		return true
	}
	return false
}

// cloneGone deletes the snapshot that a deleted volume was cloned from, if it is Deleting and has no other clone.
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
