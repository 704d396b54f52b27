package lightbits

import (
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// checkRetention returns InvalidArgument for a negative retention time. member is its path in the request.
func checkRetention(member string, d *wire.Duration) error {
	if d != nil && *d < 0 {
		return refusal.New(refusal.InvalidArgument, "%s %s is negative; 0s or more is expected, such as 72h",
			member, time.Duration(*d))
	}
	return nil
}

// checkRetention checks how long the snapshots of a schedule are kept. It replaces 0 by nil: they are kept until
// somebody deletes them.
func (p *SchedulePolicy) checkRetention() error {
	if err := checkRetention("schedulePolicy.retentionTime", p.RetentionTime); err != nil {
		return err
	}
	if p.RetentionTime != nil && *p.RetentionTime == 0 {
		p.RetentionTime = nil
	}
	return nil
}

// startRetention sets the timer that deletes an Available snapshot at the end of its retention time. A snapshot without
// a retention time, or with one of 0, is kept until somebody deletes it.
func (s *Service) startRetention(tx *store.Tx, row *statemachine.Row[Snapshot]) error {
	kept := row.Body.RetentionTime
	if kept == nil || *kept <= 0 {
		return nil
	}
	return s.snapshots.After(tx, row, "expire", tx.Now.Add(time.Duration(*kept)))
}
