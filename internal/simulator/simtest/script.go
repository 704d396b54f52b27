package simtest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the answers of scenario scripts into the scripts") //nolint:gochecknoglobals // a flag of go test

// ScriptClock is what the frozen clock of the default world shows when a script begins.
const ScriptClock = "2026-06-01T00:00:00Z"

// RunScripts runs every scenario script of a directory three times: straight, with the simulator closed and reopened on
// its data before every step, and with the default world written to a file and read back before every third step. The last is left out for a
// script that begins with a line `# not from a file: <why>`, and under the race detector, which finds nothing in it that the other two do not
// show. A script is blocks between empty lines:
//
//	# words, which the file keeps
//	POST /api/v2/projects/default/volumes
//	header If-Match: 3
//	? .state .name
//	{"name":"vol1"}
//	----
//	200
//	.state: "Creating"
//	.name: "vol1"
//
//	$vol = .UUID
//
//	advance 3s
//	----
//	fired lightbits.volume 01234567-… ready Creating -> Available
//
// The first line is a request, `control METHOD path` (the same, under /_sim), `advance D`, `advance next` or `restart`.
// `? paths` shows only these parts of the answer, `? .events.*.EventName` that of every element as a list. `$name = .path` keeps a part of the last answer, and ${name} stands
// for it from then on. Below ---- is what must be answered: the status and the body, indented; of an archive its content
// type and the names of its files. With -update the answers of the straight run are written there. Requests carry an opaque token unless the script says `header Authorization:`
// otherwise; an empty value takes a header away.
func RunScripts(t *testing.T, dir string, opts ...Option) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no scripts in %s", dir)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name+"/straight", func(t *testing.T) {
			got := runScript(t, string(text), nil, opts)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				text = []byte(got)
				return
			}
			require.Equal(t, string(text), got, "%s: run it with -update if this is meant", file)
		})
		t.Run(name+"/interrupted", func(t *testing.T) {
			restart := func(s *Server, _ int) { s.Restart() }
			require.Equal(t, string(text), runScript(t, string(text), restart, opts), "%s: restarts must change nothing", file)
		})
		if slowed {
			continue
		}
		t.Run(name+"/transplanted", func(t *testing.T) {
			if why, ok := strings.CutPrefix(string(text), "# not from a file: "); ok {
				t.Skip(strings.SplitN(why, "\n", 2)[0])
			}
			require.Equal(t, string(text), runScript(t, string(text), transplant, opts), "%s: a world in a file must be the same world", file)
		})
	}
}

// transplant writes the default world to a file, by turns as JSON and as YAML, and puts it in its own place. It must be the same file
// then.
func transplant(s *Server, step int) {
	s.tb.Helper()
	if step%3 != 0 {
		return
	}
	form := []string{"application/json", "application/yaml"}[step%2]
	before := s.Must(http.StatusOK, http.MethodGet, "/_sim/state", "", "Accept", form).Body
	s.Must(http.StatusOK, http.MethodPut, "/_sim/state", before)
	require.Equal(s.tb, before, s.Must(http.StatusOK, http.MethodGet, "/_sim/state", "", "Accept", form).Body)
}

// script is one run.
type script struct {
	*Server
	vars map[string]string
	last Answer
}

