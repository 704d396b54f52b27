package lightbits

import "storagesim/internal/store"

// planRebalance moves one replica of a full node to another node, if the flag proactive-rebalance is on: the largest
// one for which a node has room. Each migration plans the next one until the node is no longer full (assumption 268).
func (s *Service) planRebalance(tx *store.Tx, u *nodeUsage) error {
	if !s.flagEnabled(tx, flagProactiveRebalance) || !u.Serving || !u.Attached {
		return nil
	}
	var best placedChain
	for _, id := range s.chainsOn(tx, u.UUID) {
		if s.migrations.Table().Has(tx, id) {
			continue
		}
		c, err := s.placedChain(tx, id)
		if err != nil {
			return err
		}
		if c.usage.PhysicalUsed <= best.usage.PhysicalUsed {
			continue
		}
		if _, err := s.relocate(tx, &c, u.UUID); err == nil {
			best = c
		}
	}
	if best.id == "" {
		return nil
	}
	return s.planMigration(tx, best.id, u.UUID, migrationRebalance)
}

// lookForRoom moves replicas away from full nodes and from nodes that have failed permanently, if the feature flags say
// so. It is called when one of the flags is enabled and when there is new room (assumption 367).
func (s *Service) lookForRoom(tx *store.Tx) error {
	if s.flagEnabled(tx, flagProactiveRebalance) {
		for _, u := range usageTable.All(tx, "", "") {
			if !u.full() {
				continue
			}
			if err := s.planRebalance(tx, &u); err != nil {
				return err
			}
		}
	}
	if !s.flagEnabled(tx, flagFailInPlace) {
		return nil
	}
	for _, row := range s.nodes.Table().All(tx, "", "") {
		if !row.Body.PermanentFailure || row.Body.State != NodeInactive {
			continue
		}
		if err := s.failInPlace(tx, row.Body.UUID); err != nil {
			return err
		}
	}
	return nil
}

// failInPlace moves the replicas of a node that has failed permanently to other nodes, if the flag fail-in-place is on.
func (s *Service) failInPlace(tx *store.Tx, node string) error {
	if !s.flagEnabled(tx, flagFailInPlace) {
		return nil
	}
	for _, chain := range s.chainsOn(tx, node) {
		if err := s.planMigration(tx, chain, node, migrationFailInPlace); err != nil {
			return err
		}
	}
	return nil
}
