package physics_test

import (
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
