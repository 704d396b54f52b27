package lightbits

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompareVersions(t *testing.T) {
	require.Negative(t, compareVersions("3.9.2", "3.10.1"))
	require.Zero(t, compareVersions("3.9.2~b1", "3.9.2-b2"))
	require.Positive(t, compareVersions("3.10", "3.9.9"))
}
