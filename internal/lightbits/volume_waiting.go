package lightbits

import (
	"slices"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// What no replica serves can be neither read nor changed (assumption 411). A request for it is refused; a change that
// was accepted before waits until the replicas serve again.

// checkReads returns Unavailable if no node serves the replicas on nodes, which belong to what is named.
func (s *Service) checkReads(tx *store.Tx, what, name, id string, nodes []string) error {
	if s.readable(tx, nodes) {
		return nil
	}
	return refusal.New(refusal.Unavailable, "%s %s is %s: no node serves its data; try again later", what, name,
		ProtectionNotAvailable).
		Because(Unprotected{Volume: id, State: ProtectionNotAvailable, Nodes: nodes})
}

// checkWrites returns Unavailable for a volume whose data cannot be changed now.
func (s *Service) checkWrites(tx *store.Tx, v *Volume) error {
	now := s.protection(tx, v.NodeList)
	if now.Writes() {
		return nil
	}
	return refusal.New(refusal.Unavailable, "volume %s is %s: its data cannot be changed now; try again later", v.Name,
		ProtectionState(now)).
		Because(Unprotected{Volume: v.UUID, State: ProtectionState(now), Nodes: v.NodeList})
}

// unlessWaiting decides what becomes of a volume that is being created: it fails without nodes, a clone waits for its
// data, and every volume waits for encryption that is being enabled, since "once enabled, each volume will be
// encrypted" (seeds/002 "Enable Cluster level encryption").
func (s *Service) unlessWaiting(tx *store.Tx, r *statemachine.Row[Volume]) statemachine.Event {
	raw, _ := s.encryptions.Table().Raw(tx, clusterKey)
	if string(statemachine.Peek(raw).State) == string(EncryptionEnabling) {
		return statemachine.Stay
	}
	return s.unlessUnserved(tx, r)
}

// unlessUnserved is unlessWaiting in a cluster that is not about to be encrypted.
func (s *Service) unlessUnserved(tx *store.Tx, r *statemachine.Row[Volume]) statemachine.Event {
	switch v := &r.Body; {
	case len(v.NodeList) == 0:
		return "fail"
	case v.SourceSnapshotUUID != "" && !s.readable(tx, v.NodeList):
		return statemachine.Stay
	}
	return s.unlessMoving(tx, r)
}

// unlessUnwritable keeps a volume in Rollback while its data cannot be changed.
func (s *Service) unlessUnwritable(tx *store.Tx, r *statemachine.Row[Volume]) statemachine.Event {
	if !s.protection(tx, r.Body.NodeList).Writes() {
		return statemachine.Stay
	}
	return s.unlessMoving(tx, r)
}

// continueVolume ends a creation or rollback that has waited for replicas to serve.
func (s *Service) continueVolume(tx *store.Tx, row *statemachine.Row[Volume]) error {
	on := map[VolumeState]statemachine.Event{VolumeCreating: "ready", VolumeRollback: "rolledback"}[row.Body.State]
	if on == "" || s.volumes.Waits(tx, row) {
		return nil
	}
	return s.volumes.Fire(tx, row, on)
}

// continueSnapshots ends the creation of the volume's snapshots that have waited: they become Available, or they fail
// with the volume.
func (s *Service) continueSnapshots(tx *store.Tx, v *Volume, on statemachine.Event) error {
	for _, key := range slices.Collect(s.snapshots.Table().KeysBy(tx, snapshotsByVolume, v.UUID)) {
		raw, _ := s.snapshots.Table().Raw(tx, key)
		if string(statemachine.Peek(raw).State) != string(SnapshotCreating) {
			continue
		}
		row, err := s.snapshots.Get(tx, key)
		if err != nil {
			return err
		}
		if s.snapshots.Waits(tx, &row) {
			continue
		}
		if err := s.snapshots.Fire(tx, &row, on); err != nil {
			return err
		}
	}
	return nil
}

// continueCreations ends the creation of the volumes that have waited for encryption, which is enabled now.
func (s *Service) continueCreations(tx *store.Tx) error {
	for _, row := range s.volumes.Table().All(tx, "", "") {
		if row.Body.State != VolumeCreating || s.volumes.Waits(tx, &row) {
			continue
		}
		if err := s.volumes.Fire(tx, &row, "encrypted"); err != nil {
			return err
		}
	}
	return nil
}

// servesAgain reports whether data that could not be read can be read now.
func servesAgain(was, now ProtectionState) bool {
	return was == ProtectionNotAvailable && physics.Protection(now).Reads()
}
