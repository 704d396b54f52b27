// Package reliability kills, starves and besieges the built simulator, and looks at what is left.
//
// Plain `go test` runs a short version of the first. `make reliability` sets RELIABILITY and runs all but the soak, `make
// soak` that. SIMULATOR names the binary; without it one is built. SEED repeats a run; every run prints its seed.
package reliability

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

// binary is the program under test.
var binary string

// all says that the long versions are wanted.
var all = os.Getenv("RELIABILITY") != ""

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if binary = os.Getenv("SIMULATOR"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "reliability-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "simulator")
	build := exec.Command("go", "build", "-o", binary, "storagesim/cmd/simulator")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		return 1
	}
	return m.Run()
}

// long skips a test that only `make reliability` runs.
func long(t *testing.T) {
	t.Helper()
	if !all {
		t.Skip("make reliability runs it")
	}
}

// seeded prints where a run's randomness comes from.
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

// start runs the program until the test ends at the latest.
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

// must sends a request that has to be answered with the status, and decodes the answer.
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

func newVolume(name, size string) string {
	return `{"name":"` + name + `","size":"` + size + `","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`
}

type volume struct{ UUID, Name, State, Size string }

// volumes reads all volumes of a world, page after page.
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
