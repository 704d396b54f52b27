package lightbits

import (
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// awaitPermanentFailure sets a timer for the time at which the failure of an Inactive node becomes permanent.
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

// unlessPatient returns "perish" if the failure of the node is permanent now. The timeout may have changed since the
// timer was set.
func (s *Service) unlessPatient(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	timeout := s.permanentFailureAfter(tx, r.Body.ServerUUID)
	if timeout == 0 || r.Body.PermanentFailure || tx.Now.Before(r.Life.Since.Add(timeout)) {
		return statemachine.Stay
	}
	return "perish"
}

// permanentFailureMoved sets the timers of all Inactive nodes again after DurationToTurnIntoPermanentFailure has
// changed (assumption 366).
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

// permanentFailureAfter returns how long a node of the server may be Inactive until its failure is permanent: the
// timeout that the server was disabled with, or else the cluster's DurationToTurnIntoPermanentFailure. 0 means never.
func (s *Service) permanentFailureAfter(tx *store.Tx, server string) time.Duration {
	if plan, err := serverOptionsTable.Get(tx, server); err == nil && plan.Never {
		return 0
	}
	if row, err := s.servers.Get(tx, server); err == nil && row.Body.ServerPermanenetFailureTimeout > 0 {
		return time.Duration(row.Body.ServerPermanenetFailureTimeout)
	}
	return s.configDuration(tx, configPermanentFailure)
}

// nodePerished makes the failure of a node permanent. Its replicas move to other nodes if the flag fail-in-place is on;
// otherwise the node has to be replaced.
func (s *Service) nodePerished(tx *store.Tx, r *statemachine.Row[Node]) error {
	r.Body.PermanentFailure = true
	if err := s.logEvent(tx, events.NodePermanentFailure, events.AboutNode(r.Body.UUID, r.Body.Name)); err != nil {
		return err
	}
	return s.failInPlace(tx, r.Body.UUID)
}
