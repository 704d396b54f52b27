package physics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Node is what placement needs of a node.
type Node struct {
	UUID    string
	Name    string
	Domains []string // failure domains; no two replicas share one
	Active  bool     // serves I/O
	Full    bool     // above the read-only threshold: takes no new replica
	Leaving bool     // being emptied: takes no new replica
	Room    uint64   // the largest replica it could hold, bytes
	Used    uint64   // bytes promised to volumes
	Primary int64    // how many volumes it is the primary node of
}

// Key is what a restriction compares.
type Key string

// The keys (facts/lightbits.md 4.1). With one replica the primary node is the only one, so that FD and PrimaryFD agree.
const (
	KeyDomain        Key = "FD"
	KeyPrimaryDomain Key = "PrimaryFD"
	KeyCluster       Key = "ClusterID"
)

// Pair is a key and the value it must have.
type Pair struct {
	Key   Key
	Value string
}

// Restrictions limit the nodes on which a volume is placed: at least one pair of each group must match.
type Restrictions struct {
	Cluster string // the UUID of the cluster that is placed in
	Groups  [][]Pair
}

// Limits of restrictions (facts/lightbits.md 4.1).
const (
	MaxPairs       = 25
	MaxPairValue   = 100
	MaxRestrictedN = 1 // replicas of a volume that has restrictions
)

// RestrictionError is the error of invalid restrictions.
type RestrictionError struct{ Problem string }

func (e *RestrictionError) Error() string { return "placement restrictions: " + e.Problem }

// check returns a *RestrictionError for restrictions that no state of a cluster can satisfy.
func (r Restrictions) check(replicas int) error {
	pairs := 0
	for _, group := range r.Groups {
		if len(group) == 0 {
			return &RestrictionError{"an expression needs at least one key and value"}
		}
		pairs += len(group)
		for _, p := range group {
			switch {
			case p.Key != KeyDomain && p.Key != KeyPrimaryDomain && p.Key != KeyCluster:
				return &RestrictionError{fmt.Sprintf("key %q must be FD, PrimaryFD or ClusterID", p.Key)}
			case p.Value == "" || len(p.Value) > MaxPairValue:
				return &RestrictionError{fmt.Sprintf("the value of key %s has %d characters; it must have 1 to %d",
					p.Key, len(p.Value), MaxPairValue)}
			}
		}
	}
	switch {
	case pairs > MaxPairs:
		return &RestrictionError{fmt.Sprintf("%d pairs are too many; at most %d are allowed", pairs, MaxPairs)}
	case pairs > 0 && replicas != MaxRestrictedN:
		return &RestrictionError{fmt.Sprintf("they need a replica count of 1, not %d", replicas)}
	}
	return nil
}

// allow reports whether the node satisfies all groups.
func (r Restrictions) allow(n *Node) bool {
	for _, group := range r.Groups {
		holds := slices.ContainsFunc(group, func(p Pair) bool {
			if p.Key == KeyCluster {
				return p.Value == r.Cluster
			}
			return slices.Contains(n.Domains, p.Value)
		})
		if !holds {
			return false
		}
	}
	return true
}

// TooFewError is the error of a placement for which there are too few nodes.
type TooFewError struct {
	Replicas int
	Size     uint64   // bytes of the volume
	Usable   []string // failure domains with a node that can take a replica
	Refused  []string // "server01-0 is not active" and the like, for each node that cannot
}

func (e *TooFewError) Error() string {
	usable := "none"
	if len(e.Usable) > 0 {
		usable = strings.Join(e.Usable, ", ")
	}
	text := fmt.Sprintf("%d replicas of %d bytes need as many active nodes with room in distinct failure domains; "+
		"usable failure domains: %s", e.Replicas, e.Size, usable)
	if len(e.Refused) > 0 {
		text += "; " + strings.Join(e.Refused, ", ")
	}
	return text
}

// Place chooses the nodes of a volume, the primary one first. It chooses active nodes with room, in distinct failure
// domains, those with the fewest provisioned bytes first; ties are broken by name. Of the chosen nodes, the one that is
// primary of the fewest volumes becomes the primary. It returns *RestrictionError for invalid restrictions, and
// *TooFewError if there are too few nodes.
func Place(nodes []Node, replicas int, size uint64, r Restrictions) ([]string, error) {
	if err := r.check(replicas); err != nil {
		return nil, err
	}
	var usable []*Node
	missing := &TooFewError{Replicas: replicas, Size: size}
	for i := range nodes {
		n := &nodes[i]
		if why := n.refuses(size, r); why != "" {
			missing.Refused = append(missing.Refused, n.Name+" "+why)
			continue
		}
		usable = append(usable, n)
	}
	slices.SortFunc(usable, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.Used, b.Used), cmp.Compare(a.Name, b.Name))
	})
	chosen := choose(usable, nil, replicas)
	if chosen == nil || replicas < 1 {
		for _, n := range usable {
			missing.Usable = append(missing.Usable, n.Domains...)
		}
		slices.Sort(missing.Usable)
		missing.Usable = slices.Compact(missing.Usable)
		slices.Sort(missing.Refused)
		return nil, missing
	}
	slices.SortFunc(chosen, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.Primary, b.Primary), cmp.Compare(a.Name, b.Name))
	})
	list := make([]string, len(chosen))
	for i, n := range chosen {
		list[i] = n.UUID
	}
	return list, nil
}

func (n *Node) refuses(size uint64, r Restrictions) string {
	switch {
	case !n.Active:
		return "is not active"
	case n.Leaving:
		return "is being evicted"
	case n.Full:
		return "is read-only"
	case n.Room < size:
		return fmt.Sprintf("holds at most %d bytes", n.Room)
	case !r.allow(n):
		return "does not satisfy the placement restrictions"
	}
	return ""
}

// choose returns the first combination, in the order of the candidates, of nodes that share no failure domain; nil if
// there is none. Taking the first fitting node is not enough, since a node may be in several domains. Each node is
// tried with and without, so that the time is exponential in replicas only: at most n^replicas steps.
func choose(candidates, taken []*Node, replicas int) []*Node {
	if len(taken) == replicas {
		return slices.Clone(taken)
	}
	for i, n := range candidates {
		if slices.ContainsFunc(taken, n.near) {
			continue
		}
		if found := choose(candidates[i+1:], append(taken, n), replicas); found != nil {
			return found
		}
	}
	return nil
}

// near reports whether two nodes share a failure domain.
func (n *Node) near(other *Node) bool {
	return slices.ContainsFunc(n.Domains, func(d string) bool { return slices.Contains(other.Domains, d) })
}
