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

// CoverageDir is the environment variable that names a directory for coverage. When the server of a test closes, it
// writes a file there with one line per response of a vendor's operation: "operation status", or
// "operation status injected" for the response of a fault. `make coverage` generates docs/coverage.md from these files.
const CoverageDir = "SIMTEST_COVERAGE"

func (s *Server) writeCoverage() {
	dir := os.Getenv(CoverageDir)
	if dir == "" || s.sim == nil {
		return
	}
	var lines strings.Builder
	for before := ""; ; {
		page := s.page(before)
		for _, x := range page.Requests {
			if x.Operation == "" {
				continue
			}
			how := ""
			if x.Fault != "" {
				how = " injected"
			}
			fmt.Fprintf(&lines, "%s %d%s\n", x.Operation, x.Status, how)
		}
		if before = page.Next; before == "" {
			break
		}
	}
	require.NoError(s.tb, os.MkdirAll(dir, 0o755))
	file, err := os.CreateTemp(dir, filepath.Base(os.Args[0])+"-*.txt")
	require.NoError(s.tb, err)
	_, err = file.WriteString(lines.String())
	require.NoError(s.tb, err)
	require.NoError(s.tb, file.Close())
}

// journalPage is a page of the journal of all worlds.
type journalPage struct {
	Requests []struct {
		Operation, Fault string
		Status           int
	}
	Next string
}

func (s *Server) page(before string) (page journalPage) {
	// The context of the test, which s.Do uses, has ended.
	req, err := http.NewRequest(http.MethodGet, s.URL+"/_sim/requests?world=*&before="+before, nil)
	require.NoError(s.tb, err)
	req.Header.Set("Authorization", "Bearer "+s.config.AdminToken)
	resp, err := (&http.Client{Timeout: Patience}).Do(req)
	require.NoError(s.tb, err)
	defer resp.Body.Close()
	require.NoError(s.tb, json.NewDecoder(resp.Body).Decode(&page))
	return page
}
