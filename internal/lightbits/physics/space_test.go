package physics_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
)

func TestSpaceOf(t *testing.T) {
	const tb = uint64(1e12)
	disks := physics.Disks{Count: 8, Bytes: 8 * tb, Coded: true}
	empty := physics.SpaceOf(disks, physics.Usage{})
	require.Equal(t, 7*tb, empty.Effective, "the space of one device is parity")
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
