package lightbits

import (
	"slices"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// migration is the way of one chain's replica from a node to another. While it is under way, the chain's volumes are
// Migrating: usable, updatable, deletable (facts/lightbits.md 4.1). A chain makes one way at a time.
type migration struct {
	Chain  string          `json:"chain"`
	From   string          `json:"from"`
	To     string          `json:"to"` // "" until it starts
	Reason migrationReason `json:"reason"`
}

// migrationReason is what moves replicas.
type migrationReason string

// The reasons: the eviction of a server, the feature flag fail-in-place after a node's permanent failure, the feature flag
// proactive-rebalance for a node that is full (assumption 268).
const (
	migrationEviction    migrationReason = "eviction"
	migrationFailInPlace migrationReason = flagFailInPlace
	migrationRebalance   migrationReason = flagProactiveRebalance
)

const migrationsFrom = "from"

// migrationMachine is the life of a migration. One that finds no place to go, or nothing left to move, is dropped.
func (s *Service) migrationMachine() *statemachine.Machine[migration] {
	type row = statemachine.Row[migration]
	const planned, moving = statemachine.State("Planned"), statemachine.State("Moving")
	return statemachine.Define(statemachine.Machine[migration]{
		Kind: "lightbits.migration", Initial: []statemachine.State{planned}, Zero: zero,
		Key:     func(m *migration) string { return m.Chain },
		Indexes: []store.Index[row]{{Name: migrationsFrom, Keys: func(r *row) []string { return []string{r.Body.From} }}},
		Rules: []statemachine.Rule[migration]{
			{From: []statemachine.State{planned}, On: "start", To: moving, Do: s.migrationStarts, Unless: s.unlessPlaced},
			{From: []statemachine.State{moving}, On: "moved", To: statemachine.Gone, After: "move", Do: s.migrationEnds, Unless: s.unlessArrived},
			{From: []statemachine.State{moving}, On: "turn", To: moving},
			{From: []statemachine.State{planned, moving}, On: "drop", To: statemachine.Gone, Do: s.migrationDropped},
		},
		Delays: map[string]statemachine.DelayDefault{"move": {Fast: "500ms", Realistic: "2m"}},
	})
}

// planMigration lets a chain leave a node as soon as the transaction is through, if it does not move already.
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

// unlessPlaced looks for a place to go.
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

// unlessArrived sees to it that the place is still good at the end; otherwise the way turns to another one.
func (s *Service) unlessArrived(tx *store.Tx, r *statemachine.Row[migration]) statemachine.Event {
	was := r.Body.To
	u, err := usageTable.Get(tx, was)
	c, chainErr := s.placedChain(tx, r.Body.Chain)
	if chainErr == nil && err == nil && u.Serving && u.Synced && !u.Leaving && u.Attached && !u.Disks.Full(u.Add(c.usage)) &&
		slices.Contains(c.nodes, r.Body.From) && !slices.Contains(c.nodes, was) && s.readable(tx, c.nodes) && s.apart(tx, &c, r.Body.From, &u) {
		return ""
	}
	if s.unlessPlaced(tx, r) == "drop" {
		return "drop"
	}
	return "turn"
}

// apart says whether a node shares no failure domain with those that keep their replicas of the chain.
func (s *Service) apart(tx *store.Tx, c *placedChain, from string, u *nodeUsage) bool {
	for _, id := range c.others(from) {
		other, err := usageTable.Get(tx, id)
		if err != nil || slices.ContainsFunc(other.Domains, func(d string) bool { return slices.Contains(u.Domains, d) }) {
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

// migrationEnds: the replica is where it was to go, and the volumes are Available again.
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

// migrationDropped: its volumes are no longer Migrating, and the eviction it is part of looks what is left.
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

// unlessMoving: a volume that has been created, updated or rolled back while its chain is on its way is Migrating
// (facts/lightbits.md 4.1).
func (s *Service) unlessMoving(tx *store.Tx, r *statemachine.Row[Volume]) statemachine.Event {
	if m, err := s.migrations.Get(tx, chainOfVolume(tx, &r.Body)); err == nil && m.Life.State == "Moving" {
		return "moving"
	}
	return ""
}

// migrates says whether a volume's chain is on its way, so that the volume stays Migrating until it has arrived.
func (s *Service) migrates(tx *store.Tx, v *Volume) bool {
	return s.migrations.Table().Has(tx, chainOfVolume(tx, v))
}