// runScript answers the script as it would have to be for this run to be right.
// Before is called before each step; without it the run is straight, and recorded.
func runScript(t *testing.T, text string, before func(s *Server, step int), opts []Option) string {
	s := &script{Server: New(t, opts...), vars: map[string]string{}}
	if before == nil {
		s.Record()
	}
	s.Header.Set("Authorization", "Bearer script")
	s.Must(http.StatusOK, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"`+ScriptClock+`"}`)
	var out strings.Builder
	for i, b := range blocks(text) {
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(b.said + "\n")
		if len(b.lines) == 0 {
			continue
		}
		if before != nil {
			before(s.Server, i)
		}
		if answer := s.step(b.lines); answer != "" {
			out.WriteString("----\n" + answer + "\n")
		}
	}
	return out.String()
}

// block is what stands between two empty lines of a script.
type block struct {
	said  string   // above ----, as it is in the file
	lines []string // said without the words before it; none in a block of words only
	want  string   // below ----
}

func blocks(text string) []block {
	var all []block
	for part := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		var b block
		b.said, b.want, _ = strings.Cut(part, "\n----")
		b.want = strings.TrimPrefix(b.want, "\n")
		b.lines = strings.Split(b.said, "\n")
		for len(b.lines) > 0 && (strings.HasPrefix(b.lines[0], "#") || b.lines[0] == "") {
			b.lines = b.lines[1:]
		}
		all = append(all, b)
	}
	return all
}

// Scripted is a request that a script has, and the status that it must be answered.
type Scripted struct {
	File, Method, Path string // the path without a query, its variables not yet replaced
	Status             int
}

// ScriptedRequests answers the requests, to vendors and to the control surface, in all scripts of a directory and those
// below it.
func ScriptedRequests(tb testing.TB, dir string) []Scripted {
	tb.Helper()
	var all []Scripted
	require.NoError(tb, filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".txt" {
			return err
		}
		text, err := os.ReadFile(file)
		for _, b := range blocks(string(text)) {
			if len(b.lines) == 0 {
				continue
			}
			line, control := strings.CutPrefix(b.lines[0], "control ")
			method, url, ok := strings.Cut(line, " ")
			if control {
				url = underSim(url)
			}
			if !ok || !strings.HasPrefix(url, "/") {
				continue
			}
			first, _, _ := strings.Cut(b.want, "\n")
			status, err := strconv.Atoi(first)
			require.NoError(tb, err, "%s: %s has no status", file, b.lines[0])
			path, _, _ := strings.Cut(url, "?")
			all = append(all, Scripted{File: file, Method: method, Path: path, Status: status})
		}
		return err
	}))
	return all
}

// step does one block and answers what belongs below its line.
func (s *script) step(lines []string) string {
	for i := range lines {
		lines[i] = s.expand(lines[i])
	}
	words := strings.Fields(lines[0])
	switch {
	case lines[0] == "restart":
		s.Restart()
		return ""
	case words[0][0] == '$':
		s.capture(lines)
		return ""
	case words[0] == "advance" && len(words) == 2:
		return s.advance(words[1])
	case words[0] == "control" && len(words) == 3:
		return s.request(words[1], underSim(words[2]), lines[1:])
	case len(words) == 2 && strings.ToUpper(words[0]) == words[0]:
		return s.request(words[0], words[1], lines[1:])
	}
	require.Fail(s.tb, "unknown step", lines[0])
	return ""
}

// underSim is a path of the control surface, which a script may write with its prefix or without.
func underSim(path string) string { return "/_sim" + strings.TrimPrefix(path, "/_sim") }

func (s *script) expand(line string) string {
	for name, value := range s.vars {
		line = strings.ReplaceAll(line, "${"+name+"}", value)
	}
	return line
}

// captured is a line like $vol = .UUID.
const captured = `^\$(\w+) = (\S+)$`

func (s *script) capture(lines []string) {
	for _, line := range lines {
		m := regexp.MustCompile(captured).FindStringSubmatch(line)
		require.NotNil(s.tb, m, "%q is not $name = .path", line)
		v := s.last.Get(m[2])
		require.NotNil(s.tb, v, "the last answer has no %s: %s", m[2], s.last.Body)
		s.vars[m[1]] = textOf(v)
	}
}

func (s *script) advance(by string) string {
	body := `{"by":"` + by + `"}`
	if by == "next" {
		body = `{"next":true}`
	}
	s.last = s.Do(http.MethodPost, "/_sim/clock/advance", body)
	s.Saw(http.MethodPost, "/_sim/clock/advance", body, s.last.Status)
	if s.last.Status != http.StatusOK {
		return show(s.last, nil)
	}
	var moved struct {
		Fired []struct{ Kind, ID, Event, From, To string }
	}
	require.NoError(s.tb, json.Unmarshal([]byte(s.last.Body), &moved))
	var fired []string
	for _, f := range moved.Fired {
		fired = append(fired, fmt.Sprintf("fired %s %s %s %s -> %s", f.Kind, f.ID, f.Event, state(f.From), state(f.To)))
	}
	if fired == nil {
		return "nothing fired"
	}
	return strings.Join(fired, "\n")
}

func state(name string) string {
	if name == "" {
		return "gone"
	}
	return name
}

func (s *script) request(method, path string, lines []string) string {
	var header, parts []string
	for len(lines) > 0 {
		if rest, ok := strings.CutPrefix(lines[0], "header "); ok {
			name, value, ok := strings.Cut(rest, ":")
			require.True(s.tb, ok, "%q is not header Name: value", lines[0])
			header = append(header, name, strings.TrimSpace(value))
		} else if rest, ok := strings.CutPrefix(lines[0], "? "); ok {
			parts = strings.Fields(rest)
		} else {
			break
		}
		lines = lines[1:]
	}
	s.last = s.Do(method, path, strings.Join(lines, "\n"), header...)
	s.Saw(method, path, strings.Join(lines, "\n"), s.last.Status)
	if !strings.HasPrefix(path, "/_sim") {
		s.Explained(s.last)
	}
	return show(s.last, parts)
}

// show is an answer as a script has it: the status, and the body indented or the parts of it.
func show(a Answer, parts []string) string {
	lines := []string{fmt.Sprint(a.Status)}
	for _, path := range parts {
		text, err := json.Marshal(a.Get(path))
		require.NoError(a.tb, err)
		lines = append(lines, path+": "+string(text))
	}
	if parts != nil || a.Body == "" {
		return strings.Join(lines, "\n")
	}
	if kind := a.Header.Get("Content-Type"); unpackers[kind] != nil {
		return strings.Join(append(lines, append([]string{kind}, a.archived(unpackers[kind])...)...), "\n")
	}
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(a.Body), "", "  ") != nil {
		return lines[0] + "\n" + strings.TrimSpace(a.Body) // not JSON
	}
	return lines[0] + "\n" + strings.TrimSpace(indented.String())
}
