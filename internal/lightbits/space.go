package lightbits

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
	"storagesim/internal/varint"
)

// Usage is what volumes and snapshots use on each of their nodes, or a change of it.
type Usage = physics.Usage

// nodeUsage is what placement needs of a node: its state and what it holds. The machine of nodes writes the state,
// charge writes the usage.
type nodeUsage struct {
	UUID, Name, Server string
	Domains            []string
	Serving            bool   // Active
	Synced             bool   // its replicas are up to date; false from a failure until the rebuild is done
	Rebuilt            uint64 // percent of the rebuild, while one is under way
	Attached           bool   // part of the cluster; false for a node that waits to replace another
	Leaving            bool   // its data is being evicted: it gets no new replica
	Disks              physics.Disks
	Usage              `json:"-"` // recounted when a world is read from a file
}

func (u *nodeUsage) full() bool { return u.Disks.Full(u.Usage) }

func (u *nodeUsage) largest() uint64 { return u.Disks.Largest(u.Usage) }

// usageTable has one row for each node.
var usageTable = store.NewTable("lightbits.usage", func(u *nodeUsage) string { return u.UUID }, store.Codec[nodeUsage]{
	Append: func(dst []byte, u *nodeUsage) ([]byte, error) {
		dst = appendTexts(dst, u.UUID, u.Name, u.Server)
		dst = appendTexts(binary.AppendUvarint(dst, uint64(len(u.Domains))), u.Domains...)
		dst = append(dst, flagBits(u.Serving, u.Synced, u.Attached, u.Disks.Coded, u.Leaving))
		dst = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(dst, u.Rebuilt), u.Disks.Count),
			u.Disks.Bytes)
		for _, n := range [...]int64{u.Volumes, u.Primaries, u.Provisioned, u.LogicalUsed, u.PhysicalUsed} {
			dst = binary.AppendUvarint(dst, uint64(n))
		}
		return dst, nil
	},
	Decode: func(src []byte, u *nodeUsage) error {
		c := varint.NewReader(src)
		u.UUID, u.Name, u.Server = c.Text(), c.Text(), c.Text()
		u.Domains = make([]string, min(c.Uint(), uint64(len(src))))
		for i := range u.Domains {
			u.Domains[i] = c.Text()
		}
		bits := c.Byte()
		u.Serving, u.Synced, u.Attached, u.Disks.Coded = bits&1 != 0, bits&2 != 0, bits&4 != 0, bits&8 != 0
		u.Leaving = bits&16 != 0
		u.Rebuilt, u.Disks.Count, u.Disks.Bytes = c.Uint(), c.Uint(), c.Uint()
		for _, n := range [...]*int64{&u.Volumes, &u.Primaries, &u.Provisioned, &u.LogicalUsed, &u.PhysicalUsed} {
			*n = int64(c.Uint())
		}
		return c.End()
	},
})

// replicaGroup counts the volumes on one set of nodes, so that the health of a cluster follows from few rows.
type replicaGroup struct {
	UUID    string
	Nodes   []string // sorted
	Volumes int64
}

var groupTable = store.NewTable("lightbits.group", func(g *replicaGroup) string { return g.UUID },
	store.Codec[replicaGroup]{
		Append: func(dst []byte, g *replicaGroup) ([]byte, error) {
			dst = binary.AppendUvarint(appendTexts(dst, g.UUID), uint64(g.Volumes))
			return appendTexts(binary.AppendUvarint(dst, uint64(len(g.Nodes))), g.Nodes...), nil
		},
		Decode: func(src []byte, g *replicaGroup) error {
			c := varint.NewReader(src)
			g.UUID, g.Volumes = c.Text(), int64(c.Uint())
			g.Nodes = make([]string, min(c.Uint(), uint64(len(src))))
			for i := range g.Nodes {
				g.Nodes[i] = c.Text()
			}
			return c.End()
		},
	})

// members returns the usage of the group's nodes.
func (g *replicaGroup) members(all map[string]nodeUsage) []nodeUsage {
	list := make([]nodeUsage, len(g.Nodes))
	for i, id := range g.Nodes {
		list[i] = all[id]
	}
	return list
}

// charge adds delta to the usage of each node and to the number of volumes of their group. The first node is the
// primary one: its primaries change by delta.Volumes; delta.Primaries is ignored. Crossing the read-only threshold is
// an event. It is a programming error to name a node that does not exist or to release more than was used.
func (s *Service) charge(tx *store.Tx, nodeUUIDs []string, delta Usage) error {
	for i, id := range nodeUUIDs {
		delta.Primaries = 0
		if i == 0 {
			delta.Primaries = delta.Volumes
		}
		if err := s.chargeNode(tx, id, delta); err != nil {
			return err
		}
	}
	if delta.Volumes == 0 || len(nodeUUIDs) == 0 {
		return nil
	}
	return s.countGroup(tx, nodeUUIDs, delta.Volumes)
}

