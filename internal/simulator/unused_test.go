package simulator_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
)

// Data that a process has open stays, also if it is old, and so does a directory that is new.
func TestRemoveUnused(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir := func(name string, age time.Duration) string {
		path := filepath.Join(os.TempDir(), name)
		require.NoError(t, os.Mkdir(path, 0o700))
		t.Cleanup(func() { _ = os.RemoveAll(path) })
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(-age)))
		return path
	}
	run := func(dir string, age time.Duration) *simulator.Simulator {
		config := simulator.Default()
		config.Data = dir
		s, err := simulator.New(config)
		require.NoError(t, err)
		require.NoError(t, os.Chtimes(dir, time.Time{}, time.Now().Add(-age)))
		return s
	}
	old := dir("mine-old", time.Hour)
	require.NoError(t, run(old, time.Hour).Close(context.Background()))
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)))
	empty, young := dir("mine-empty", time.Hour), dir("mine-young", 0)
	others, used := dir("others", time.Hour), dir("mine-used", time.Hour)
	s := run(used, time.Hour)
	simulator.RemoveUnused("mine-")
	require.NoDirExists(t, old)
	require.NoDirExists(t, empty)
	require.DirExists(t, young)
	require.DirExists(t, others)
	require.DirExists(t, used)
	require.NoError(t, s.Close(context.Background()))
}
