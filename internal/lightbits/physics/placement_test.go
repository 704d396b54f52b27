package physics_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
)

// node returns an active node with room.
func node(name string, used uint64, domains ...string) physics.Node {
	return physics.Node{UUID: "u-" + name, Name: name, Domains: domains, Active: true, Room: 1 << 40, Used: used}
}

func TestPlace_LeastUsedFirst(t *testing.T) {
	nodes := []physics.Node{node("c", 5, "C"), node("a", 9, "A"), node("d", 1, "D"), node("b", 5, "B")}
	got, err := physics.Place(nodes, 1, 1, physics.Restrictions{})
	require.NoError(t, err)
	require.Equal(t, []string{"u-d"}, got)
	got, err = physics.Place(nodes, 2, 1, physics.Restrictions{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"u-d", "u-b"}, got, "of b and c, equally used, the first by name")
}

func TestPlace_PrimaryHasFewestPrimaries(t *testing.T) {
	nodes := []physics.Node{node("a", 0, "A"), node("b", 0, "B"), node("c", 0, "C")}
	nodes[0].Primary, nodes[1].Primary, nodes[2].Primary = 3, 2, 2
	got, err := physics.Place(nodes, 3, 1, physics.Restrictions{})
	require.NoError(t, err)
	require.Equal(t, []string{"u-b", "u-c", "u-a"}, got)
}

func TestPlace_DistinctDomains(t *testing.T) {
	nodes := []physics.Node{node("a0", 0, "A"), node("a1", 0, "A"), node("b0", 9, "B")}
	got, err := physics.Place(nodes, 2, 1, physics.Restrictions{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"u-a0", "u-b0"}, got)
	_, err = physics.Place(nodes, 3, 1, physics.Restrictions{})
	var few *physics.TooFewError
	require.ErrorAs(t, err, &few)
	require.Equal(t, []string{"A", "B"}, few.Usable)
}

// The least used node must not be chosen if no other node can be combined with it.
func TestPlace_FirstFitIsNotEnough(t *testing.T) {
	nodes := []physics.Node{node("x", 0, "A", "B"), node("a", 5, "A"), node("b", 5, "B")}
	got, err := physics.Place(nodes, 2, 1, physics.Restrictions{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"u-a", "u-b"}, got)
}

func TestPlace_Unusable(t *testing.T) {
	nodes := []physics.Node{node("a", 0, "A"), node("b", 0, "B"), node("c", 0, "C"), node("d", 0, "D")}
	nodes[0].Active = false
	nodes[1].Full = true
	nodes[2].Room = 99
	got, err := physics.Place(nodes, 1, 100, physics.Restrictions{})
	require.NoError(t, err)
	require.Equal(t, []string{"u-d"}, got)
	_, err = physics.Place(nodes, 2, 100, physics.Restrictions{})
	require.EqualError(t, err, "2 replicas of 100 bytes need as many active nodes with room in distinct failure "+
		"domains; "+
		"usable failure domains: D; a is not active, b is read-only, c holds at most 99 bytes")
	_, err = physics.Place(nil, 1, 1, physics.Restrictions{})
	require.ErrorContains(t, err, "usable failure domains: none")
	_, err = physics.Place(nodes, 0, 1, physics.Restrictions{})
	require.Error(t, err)
}

func TestPlace_Restrictions(t *testing.T) {
	nodes := []physics.Node{node("a", 0, "A", "rack1"), node("b", 1, "B", "rack1"), node("c", 2, "C", "rack2")}
	in := func(pairs ...physics.Pair) physics.Restrictions {
		return physics.Restrictions{Cluster: "K", Groups: [][]physics.Pair{pairs}}
	}
	place := func(r physics.Restrictions) string {
		got, err := physics.Place(nodes, 1, 1, r)
		if err != nil {
			return err.Error()
		}
		return got[0]
	}
	require.Equal(t, "u-c", place(in(physics.Pair{Key: physics.KeyDomain, Value: "rack2"})))
	require.Equal(t, "u-b", place(in(physics.Pair{Key: physics.KeyPrimaryDomain, Value: "B"},
		physics.Pair{Key: physics.KeyDomain, Value: "C"})), "one of the pairs is enough")
	require.Equal(t, "u-a", place(in(physics.Pair{Key: physics.KeyCluster, Value: "K"})))
	require.Contains(t, place(in(physics.Pair{Key: physics.KeyCluster, Value: "other"})),
		"does not satisfy the placement restrictions")
	both := in(physics.Pair{Key: physics.KeyDomain, Value: "rack1"})
	both.Groups = append(both.Groups, []physics.Pair{{Key: physics.KeyDomain, Value: "B"}})
	require.Equal(t, "u-b", place(both), "all groups must match")
	many := make([]physics.Pair, physics.MaxPairs)
	for i := range many {
		many[i] = physics.Pair{Key: physics.KeyDomain, Value: "C"}
	}
	require.Equal(t, "u-c", place(in(many...)))
	for name, r := range map[string]physics.Restrictions{
		"26 pairs":   in(append(many, many[0])...),
		"key":        in(physics.Pair{Key: "Unknown", Value: "A"}),
		"characters": in(physics.Pair{Key: physics.KeyDomain, Value: strings.Repeat("x", physics.MaxPairValue+1)}),
		"0 charact":  in(physics.Pair{Key: physics.KeyDomain}),
		"at least":   in(),
	} {
		_, err := physics.Place(nodes, 1, 1, r)
		var wrong *physics.RestrictionError
		require.ErrorAs(t, err, &wrong)
		require.ErrorContains(t, err, name)
	}
	_, err := physics.Place(nodes, 2, 1, in(many[0]))
	require.ErrorContains(t, err, "replica count of 1, not 2")
	require.NotErrorAs(t, err, new(*physics.TooFewError))
}
