package simulator

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// onData starts a simulator on a directory, which is closed at once, and returns its log.
func onData(t *testing.T, dir string, wall func() time.Time) (log string, world time.Time) {
	t.Helper()
	var out bytes.Buffer
	config := Default()
	config.Listen, config.Data, config.Log = "127.0.0.1:0", dir, zerolog.New(&out)
	config.TLSListen = "127.0.0.1:0"
	s := &Simulator{config: config, own: map[string]*port{}, expiring: make(chan time.Time, 1),
		stopped: make(chan struct{}), cancel: func() {}, conductor: alone()}
	if wall != nil {
		s.conductor.now = statemachine.NewWall(wall).Now
	}
	catalog, err := openCatalog(config.Fixture)
	require.NoError(t, err)
	require.NoError(t, s.make(catalog))
	world, err = s.engine.Now("default")
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))
	return out.String(), world
}

// Other users lose their access to the program's files in an existing directory. The directory stays as it is.
func TestData_FilesAreTightened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data[1]*")
	log, _ := onData(t, dir, nil)
	require.NotContains(t, log, "other users")
	foreign := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(foreign, nil, 0o644))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o777)) //nolint:gosec // what the program warns of
	for _, f := range files {
		require.NoError(t, os.Chmod(filepath.Join(dir, f.Name()), 0o644))
	}
	log, _ = onData(t, dir, nil)
	require.Contains(t, log, "other users could access this file")
	require.Contains(t, log, "any user can replace the files in the data directory")
	for _, f := range files {
		info, err := os.Stat(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		want := os.FileMode(0o600)
		if f.Name() == filepath.Base(foreign) {
			want = 0o644
		}
		require.Equal(t, want, info.Mode().Perm(), f.Name())
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o777), info.Mode().Perm())
}

// Tables that no part of the program knows are named at the start.
func TestData_UnknownTablesAreNamed(t *testing.T) {
	dir := t.TempDir()
	log, _ := onData(t, dir, nil)
	require.NotContains(t, log, "tables")
	log, _ = onData(t, dir, nil)
	require.NotContains(t, log, "tables")
	type row struct{ Name string }
	signers := store.NewTable("lightbits.signer", func(r *row) string { return r.Name }, store.JSON[row]())
	db, err := store.Open(filepath.Join(dir, fileName), store.Options{})
	require.NoError(t, err)
	require.NoError(t, db.Update("default", func(tx *store.Tx) error { return signers.Put(tx, &row{"a"}) }))
	require.NoError(t, db.Close())
	log, _ = onData(t, dir, nil)
	require.Contains(t, log, `"tables":["lightbits.signer"]`)
	require.Contains(t, log, "does not know")
}

// A clock that was never set does not go back if the system's clock was set back between two processes.
func TestData_ClocksDoNotGoBackAfterARestart(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	_, first := onData(t, dir, func() time.Time { return now })
	require.Equal(t, now, first)
	now = now.Add(-time.Hour)
	log, second := onData(t, dir, func() time.Time { return now })
	require.False(t, second.Before(first), second)
	require.Contains(t, log, "was set back since the last start")
	now = now.Add(30 * time.Minute)
	_, third := onData(t, dir, func() time.Time { return now })
	require.Equal(t, second.Add(30*time.Minute), third)
}
