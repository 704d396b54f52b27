package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The packages are those that the rows give: `go generate .` in the module's root writes them.
func TestPackages_FollowTheRows(t *testing.T) {
	files, err := generate()
	require.NoError(t, err)
	require.Len(t, files, 4)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../../..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s: run go generate . in the module's root", name)
	}
}
