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

// members are the paths of all members of a type of JSON, such as effect.latency.fixed; of an object only its own.
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

// tests are the names of all test functions and scenario scripts.
func tests(t *testing.T) map[string]bool {
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

// evidenceFile holds what `make coverage` saw: test, call or member of a rule, and the status that the test checked.
const evidenceFile = "testdata/control-evidence.txt"

// checked answers by test and line, as "TestClock GET /_sim/clock", the statuses that the test was answered and checked.
func checked(t *testing.T) map[string][]int {
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

// proven says why the tests do not prove the line of a call or a member; "" where they do: each of them sent it on the
// wire and checked the status, and one of them was answered a success.
func proven(seen map[string][]int, key string, tests []string) string {
	succeeded := false
	for _, name := range tests {
		statuses := seen[name+" "+key]
		if len(statuses) == 0 {
			return name + " never sent it and checked the status; `make coverage` writes down who does"
		}
		succeeded = succeeded || slices.Min(statuses) < 400
	}
	if !succeeded {
		return "none of its tests was answered a success"
	}
	return ""
}

// docs/control-coverage.md has a line for every call and every member of a fault rule, and its tests exist and prove it.
func TestDocuments_ControlCoverage(t *testing.T) {
	const file = "../../docs/control-coverage.md"
	document, err := os.ReadFile(file)
	require.NoError(t, err)
	texts, seen := tests(t), checked(t)
	found := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`?)([^|]*?)`? \\| ([^|]*) \\|$").FindAllStringSubmatch(string(document), -1) {
		quoted, key, tests := m[1] != "", m[2], m[3]
		if tests == "tests" || tests == "---" {
			continue
		}
		found[key] = quoted
		for _, name := range strings.Split(tests, ", ") {
			require.True(t, texts[name], "%s: of %s: there is no test or script %s", file, key, name)
		}
		if quoted {
			assert.Empty(t, proven(seen, key, strings.Split(tests, ", ")), "%s: %s", file, key)
		}
	}
	var wanted []string
	for _, row := range control.Operations() {
		wanted = append(wanted, row.Method+" "+row.Path)
	}
	wanted = append(wanted, members(reflect.TypeFor[fault.Rule](), "")...)
	for _, key := range wanted {
		require.True(t, found[key], "%s has no line for %s", file, key)
		delete(found, key)
	}
	for key, quoted := range found {
		require.False(t, quoted, "%s has a line for %s, which is neither a call nor a member of a rule", file, key)
	}
}

// A line counts only when its test sent that very request and checked it.
func TestProven(t *testing.T) {
	seen := map[string][]int{"TestA GET /_sim/clock": {404, 200}, "TestB GET /_sim/clock": {404}}
	require.Empty(t, proven(seen, "GET /_sim/clock", []string{"TestA", "TestB"}))
	require.Contains(t, proven(seen, "GET /_sim/clock", []string{"TestB"}), "success")
	require.Contains(t, proven(seen, "GET /_sim/clock", []string{"TestA", "TestC"}), "TestC never sent it")
	require.Contains(t, proven(seen, "PUT /_sim/clock", []string{"TestA"}), "TestA never sent it")
}
