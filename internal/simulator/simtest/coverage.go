package simtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"
)

// CoverageDir is the environment variable that names a directory where every server of a test leaves, when it is closed,
// what the vendors' operations answered: one line each, "operation status" for an answer that followed from state and
// "operation status injected" for one that was made on purpose. `make coverage` makes docs/coverage.md of them.
const CoverageDir = "SIMTEST_COVERAGE"

func (s *Server) leaveCoverage() {
	dir := os.Getenv(CoverageDir)
	if dir == "" || s.sim == nil {
		return
	}
	var journal struct {
		Requests []struct {
			Operation, Fault string
			Status           int
		}
	}
	resp, err := (&http.Client{Timeout: Patience}).Get(s.URL + "/_sim/requests?limit=100000") // not the test's client, whose context has ended by now
	require.NoError(s.tb, err)
	defer resp.Body.Close()
	require.NoError(s.tb, json.NewDecoder(resp.Body).Decode(&journal))
	var lines strings.Builder
	for _, x := range journal.Requests {
		if x.Operation == "" {
			continue
		}
		how := ""
		if x.Fault != "" {
			how = " injected"
		}
		fmt.Fprintf(&lines, "%s %d%s\n", x.Operation, x.Status, how)
	}
	require.NoError(s.tb, os.MkdirAll(dir, 0o755))
	file, err := os.CreateTemp(dir, filepath.Base(os.Args[0])+"-*.txt")
	require.NoError(s.tb, err)
	_, err = file.WriteString(lines.String())
	require.NoError(s.tb, err)
	require.NoError(s.tb, file.Close())
}