// chargeNode adds delta to the usage of one node. A deletion or an eviction may be waiting for the node to become
// empty. If the node becomes full and the flag proactive-rebalance is on, replicas leave it.
func (s *Service) chargeNode(tx *store.Tx, id string, delta Usage) error {
	u, err := usageTable.Get(tx, id)
	if err != nil {
		return err
	}
	wasFull := u.full()
	u.Usage = u.Add(delta)
	if u.Negative() {
		return fmt.Errorf("node %s would have a negative usage: %+v", u.Name, u.Usage)
	}
	if err := usageTable.Put(tx, &u); err != nil {
		return err
	}
	if err := s.noteFullness(tx, &u, wasFull); err != nil {
		return err
	}
	if u.Volumes == 0 && delta.Volumes < 0 {
		return s.lookAtDeletion(tx, u.Server)
	}
	return nil
}

func (s *Service) countGroup(tx *store.Tx, nodeUUIDs []string, volumes int64) error {
	id := s.protectionGroup(tx, nodeUUIDs)
	g, err := groupTable.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		g = replicaGroup{UUID: id, Nodes: slices.Sorted(slices.Values(nodeUUIDs))}
	}
	g.Volumes += volumes
	switch {
	case g.Volumes < 0:
		return fmt.Errorf("protection group %s would have %d volumes", id, g.Volumes)
	case g.Volumes == 0:
		return groupTable.Delete(tx, id)
	}
	return groupTable.Put(tx, &g)
}

// chargeVolume charges the nodes of a volume with what it needs; with the sign -1 it releases that.
func (s *Service) chargeVolume(tx *store.Tx, v *Volume, sign int64) error {
	return s.charge(tx, v.NodeList, volumeUsage(v, sign))
}

// resizeVolume changes the size of a volume, in bytes, and what its nodes provide for it.
func (s *Service) resizeVolume(tx *store.Tx, v *Volume, size uint64) error {
	if err := s.chargeVolume(tx, v, -1); err != nil {
		return err
	}
	v.Size = size
	return s.chargeVolume(tx, v, 1)
}

// readOnlyNode returns the first of the nodes that is serving and read-only, or nil.
func (s *Service) readOnlyNode(tx *store.Tx, nodes []string) *nodeUsage {
	return s.servingNode(tx, nodes, func(u *nodeUsage) bool { return u.full() })
}

// crowdedNode returns the first of the nodes that is serving and has no room for that many more bytes, or nil.
func (s *Service) crowdedNode(tx *store.Tx, nodes []string, more uint64) *nodeUsage {
	return s.servingNode(tx, nodes, func(u *nodeUsage) bool { return !u.Disks.Holds(uint64(u.PhysicalUsed) + more) })
}

// smallNode returns the first of the nodes that is serving and on which no volume can have that size in bytes, or nil.
func (s *Service) smallNode(tx *store.Tx, nodes []string, size uint64) *nodeUsage {
	return s.servingNode(tx, nodes, func(u *nodeUsage) bool { return u.largest() < size })
}

func (s *Service) servingNode(tx *store.Tx, nodes []string, which func(u *nodeUsage) bool) *nodeUsage {
	for _, u := range s.members(tx, nodes) {
		if u.Serving && which(&u) {
			return &u
		}
	}
	return nil
}

// nextFiller returns the nodes and the size of the next volume that fill-cluster creates.
func (s *Service) nextFiller(tx *store.Tx, percent uint64) (nodes []string, size uint64) {
	var vessels []physics.Vessel
	for _, u := range usageTable.All(tx, "", "") {
		if u.Attached && u.Serving && !u.Leaving {
			vessels = append(vessels, physics.Vessel{UUID: u.UUID, Name: u.Name, Domains: u.Domains, Disks: u.Disks,
				Used: uint64(u.PhysicalUsed)})
		}
	}
	return physics.Fill(vessels, percent, maxVolumeSize)
}

// percentUsed returns the percentage of its effective storage that each node uses, by name.
func (s *Service) percentUsed(tx *store.Tx) map[string]int {
	percent := map[string]int{}
	for _, u := range usageTable.All(tx, "", "") {
		if effective := u.Disks.Effective(); effective > 0 {
			percent[u.Name] = int(float64(u.PhysicalUsed) / float64(effective) * 100)
		}
	}
	return percent
}

// noteFullness records that a node became read-only or writable again, and moves replicas if a flag says so.
func (s *Service) noteFullness(tx *store.Tx, u *nodeUsage, wasFull bool) error {
	switch full := u.full(); {
	case full && !wasFull:
		if err := s.logEvent(tx, events.NodeReadOnly, events.AboutNode(u.UUID, u.Name)); err != nil {
			return err
		}
		return s.planRebalance(tx, u)
	case !full && wasFull:
		if err := s.logEvent(tx, events.NodeWritable, events.AboutNode(u.UUID, u.Name)); err != nil {
			return err
		}
		return s.lookForRoom(tx)
	}
	return nil
}

// usages returns the rows of all nodes by UUID.
func (s *Service) usages(tx *store.Tx) map[string]nodeUsage {
	all := map[string]nodeUsage{}
	for id, u := range usageTable.All(tx, "", "") {
		all[id] = u
	}
	return all
}

// volumeUsage returns what a volume uses on each of its nodes even if it was never written; sign is 1 or -1.
func volumeUsage(v *Volume, sign int64) Usage {
	return Usage{Volumes: sign, Provisioned: sign * int64(v.Size)}
}
