package lightbits

import (
	"slices"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// placedChain is the volumes and snapshots of one chain of blocks, which are on the same nodes, and what they use on
// each node.
type placedChain struct {
	id        string
	volumes   []statemachine.Row[Volume]
	snapshots []statemachine.Row[Snapshot]
	nodes     []string // the primary one first; nil if nothing of the chain is left
	usage     Usage
	largest   uint64 // bytes of the largest volume
}

// placedChain reads a chain with all of its volumes and snapshots, including those that were never written.
func (s *Service) placedChain(tx *store.Tx, chain string) (placedChain, error) {
	c := placedChain{id: chain}
	blocks := loadChain(tx, chain)
	_, all := blocks.account()
	c.usage = Usage{LogicalUsed: int64(all.Logical()), PhysicalUsed: int64(all.Physical())}
	seen := map[string]bool{}
	for i := range blocks.members {
		if err := s.addToChain(tx, &c, seen, blocks.members[i].holder,
			scopedKey(blocks.members[i].project, blocks.members[i].uuid)); err != nil {
			return c, err
		}
	}
	if row, err := s.volumes.Find(tx, chain); err == nil && chainOfVolume(tx, &row.Body) == chain {
		if err := s.addToChain(tx, &c, seen, holderVolume, volumeKey(&row.Body)); err != nil {
			return c, err
		}
	} else if ignoreNotFound(err) != nil {
		return c, err
	}
	sources := []string{chain}
	for i := range c.volumes {
		sources = append(sources, c.volumes[i].Body.UUID)
	}
	for _, source := range sources {
		for _, row := range s.snapshots.Table().By(tx, snapshotsByVolume, source) {
			if s.chainOfAny(tx, &row.Body) != chain {
				continue
			}
			if err := s.addToChain(tx, &c, seen, holderSnapshot, snapshotKey(&row.Body)); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// chainOfAny is chainOfSnapshot also for a snapshot that was not cut: then it returns the chain of its volume.
func (s *Service) chainOfAny(tx *store.Tx, sn *Snapshot) string {
	if !blockTable.Has(tx, blockKey(holderSnapshot, sn.ProjectName, sn.UUID)) {
		if row, err := s.volumes.Get(tx, scopedKey(sn.ProjectName, sn.SourceVolumeUUID)); err == nil {
			return chainOfVolume(tx, &row.Body)
		}
	}
	return chainOfSnapshot(tx, sn)
}

func (s *Service) addToChain(tx *store.Tx, c *placedChain, seen map[string]bool, holder blockHolder, key string) error {
	if seen[string(byte(holder))+key] {
		return nil
	}
	seen[string(byte(holder))+key] = true
	nodes := []string(nil)
	if holder == holderVolume {
		row, err := s.volumes.Get(tx, key)
		if err != nil {
			return ignoreNotFound(err)
		}
		if len(row.Body.NodeList) > 0 {
			c.volumes, nodes = append(c.volumes, row), row.Body.NodeList
			c.usage = c.usage.Add(volumeUsage(&row.Body, 1))
			c.largest = max(c.largest, row.Body.Size)
		}
	} else {
		row, err := s.snapshots.Get(tx, key)
		if err != nil {
			return ignoreNotFound(err)
		}
		if len(row.Body.NodeList) > 0 {
			c.snapshots, nodes = append(c.snapshots, row), row.Body.NodeList
		}
	}
	if c.nodes == nil {
		c.nodes = nodes
	}
	return nil
}

// chainsOn lists, sorted, the chains that have a replica on one of the nodes.
func (s *Service) chainsOn(tx *store.Tx, nodes ...string) []string {
	var chains []string
	for _, id := range nodes {
		for _, row := range s.volumes.Table().By(tx, volumesByNode, id) {
			chains = append(chains, chainOfVolume(tx, &row.Body))
		}
	}
	for _, row := range s.snapshots.Table().All(tx, "", "") {
		if slices.ContainsFunc(row.Body.NodeList, func(id string) bool { return slices.Contains(nodes, id) }) {
			chains = append(chains, s.chainOfAny(tx, &row.Body))
		}
	}
	slices.Sort(chains)
	return slices.Compact(chains)
}

// others returns the nodes of the chain without one of them.
func (c *placedChain) others(node string) []string {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(id string) bool { return id == node })
}

// relocate chooses the node that takes over the chain's replica on another node. It may return *physics.TooFewError.
func (s *Service) relocate(tx *store.Tx, c *placedChain, from string) (string, error) {
	limits := physics.Restrictions{}
	for i := range c.volumes {
		if list := c.volumes[i].Body.PlacementRestrictions; len(list) > 0 {
			var err error
			if limits, err = s.readRestrictions(tx, list); err != nil {
				return "", err
			}
		}
	}
	var nodes []physics.Node
	for _, u := range usageTable.All(tx, "", "") {
		if !u.Attached {
			continue
		}
		nodes = append(nodes, physics.Node{
			UUID: u.UUID, Name: u.Name, Domains: u.Domains, Active: u.Serving &&
				u.Synced, Full: u.Disks.Full(u.Add(c.usage)),
			Leaving: u.Leaving, Room: physics.SpaceOf(u.Disks, u.Usage).TotalLogical, Used: uint64(u.Provisioned),
		})
	}
	return physics.Relocate(nodes, from, c.others(from), c.largest, limits)
}

// moveReplica moves the chain's replica from one node to another and updates nodes, protection groups, volumes and
// snapshots. Nobody modified the volumes, so that their ETags stay (assumption 45).
func (s *Service) moveReplica(tx *store.Tx, c *placedChain, from, to string) error {
	at := slices.Index(c.nodes, from)
	if at < 0 {
		return nil
	}
	moved := slices.Clone(c.nodes)
	moved[at] = to
	gives, takes := c.usage.Times(-1), c.usage
	if at == 0 {
		gives.Primaries, takes.Primaries = gives.Volumes, takes.Volumes
	}
	if c.usage.Volumes > 0 {
		if err := s.countGroup(tx, c.nodes, -c.usage.Volumes); err != nil {
			return err
		}
		if err := s.countGroup(tx, moved, c.usage.Volumes); err != nil {
			return err
		}
	}
	for i := range c.volumes {
		v := &c.volumes[i].Body
		v.NodeList, v.PrimaryNodeUUID, v.PgUUID = moved, moved[0], s.protectionGroup(tx, moved)
		if err := s.volumes.Touch(tx, &c.volumes[i]); err != nil {
			return err
		}
	}
	for i := range c.snapshots {
		sn := &c.snapshots[i].Body
		sn.NodeList, sn.PrimaryNodeUUID, sn.PgUUID = moved, moved[0], s.protectionGroup(tx, moved)
		if err := s.snapshots.Touch(tx, &c.snapshots[i]); err != nil {
			return err
		}
	}
	c.nodes = moved
	if err := s.chargeNode(tx, to, takes); err != nil {
		return err
	}
	if err := s.chargeNode(tx, from, gives); err != nil {
		return err
	}
	return s.lookAtDeletions(tx, []string{from})
}
