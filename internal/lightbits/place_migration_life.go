package lightbits

import (
	"slices"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// migration moves the replica of one chain from a node to another. While it is under way, the chain's volumes are
// Migrating: they can be used, updated and deleted (facts/lightbits.md 4.1). A chain has one migration at a time.
type migration struct {
	Chain  string          `json:"chain"`
	From   string          `json:"from"`
	To     string          `json:"to"` // "" until it starts
	Reason migrationReason `json:"reason"`
}

// migrationReason is why a replica moves.
type migrationReason string

// The reasons: the eviction of a server; with the feature flag fail-in-place, the permanent failure of a node; with the
// feature flag proactive-rebalance, a node that is full (assumption 268).
const (
	migrationEviction    migrationReason = "eviction"
	migrationFailInPlace migrationReason = flagFailInPlace
	migrationRebalance   migrationReason = flagProactiveRebalance
)

const migrationsFrom = "from"

// migrationMachine drops a migration that finds no node to go to or nothing to move.
func (s *Service) migrationMachine() *statemachine.Machine[migration] {
	type row = statemachine.Row[migration]
	const planned, moving = statemachine.State("Planned"), statemachine.State("Moving")
	return statemachine.Define(statemachine.Machine[migration]{
		Kind: "lightbits.migration", Initial: []statemachine.State{planned}, Zero: zero,
		Key: func(m *migration) string { return m.Chain },
		Indexes: []store.Index[row]{{Name: migrationsFrom,
			Keys: func(r *row) []string { return []string{r.Body.From} }}},
		Rules: []statemachine.Rule[migration]{
			{From: []statemachine.State{planned}, On: "start", To: moving, Do: s.migrationStarts,
				Unless: s.unlessPlaced},
			{From: []statemachine.State{moving}, On: "moved", To: statemachine.Gone, After: "move", Do: s.migrationEnds,
				Units: s.moveUnits, Unless: s.unlessArrived},
			{From: []statemachine.State{moving}, On: "turn", To: moving},
			{From: []statemachine.State{planned, moving}, On: "drop", To: statemachine.Gone, Do: s.migrationDropped},
		},
		Delays: map[string]statemachine.DelayDefault{"move": {Fast: "500ms", Realistic: "1m"}},
	})
}

// planMigration starts a migration right after the transaction, unless the chain has one already.
func (s *Service) planMigration(tx *store.Tx, chain, from string, why migrationReason) error {
	if s.migrations.Table().Has(tx, chain) {
		return nil
	}
	row, err := s.migrations.Create(tx, migration{Chain: chain, From: from, Reason: why}, "Planned")
	if err != nil {
		return err
	}
	return s.migrations.After(tx, &row, "start", tx.Now)
}

// unlessPlaced chooses the node to go to.
func (s *Service) unlessPlaced(tx *store.Tx, r *statemachine.Row[migration]) statemachine.Event {
	c, err := s.placedChain(tx, r.Body.Chain)
	if err != nil || !slices.Contains(c.nodes, r.Body.From) || !s.readable(tx, c.nodes) {
		return "drop"
	}
	if r.Body.To, err = s.relocate(tx, &c, r.Body.From); err != nil {
		return "drop"
	}
	return ""
}

// unlessArrived checks at the end that the node can still take the replica; otherwise it chooses another one.
func (s *Service) unlessArrived(tx *store.Tx, r *statemachine.Row[migration]) statemachine.Event {
	was := r.Body.To
	u, err := usageTable.Get(tx, was)
	c, chainErr := s.placedChain(tx, r.Body.Chain)
	if chainErr == nil && err == nil && u.Serving && u.Synced && !u.Leaving && u.Attached &&
		!u.Disks.Full(u.Add(c.usage)) &&
		slices.Contains(c.nodes, r.Body.From) && !slices.Contains(c.nodes, was) && s.readable(tx, c.nodes) &&
		s.apart(tx, &c, r.Body.From, &u) {
		return ""
	}
	if s.unlessPlaced(tx, r) == "drop" {
		return "drop"
	}
	return "turn"
}

// apart reports whether a node shares no failure domain with the other nodes of the chain.
func (s *Service) apart(tx *store.Tx, c *placedChain, from string, u *nodeUsage) bool {
	for _, id := range c.others(from) {
		other, err := usageTable.Get(tx, id)
		if err != nil || slices.ContainsFunc(other.Domains,
			func(d string) bool { return slices.Contains(u.Domains, d) }) {
			return false
		}
	}
	return true
}

func (s *Service) migrationStarts(tx *store.Tx, r *statemachine.Row[migration]) error {
	c, err := s.placedChain(tx, r.Body.Chain)
	if err != nil {
		return err
	}
	for i := range c.volumes {
		if c.volumes[i].Life.State != statemachine.State(VolumeAvailable) {
			continue
		}
		if err := s.volumes.Fire(tx, &c.volumes[i], "migrate"); err != nil {
			return err
		}
		if err := s.logVolume(tx, events.VolumeMigrating, &c.volumes[i].Body); err != nil {
			return err
		}
	}
	return nil
}

// migrationEnds moves the replica; the volumes are Available again.
func (s *Service) migrationEnds(tx *store.Tx, r *statemachine.Row[migration]) error {
	m := &r.Body
	c, err := s.placedChain(tx, m.Chain)
	if err != nil {
		return err
	}
	if err := s.moveReplica(tx, &c, m.From, m.To); err != nil {
		return err
	}
	if err := s.migrationDropped(tx, r); err != nil {
		return err
	}
	for _, id := range []string{m.From, m.To} {
		if err := s.reprotect(tx, id); err != nil {
			return err
		}
	}
	u, err := usageTable.Get(tx, m.From)
	if err != nil || m.Reason != migrationRebalance || !u.full() {
		return ignoreNotFound(err)
	}
	return s.planRebalance(tx, &u)
}

// migrationDropped ends the Migrating state of the volumes and lets the eviction it is part of continue.
func (s *Service) migrationDropped(tx *store.Tx, r *statemachine.Row[migration]) error {
	c, err := s.placedChain(tx, r.Body.Chain)
	if err != nil {
		return err
	}
	for i := range c.volumes {
		if c.volumes[i].Life.State != statemachine.State(VolumeMigrating) {
			continue
		}
		if err := s.volumes.Fire(tx, &c.volumes[i], "settled"); err != nil {
			return err
		}
	}
	if r.Body.Reason != migrationEviction {
		return nil
	}
	u, err := usageTable.Get(tx, r.Body.From)
	if err != nil {
		return ignoreNotFound(err)
	}
	return s.lookAtEviction(tx, u.Server)
}

// unlessMoving makes a volume Migrating that was created, updated or rolled back while its chain was moving
// (facts/lightbits.md 4.1).
func (s *Service) unlessMoving(tx *store.Tx, r *statemachine.Row[Volume]) statemachine.Event {
	if m, err := s.migrations.Get(tx, chainOfVolume(tx, &r.Body)); err == nil && m.Life.State == "Moving" {
		return "moving"
	}
	return ""
}

// migrates reports whether a volume's chain has a migration.
func (s *Service) migrates(tx *store.Tx, v *Volume) bool {
	return s.migrations.Table().Has(tx, chainOfVolume(tx, v))
}
