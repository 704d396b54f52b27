package physics

import (
	"cmp"
	"slices"
)

// Relocate chooses the node that takes over a replica from another node. keep are the nodes with the other replicas. Of
// the nodes that Place could use and that share no failure domain with keep, it chooses the one with the fewest
// provisioned bytes; ties are broken by name. It returns *TooFewError if there is none.
func Relocate(nodes []Node, from string, keep []string, size uint64, r Restrictions) (string, error) {
	var kept, usable []*Node
	for i := range nodes {
		if slices.Contains(keep, nodes[i].UUID) {
			kept = append(kept, &nodes[i])
		}
	}
	missing := &TooFewError{Replicas: 1, Size: size}
	for i := range nodes {
		n := &nodes[i]
		if n.UUID == from || slices.Contains(keep, n.UUID) {
			continue
		}
		why := n.refuses(size, r)
		if why == "" && slices.ContainsFunc(kept, n.near) {
			why = "shares a failure domain with another replica"
		}
		if why != "" {
			missing.Refused = append(missing.Refused, n.Name+" "+why)
			continue
		}
		usable = append(usable, n)
	}
	if len(usable) == 0 {
		slices.Sort(missing.Refused)
		return "", missing
	}
	return slices.MinFunc(usable, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.Used, b.Used), cmp.Compare(a.Name, b.Name))
	}).UUID, nil
}
