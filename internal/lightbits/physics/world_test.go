package physics_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
)

func TestProtectionOf(t *testing.T) {
	const (
		full, deg, ro, gone, none = physics.FullyProtected, physics.Degraded, physics.ReadOnly, physics.NotAvailable,
			physics.NoProtection
	)
	want := map[int][]physics.Protection{
		0: {none},
		1: {gone, full},
		2: {gone, ro, full},
		3: {gone, ro, deg, full},
	}
	for replicas, row := range want {
		for up, level := range row {
			require.Equal(t, level, physics.ProtectionOf(replicas, up), "%d of %d up", up, replicas)
		}
	}
	require.True(t, deg.Writes() && full.Writes() && ro.Reads() && deg.Reads() && full.Reads())
	require.False(t, ro.Writes() || gone.Writes() || gone.Reads() || none.Reads())
}

// node is an active one with room in the domains.
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

func TestPlace_PrimaryIsTheOneWithFewest(t *testing.T) {
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

// The least used node may stand in the way of all others: then it must not be taken.
func TestPlace_LooksBehindTheFirstFit(t *testing.T) {
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
	require.Equal(t, "u-b", place(both), "all groups must hold")
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

func TestSpaceOf(t *testing.T) {
	const tb = uint64(1e12)
	disks := physics.Disks{Count: 8, Bytes: 8 * tb, Coded: true}
	empty := physics.SpaceOf(disks, physics.Usage{})
	require.Equal(t, 7*tb, empty.Effective, "one device's worth is parity")
	require.Equal(t, 63*tb/10, empty.Free, "free until read-only, at 90 %")
	require.InDelta(t, 1, empty.Compression, 0)
	require.Equal(t, empty.Free, empty.FreeLogical)
	require.Equal(t, 7*tb, empty.TotalLogical)

	used := physics.SpaceOf(disks, physics.Usage{Provisioned: 9, LogicalUsed: int64(2 * tb), PhysicalUsed: int64(tb)})
	require.InDelta(t, 2, used.Compression, 0, "logical used ÷ physical used")
	require.Equal(t, 14*tb, used.TotalLogical, "effective × compression ratio")
	require.Equal(t, tb*8/7, used.WithParity, "physical × n ÷ (n−1)")
	require.Equal(t, 53*tb/10, used.Free)
	require.Equal(t, 2*used.Free, used.FreeLogical)
	require.Equal(t, uint64(9), used.Logical)

	bare := physics.SpaceOf(physics.Disks{Count: 4, Bytes: 4 * tb},
		physics.Usage{PhysicalUsed: int64(tb), LogicalUsed: int64(tb)})
	require.Equal(t, 4*tb, bare.Effective, "fewer than eight devices keep no parity")
	require.Equal(t, tb, bare.WithParity)
}

func TestDisks_Full(t *testing.T) {
	d := physics.Disks{Count: 1, Bytes: 1000}
	require.False(t, d.Full(physics.Usage{PhysicalUsed: 900}))
	require.True(t, d.Full(physics.Usage{PhysicalUsed: 901}))
	require.Zero(t, physics.SpaceOf(d, physics.Usage{PhysicalUsed: 950}).Free)
}

func TestSum(t *testing.T) {
	a := physics.SpaceOf(physics.Disks{Count: 2, Bytes: 200},
		physics.Usage{Provisioned: 5, LogicalUsed: 100, PhysicalUsed: 100})
	b := physics.SpaceOf(physics.Disks{Count: 3, Bytes: 300},
		physics.Usage{Provisioned: 7, LogicalUsed: 200, PhysicalUsed: 50})
	sum := physics.Sum(a, b)
	require.Equal(t, physics.Space{
		Managed: 500, Effective: 500, Logical: 12, LogicalUsed: 300, PhysicalUsed: 150, WithParity: 150, Free: 80 + 220,
		FreeLogical: 600, TotalLogical: 1000, Compression: 2, ReadOnlyLimit: 450,
	}, sum, "the ratio is that of the whole, not a mean")
	require.InDelta(t, 1, physics.Sum().Compression, 0)
}

func TestSpaceOf_DoesNotOverflow(t *testing.T) {
	huge := physics.Disks{Count: 1, Bytes: math.MaxUint64}
	s := physics.SpaceOf(huge, physics.Usage{LogicalUsed: math.MaxInt64, PhysicalUsed: 1})
	require.Equal(t, uint64(math.MaxUint64), s.TotalLogical)
}
