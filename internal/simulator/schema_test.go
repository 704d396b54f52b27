package simulator_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
	"storagesim/internal/store"
)

// Data directories of older programs, one for each schema that was released, as a killed process leaves them: with
// writes in a log. Each has a volume v1, then a checkpoint c, then a rule r and a volume v2, and a second world t.
func TestSchema_OlderDataOpens(t *testing.T) {
	for _, schema := range []string{"schema1"} {
		t.Run(schema, func(t *testing.T) {
			data := unpacked(t, filepath.Join("testdata", schema))
			s := simtest.New(t, func(c *simulator.Config) { c.Data = data })
			s.Header.Set("Authorization", "Bearer x")
			names := func() string {
				got := s.Must(200, http.MethodGet, "/api/v2/volumes", "")
				first, _ := got.Get(".volumes[0].name").(string)
				second, _ := got.Get(".volumes[1].name").(string)
				return strings.TrimSpace(first + " " + second)
			}
			require.ElementsMatch(t, []string{"v1", "v2"}, strings.Fields(names()))
			s.Must(200, http.MethodGet, "/_sim/faults/r", "")
			s.In("t").Must(200, http.MethodGet, "/api/v2/volumes", "")
			s.In("t").Must(200, http.MethodPost, "/_sim/verify", // the worlds have lives of their own
				`{"match":{"operation":"lightbits.ListVolumes"},"count":{"min":1,"max":1}}`)
			s.Must(200, http.MethodPost, "/_sim/checkpoints/c/restore", "")
			require.Equal(t, "v1", names())
			require.Equal(t, "2026-06-01T00:01:00Z", s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".now"))
			s.Must(200, http.MethodPost, "/_sim/reset", "")
			s.Restart()
			require.Empty(t, names())
		})
	}
}

// unpacked returns a directory with the decompressed files of dir.
func unpacked(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	files, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		in, err := os.Open(file)
		require.NoError(t, err)
		zipped, err := gzip.NewReader(in)
		require.NoError(t, err)
		content, err := io.ReadAll(zipped)
		require.NoError(t, err)
		require.NoError(t, in.Close())
		name := strings.TrimSuffix(filepath.Base(file), ".gz")
		require.NoError(t, os.WriteFile(filepath.Join(to, name), content, 0o600))
	}
	return to
}

// Worlds with seeds of their own leave nothing behind: the states that they started from are deleted.
func TestWorlds_BasesAreCollected(t *testing.T) {
	data := t.TempDir()
	s := simtest.New(t, func(c *simulator.Config) { c.Data = data }, simtest.ToyVendor)
	for seed := range 30 {
		name := fmt.Sprintf("w%d", seed)
		s.Must(201, http.MethodPost, "/_sim/worlds", fmt.Sprintf(`{"name":%q,"seed":%d}`, name, seed+100))
		s.Must(200, http.MethodDelete, "/_sim/worlds/"+name, "")
	}
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"again","seed":100}`)
	s.Close()
	db, err := store.Open(filepath.Join(data, "simulator.db"), store.Options{})
	require.NoError(t, err)
	defer db.Close()
	bases, err := db.Bases()
	require.NoError(t, err)
	require.LessOrEqual(t, len(bases), 8)
}
