package lightbits

import (
	"errors"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// scheduleNext sets the timer for the next instant at which the policy is due. A policy without a volume has none.
func (s *Service) scheduleNext(tx *store.Tx, row *statemachine.Row[ResourcePolicy]) error {
	if s.unbound(tx, &row.Body) {
		return nil
	}
	return s.resourcePolicies.After(tx, row, "snapshot", row.Body.SchedulePolicy.SnapshotSchedulePolicy.next(tx.Now))
}

// scheduledSnapshot creates the snapshot that is due. A snapshot that is refused is skipped, with an event that has the
// reason, and the schedule continues.
func (s *Service) scheduledSnapshot(tx *store.Tx, row *statemachine.Row[ResourcePolicy]) error {
	p := &row.Body
	if s.unbound(tx, p) {
		return nil
	}
	err := s.snapshotBy(tx, p)
	if r := refusal.Of(err); r != nil {
		err = s.logEvent(tx, events.ScheduledSnapshotSkipped,
			events.AboutVolume(p.ProjectName, p.ResourceUUID, p.ResourceName).With(
				"resource policy "+p.Name+": "+r.Message))
	}
	if err != nil {
		return err
	}
	return s.scheduleNext(tx, row)
}

// maxScheduled is the number of snapshots of a volume from which on its schedules create no more (assumption 233).
const maxScheduled = 1024

// snapshotBy creates a snapshot of the policy's volume. A refusal leaves nothing written.
func (s *Service) snapshotBy(tx *store.Tx, p *ResourcePolicy) error {
	volume, err := s.volumes.Get(tx, scopedKey(p.ProjectName, p.ResourceUUID))
	if errors.Is(err, store.ErrNotFound) {
		return refusal.New(refusal.NotFound, "volume %s does not exist any more", p.ResourceName)
	}
	if err != nil {
		return err
	}
	if err := s.snapshottable(tx, &volume); err != nil {
		return err
	}
	v := &volume.Body
	n := 0
	for range s.snapshots.Table().KeysBy(tx, snapshotsByVolume, v.UUID) {
		if n++; n >= maxScheduled {
			return refusal.New(refusal.ResourceExhausted, "volume %s has %d snapshots, the most that schedules create",
				v.Name, n)
		}
	}
	q := createSnapshotRequest{
		Name: p.snapshotName(tx), RetentionTime: p.SchedulePolicy.RetentionTime, ProjectName: p.ProjectName,
		Description: "made by resource policy " + p.Name,
	}
	deleting, err := s.checkSnapshotNameFree(tx, q.ProjectName, q.Name)
	if err == nil && deleting {
		err = refusal.New(refusal.AlreadyExists, "a snapshot with the name %q is still being deleted", q.Name)
	}
	if err != nil {
		return err
	}
	_, err = s.insertSnapshot(tx, &q, v)
	return err
}

// snapshotName returns the name of a snapshot created now: the policy's name and the instant in UTC, as in
// "nightly-20260601-000000" (assumption 232).
func (p *ResourcePolicy) snapshotName(tx *store.Tx) string {
	return p.Name + "-" + tx.Now.UTC().Format("20060102-150405")
}
