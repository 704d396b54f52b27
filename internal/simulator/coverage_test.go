package simulator

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// answers are the operation × status pairs that were seen.
type answers struct{ fromState, injected map[string]bool }

// collected reads what the servers of other tests have left (see simtest.CoverageDir, which this package cannot import).
func collected(t *testing.T, dir string) answers {
	a := answers{fromState: map[string]bool{}, injected: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if pair, ok := strings.CutSuffix(line, " injected"); ok {
				a.injected[pair] = true
			} else {
				a.fromState[line] = true
			}
		}
	}
	return a
}

// TestCoverage makes docs/coverage.md of what the scenario scripts and the tests at the wire were answered. It runs only
// as part of `make coverage`, after them.
func TestCoverage(t *testing.T) {
	dir := os.Getenv("SIMTEST_COVERAGE")
	if dir == "" {
		return
	}
	seen := collected(t, dir)
	var tables, summary strings.Builder
	summary.WriteString("| vendor | documented pairs (500 aside) | from state | injected only | not seen |\n| --- | --- | --- | --- | --- |\n")
	for _, v := range vendors(Default()) {
		fmt.Fprintf(&tables, "\n## %s\n\n| operation | from state | injected only | not seen |\n| --- | --- | --- | --- |\n", v.Service.Vendor)
		var all, state, injected int
		for i := range v.Service.Operations {
			op := &v.Service.Operations[i]
			columns := [3][]string{}
			for _, status := range op.AllStatuses() {
				pair := fmt.Sprintf("%s %d", op.ID(), status)
				column := 2
				if seen.fromState[pair] {
					column = 0
				} else if seen.injected[pair] {
					column = 1
				}
				columns[column] = append(columns[column], fmt.Sprint(status))
				if status == 500 {
					continue
				}
				all++
				if column == 0 {
					state++
				}
				if column == 1 {
					injected++
				}
			}
			fmt.Fprintf(&tables, "| %s | %s | %s | %s |\n", op.Name, strings.Join(columns[0], " "), strings.Join(columns[1], " "), strings.Join(columns[2], " "))
		}
		fmt.Fprintf(&summary, "| %s | %d | %d (%d %%) | %d | %d |\n", v.Service.Vendor, all, state, 100*state/max(all, 1), injected, all-state-injected)
	}
	text := "# Coverage\n\nWhat the scenario scripts and the tests at the wire were answered, made by `make coverage`. *From state*: the answer followed from\n" +
		"what was in the world. *Injected only*: it was seen only as a fault on purpose, which is no evidence that the operation does it;\n" +
		"500 is always injected. docs/assumptions.md says why some are not reached.\n\n" + summary.String() + tables.String()
	require.NoError(t, os.WriteFile("../../docs/coverage.md", []byte(text), 0o644))
	t.Log("\n" + summary.String())
	writeEvidence(t, dir)
}

// writeEvidence makes evidenceFile of what the servers of other tests have left.
func writeEvidence(t *testing.T, dir string) {
	t.Helper()
	lines := map[string]bool{}
	for _, pattern := range []string{"*.evidence", "*/*.evidence"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for line := range strings.Lines(string(text)) {
				lines[line] = true
			}
		}
	}
	require.NotEmpty(t, lines)
	require.NoError(t, os.WriteFile(evidenceFile, []byte(strings.Join(slices.Sorted(maps.Keys(lines)), "")), 0o644))
}
