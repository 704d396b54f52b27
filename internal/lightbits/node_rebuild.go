package lightbits

import (
	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) nodeRebuilds(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.moveNode(tx, &r.Body, func(u *nodeUsage) { u.Rebuilt += progressStep }); err != nil {
		return err
	}
	return s.reprotect(tx, r.Body.UUID)
}

func (s *Service) unlessRebuilt(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if u, err := usageTable.Get(tx, r.Body.UUID); err == nil && u.Rebuilt+progressStep >= 100 {
		return "rebuilt"
	}
	return ""
}

func (s *Service) nodeRebuilt(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	if err := s.moveNode(tx, n, func(u *nodeUsage) { u.Synced, u.Rebuilt = true, 0 }); err != nil {
		return err
	}
	if err := s.logEvent(tx, events.NodeRebuilt, events.AboutNode(n.UUID, n.Name)); err != nil {
		return err
	}
	if err := s.reprotect(tx, n.UUID); err != nil {
		return err
	}
	if err := s.wantLocalRebuild(tx, r); err != nil {
		return err
	}
	return s.nodeWhole(tx, n)
}
