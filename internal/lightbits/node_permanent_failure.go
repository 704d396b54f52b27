package lightbits

import (
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// awaitPermanentFailure looks at an Inactive node again when nobody waits for it any longer.
func (s *Service) awaitPermanentFailure(tx *store.Tx, r *statemachine.Row[Node]) error {
	timeout := s.permanentFailureAfter(tx, r.Body.ServerUUID)
	if timeout == 0 || r.Body.PermanentFailure {
		return nil
	}
	due := r.Life.Since.Add(timeout)
	if due.Before(tx.Now) {
		due = tx.Now
	}
	return s.nodes.After(tx, r, "overdue", due)
}

// unlessPatient: how long a node may be Inactive can have changed since it was looked at.
func (s *Service) unlessPatient(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	timeout := s.permanentFailureAfter(tx, r.Body.ServerUUID)
	if timeout == 0 || r.Body.PermanentFailure || tx.Now.Before(r.Life.Since.Add(timeout)) {
		return statemachine.Stay
	}
	return "perish"
}

// permanentFailureMoved looks at all Inactive nodes with a new DurationToTurnIntoPermanentFailure (assumption 366).
func (s *Service) permanentFailureMoved(tx *store.Tx) error {
	for _, row := range s.nodes.Table().All(tx, "", "") {
		if row.Life.State != statemachine.State(NodeInactive) {
			continue
		}
		if err := s.awaitPermanentFailure(tx, &row); err != nil {
			return err
		}
	}
	return nil
}

// permanentFailureAfter is how long a node of the server may be Inactive until its failure is permanent: what the server
// was disabled with, else the cluster's DurationToTurnIntoPermanentFailure. 0 is never.
func (s *Service) permanentFailureAfter(tx *store.Tx, server string) time.Duration {
	if plan, err := serverPlans.Get(tx, server); err == nil && plan.Never {
		return 0
	}
	if row, err := s.servers.Get(tx, server); err == nil && row.Body.ServerPermanenetFailureTimeout > 0 {
		return time.Duration(row.Body.ServerPermanenetFailureTimeout)
	}
	return s.configDuration(tx, configPermanentFailure)
}

// nodePerished: nobody waits for the node any longer. What it holds goes elsewhere where the flag fail-in-place is on;
// otherwise somebody has to replace it.
func (s *Service) nodePerished(tx *store.Tx, r *statemachine.Row[Node]) error {
	r.Body.PermanentFailure = true
	if err := s.logEvent(tx, events.NodePermanentFailure, events.AboutNode(r.Body.UUID, r.Body.Name)); err != nil {
		return err
	}
	return s.failInPlace(tx, r.Body.UUID)
}
