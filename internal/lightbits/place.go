package lightbits

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// attachedNodes lists the nodes that are attached to the cluster.
func attachedNodes(tx *store.Tx) []nodeUsage {
	list := make([]nodeUsage, 0, 4)
	for _, u := range usageTable.All(tx, "", "") {
		if u.Attached {
			list = append(list, u)
		}
	}
	return list
}

// place chooses the nodes of a new volume of that size in bytes among the attached ones, the primary node first. It
// returns *physics.TooFewError if there are too few nodes, and InvalidArgument for invalid restrictions
// (facts/lightbits.md 4.1 "placement"). It reserves nothing: charge does.
func (s *Service) place(
	tx *store.Tx, attached []nodeUsage, size uint64, replicas uint32, restrictions []*LabelMatchExpression,
) (nodeUUIDs []string, err error) {
	limits := physics.Restrictions{}
	if len(restrictions) > 0 {
		if limits, err = s.restrictions(tx, restrictions); err != nil {
			return nil, refusedRestrictions(err)
		}
	}
	nodes := make([]physics.Node, 0, len(attached))
	for i := range attached {
		u := &attached[i]
		nodes = append(nodes, physics.Node{
			UUID: u.UUID, Name: u.Name, Domains: u.Domains, Active: u.Serving, Full: u.full(), Leaving: u.Leaving,
			Room: physics.SpaceOf(u.Disks, u.Usage).TotalLogical, Used: uint64(u.Provisioned), Primary: u.Primaries,
		})
	}
	nodeUUIDs, err = physics.Place(nodes, int(replicas), size, limits)
	return nodeUUIDs, refusedRestrictions(err)
}

// protectionGroup returns the UUID of the group of all volumes on one set of nodes. It depends on the UUIDs of the
// nodes alone, not on their order.
func (s *Service) protectionGroup(_ *store.Tx, nodeUUIDs []string) string {
	sorted := slices.Sorted(slices.Values(nodeUUIDs))
	return uuid.NewSHA1(uuid.Nil, []byte(strings.Join(sorted, ","))).String()
}
