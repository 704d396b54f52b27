package simulator

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"storagesim/internal/control"
	"storagesim/internal/fault"
)

// members returns the JSON paths of all leaves of a struct type, such as effect.latency.fixed.
func members(t reflect.Type, prefix string) (list []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		typ := t.Field(i).Type
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() == reflect.Struct && typ.String() != "time.Time" {
			list = append(list, members(typ, prefix+name+".")...)
			continue
		}
		list = append(list, prefix+name)
	}
	return list
}

// testNames returns the names of all test functions and scenario scripts.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names, declared := map[string]bool{}, regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)
	for _, root := range []string{"../../internal", "../../cmd", "../../test"} {
		require.NoError(t, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if dir := filepath.Dir(file); filepath.Ext(file) == ".txt" && filepath.Base(dir) == "testdata" {
				names[filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(file)] = true
			}
			if !strings.HasSuffix(file, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(file)
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				names[m[1]] = true
			}
			return err
		}))
	}
	return names
}

// evidenceFile is written by `make coverage`. Each line has a test, an operation or a member of a fault rule, and a
// status that the test received and checked.
const evidenceFile = "testdata/control-evidence.txt"

// readEvidence returns the statuses by test and operation or member, such as "TestClock GET /_sim/clock".
func readEvidence(t *testing.T) map[string][]int {
	t.Helper()
	text, err := os.ReadFile(evidenceFile)
	require.NoError(t, err)
	seen := map[string][]int{}
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSpace(line), "\t")
		require.Len(t, parts, 3, line)
		status, err := strconv.Atoi(parts[2])
		require.NoError(t, err, line)
		seen[parts[0]+" "+parts[1]] = append(seen[parts[0]+" "+parts[1]], status)
	}
	return seen
}

// unproven returns why the tests do not prove that an operation or a member of a rule works, or "" if they do: each
// test sent it and checked the status, and at least one received a success.
func unproven(seen map[string][]int, key string, tests []string) string {
	succeeded := false
	for _, name := range tests {
		statuses := seen[name+" "+key]
		if len(statuses) == 0 {
			return name + " does not send it and check the status; `make coverage` records which tests do"
		}
		succeeded = succeeded || slices.Min(statuses) < 400
	}
	if !succeeded {
		return "none of its tests receives a success"
	}
	return ""
}

// docs/control-coverage.md has a row for every operation of the control surface and every member of a fault rule. The
// tests that a row names exist and prove it.
func TestDocuments_ControlCoverage(t *testing.T) {
	const file = "../../docs/control-coverage.md"
	document, err := os.ReadFile(file)
	require.NoError(t, err)
	known, seen := testNames(t), readEvidence(t)
	found := map[string]bool{}
	rows := regexp.MustCompile("(?m)^\\| (`?)([^|]*?)`? \\| ([^|]*) \\|$")
	for _, m := range rows.FindAllStringSubmatch(string(document), -1) {
		quoted, key, tests := m[1] != "", m[2], m[3]
		if tests == "tests" || tests == "---" {
			continue
		}
		found[key] = quoted
		for _, name := range strings.Split(tests, ", ") {
			require.True(t, known[name], "%s: %s: there is no test or script %s", file, key, name)
		}
		if quoted {
			assert.Empty(t, unproven(seen, key, strings.Split(tests, ", ")), "%s: %s", file, key)
		}
	}
	var wanted []string
	for _, row := range control.Operations() {
		wanted = append(wanted, row.Method+" "+row.Path)
	}
	wanted = append(wanted, members(reflect.TypeFor[fault.Rule](), "")...)
	for _, key := range wanted {
		require.True(t, found[key], "%s has no row for %s", file, key)
		delete(found, key)
	}
	for key, quoted := range found {
		require.False(t, quoted, "%s has a row for %s, which is neither an operation nor a member of a rule", file, key)
	}
}

func TestUnproven(t *testing.T) {
	seen := map[string][]int{"TestA GET /_sim/clock": {404, 200}, "TestB GET /_sim/clock": {404}}
	require.Empty(t, unproven(seen, "GET /_sim/clock", []string{"TestA", "TestB"}))
	require.Contains(t, unproven(seen, "GET /_sim/clock", []string{"TestB"}), "success")
	require.Contains(t, unproven(seen, "GET /_sim/clock", []string{"TestA", "TestC"}), "TestC does not send it")
	require.Contains(t, unproven(seen, "PUT /_sim/clock", []string{"TestA"}), "TestA does not send it")
}
