// Package reliability tests the built simulator with kill -9, damaged files, full disks, hostile clients and long load.
//
// SIMULATOR names the binary. Without it all tests are skipped; the tests of cmd/simulator also kill the program. With
// it, a short version of the kill test runs. `make reliability` also sets RELIABILITY and runs everything but the soak
// test, which `make soak` runs. SEED repeats a run; each run prints its seed.
package reliability

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

// binary is the program under test.
var binary = os.Getenv("SIMULATOR")

// all reports whether the long versions run.
var all = os.Getenv("RELIABILITY") != ""

// long skips a test that only `make reliability` runs.
func long(t *testing.T) {
	t.Helper()
	if !all || binary == "" {
		t.Skip("only `make reliability` runs this test")
	}
}

// seeded returns the random source of a run and prints its seed.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "SEED")
	}
	t.Logf("SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// start starts the program. It is killed when the test ends.
func start(t *testing.T, args ...string) *program.Program {
	t.Helper()
	return startAfter(t, "", args...)
}

func startAfter(t *testing.T, before string, args ...string) *program.Program {
	t.Helper()
	p, err := program.Start(binary, before, args...)
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	return p
}

// must sends a request that must return the status, and decodes the response into into unless that is nil.
func must(t *testing.T, p *program.Program, status int, method, path, world, body string, into any) {
	t.Helper()
	a, err := program.Call(http.DefaultClient, method, p.HTTP+path, world, body)
	require.NoError(t, err, p.Stderr())
	require.Equal(t, status, a.Status, "%s %s: %s", method, path, a.Text)
	if into != nil {
		require.NoError(t, json.Unmarshal([]byte(a.Text), into), a.Text)
	}
}

const volumesPath = "/api/v2/projects/default/volumes"

func newVolume(name string) string {
	return `{"name":"` + name + `","size":"1GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`
}

type volume struct{ UUID, Name, State, Size string }

// volumes returns all volumes of a world, by name.
func volumes(t *testing.T, p *program.Program, world string) map[string]volume {
	t.Helper()
	there := map[string]volume{}
	for offset := ""; ; {
		var page struct{ Volumes []volume }
		must(t, p, 200, http.MethodGet, volumesPath+"?limit=1000&offsetUUID="+offset, world, "", &page)
		if len(page.Volumes) == 0 {
			return there
		}
		for _, v := range page.Volumes {
			there[v.Name] = v
		}
		offset = page.Volumes[len(page.Volumes)-1].UUID
	}
}
