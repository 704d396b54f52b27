package simtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"storagesim/internal/control"
)

// evidence lists the requests to the control surface whose status a test has checked: lines such as
// "TestClock<tab>GET /_sim/clock<tab>200", and for members of fault rules "TestFaults_Order<tab>priority<tab>201".
type evidence struct {
	mu    sync.Mutex
	lines map[string]bool
}

// Saw records a request whose status the test has checked. Must calls it. A script is named by its vendor and file.
func (s *Server) Saw(method, path, body string, status int) {
	if os.Getenv(CoverageDir) == "" {
		return
	}
	path, _, _ = strings.Cut(path, "?")
	row := rowOf(method, path)
	if row == "" {
		return
	}
	name, part, _ := strings.Cut(s.tb.Name(), "/")
	if script, ok := strings.CutSuffix(part, "/straight"); ok {
		name = strings.TrimSuffix(filepath.Base(os.Args[0]), ".test") + "/" + script + ".txt"
	}
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	s.seen.lines[fmt.Sprintf("%s\t%s\t%d", name, row, status)] = true
	if !strings.HasPrefix(path, control.Prefix+"/faults") {
		return
	}
	var sent any
	if json.Unmarshal([]byte(body), &sent) == nil {
		for _, member := range ruleMembers(sent, "") {
			s.seen.lines[fmt.Sprintf("%s\t%s\t%d", name, member, status)] = true
		}
	}
}

// ruleMembers returns the paths of all members of a rule or of a list of rules, such as effect.latency.fixed.
func ruleMembers(v any, at string) []string {
	var list []string
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if at == "" && name == "rules" {
				list = append(list, ruleMembers(member, "")...)
				continue
			}
			list = append(append(list, at+name), ruleMembers(member, at+name+".")...)
		}
	case []any:
		for _, element := range v {
			list = append(list, ruleMembers(element, at)...)
		}
	}
	return list
}

// writeEvidence writes the evidence to the directory of CoverageDir.
func (s *Server) writeEvidence() {
	dir := os.Getenv(CoverageDir)
	if dir == "" || len(s.seen.lines) == 0 {
		return
	}
	require.NoError(s.tb, os.MkdirAll(dir, 0o755))
	file, err := os.CreateTemp(dir, "*.evidence")
	require.NoError(s.tb, err)
	_, err = file.WriteString(strings.Join(slices.Sorted(maps.Keys(s.seen.lines)), "\n") + "\n")
	require.NoError(s.tb, err)
	require.NoError(s.tb, file.Close())
}

// rowOf returns the operation of a request, such as "GET /_sim/worlds/{name}", or "" if there is none. An operation
// whose path has no parameter takes precedence.
func rowOf(method, path string) string {
	found := ""
	for _, row := range control.Operations() {
		if row.Method != method {
			continue
		}
		pattern, parts := strings.Split(row.Path, "/"), strings.Split(path, "/")
		fits := len(pattern) == len(parts)
		for i := 0; fits && i < len(parts); i++ {
			fits = pattern[i] == parts[i] || strings.HasPrefix(pattern[i], "{") && parts[i] != ""
		}
		if fits && (found == "" || !strings.Contains(row.Path, "{")) {
			found = row.Method + " " + row.Path
		}
	}
	return found
}
