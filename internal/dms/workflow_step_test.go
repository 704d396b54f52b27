package dms

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestClone_StepWithoutAPlan checks a copy that an earlier version of the program has begun: its next step is an
// eighth, as it was.
func TestClone_StepWithoutAPlan(t *testing.T) {
	t.Parallel()
	c := clone{Size: 80 << 30, Copied: 20 << 30}
	require.Equal(t, uint64(30<<30), c.stepEnd(c.Copied))
	c.Size, c.Copied = 4096, 0
	require.Equal(t, uint64(4096), c.stepEnd(0), "at least a block")
}
