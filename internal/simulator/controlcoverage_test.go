package simulator

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

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

// evidence is what the tests say: the text of the package of each test function, and of each scenario script.
func evidence(t *testing.T) map[string]string {
	t.Helper()
	texts, inside := map[string]string{}, map[string][]string{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)
	packages := map[string]string{}
	for _, root := range []string{"../../internal", "../../cmd", "../../test"} {
		require.NoError(t, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(file)
			dir := filepath.Dir(file)
			if script := filepath.Ext(file) == ".txt" && filepath.Base(dir) == "testdata"; script {
				texts[filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(file)] = string(text)
			}
			if strings.HasSuffix(file, "_test.go") && filepath.Base(file) != "controlcoverage_test.go" {
				packages[dir] += string(text)
				for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
					inside[m[1]] = append(inside[m[1]], dir)
				}
			}
			return err
		}))
	}
	for name, dirs := range inside {
		for _, dir := range dirs {
			texts[name] += packages[dir]
		}
	}
	return texts
}

// says tells whether a test speaks of a call or of a member at all: of the fixed parts of a call's path, or of a member's
// last name.
func says(text, key string) bool {
	_, path, call := strings.Cut(key, " ")
	if !call {
		return strings.Contains(text, `"`+key[strings.LastIndexByte(key, '.')+1:]+`"`)
	}
	for _, part := range regexp.MustCompile(`\{\w+\}`).Split(strings.TrimPrefix(path, control.Prefix), -1) { // scripts leave the prefix out
		if !strings.Contains(text, strings.TrimSuffix(part, "/")) {
			return false
		}
	}
	return true
}

// docs/control-coverage.md has a line for every call and every member of a fault rule, and its tests exist.
func TestDocuments_ControlCoverage(t *testing.T) {
	const file = "../../docs/control-coverage.md"
	document, err := os.ReadFile(file)
	require.NoError(t, err)
	texts := evidence(t)
	found := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`?)([^|]*?)`? \\| ([^|]*) \\|$").FindAllStringSubmatch(string(document), -1) {
		quoted, key, tests := m[1] != "", m[2], m[3]
		if tests == "tests" || tests == "---" {
			continue
		}
		found[key] = quoted
		for _, name := range strings.Split(tests, ", ") {
			require.Contains(t, texts, name, "%s: of %s: there is no such test or script", file, key)
			require.True(t, !quoted || says(texts[name], key), "%s: %s and its package never say %s", file, name, key)
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
