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
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//nolint:gochecknoglobals // a flag of go test
var update = flag.Bool("update", false, "write the responses of scenario scripts into the scripts")

// ScriptClock is the time of the default world's frozen clock when a script begins.
const ScriptClock = "2026-06-01T00:00:00Z"

// RunScripts runs every scenario script of a directory three times:
//
//   - straight: one simulator for the whole script. The run is recorded, and a replay must give the same responses.
//   - interrupted: the simulator is closed and reopened on its data before every step.
//   - transplanted: the default world is written to a file and read back a few times (see transplants).
//     A script that begins with a line `# not from a file: <why>` is left out. So is every script under the race
//     detector, since this run uses no code that the other two do not use.
//
// A script consists of blocks, separated by empty lines:
//
//	# a comment, which the file keeps
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
// The first line is a request, `control METHOD path` (a path below /_sim), `advance D`, `advance next` or `restart`.
// `? paths` shows only these parts of the response; `? .events.*.EventName` shows that of every element, as a list.
// `$name = .path` stores a part of the last response, and ${name} inserts it in later steps. The lines after ---- are
// the expected response: the status and the indented body; for an archive its content type and the names of its files.
// With -update the responses of the straight run are written there. Requests carry an opaque token, unless the script
// sets another with `header Authorization:`; an empty value removes a header.
func RunScripts(t *testing.T, dir string, opts ...Option) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no scripts in %s", dir)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		run := &scriptRun{file: file, text: string(text), opts: opts}
		run.start(t, "straight", "run the test with -update if the change is meant", nil)
		run.start(t, "interrupted", "a restart must not change any response", func(int) func(*Server, block) {
			return func(s *Server, _ block) { s.Restart() }
		})
		if !slowed {
			run.start(t, "transplanted", "a world that was written to a file and read back must be the same world", transplants)
		}
	}
}

// scriptRun runs one script file.
type scriptRun struct {
	file, text string
	opts       []Option
}

// start runs the script as a subtest. Before makes the function that is called before each of the script's steps; a run
// without one is straight.
func (r *scriptRun) start(t *testing.T, how, why string, before func(steps int) func(*Server, block)) {
	t.Helper()
	t.Run(strings.TrimSuffix(filepath.Base(r.file), ".txt")+"/"+how, func(t *testing.T) {
		if !*update { // with -update the other runs need the text that the straight run has written
			t.Parallel()
		}
		if reason, ok := strings.CutPrefix(r.text, "# not from a file: "); ok && how == "transplanted" {
			t.Skip(strings.SplitN(reason, "\n", 2)[0])
		}
		var each func(*Server, block)
		if before != nil {
			each = before(strings.Count(r.text, "\n\n") + 1)
		}
		got := make([]string, 0, strings.Count(r.text, "\n\n")+1)
		defer func() { // also after a step that ended the test, whose cause is often an earlier difference
			if difference := compareScript(r.file, r.text, got); difference != "" && (before != nil || !*update) {
				t.Errorf("%s\n%s", difference, why)
			}
		}()
		runScript(t, r.file, r.text, each, r.opts, func(response string) { got = append(got, response) })
		if before == nil && *update {
			r.text = updated(r.text, got)
			require.NoError(t, os.WriteFile(r.file, []byte(r.text), 0o644))
		}
	})
}

// Bounds of the transplants in a script: how many there are at most, and how many steps are between two at least.
const (
	maxTransplants     = 3
	transplantDistance = 3
)

// transplants returns a function that writes the default world to a file, by turns as JSON and as YAML, and puts it in
// its own place. The file must be the same then. This takes much longer than a step, so it is done maxTransplants times
// in a script, spread over its steps, and only if a request other than GET has been sent since the last time.
func transplants(steps int) func(*Server, block) {
	distance := max(transplantDistance, steps/maxTransplants)
	since, changed, turn := 0, true, 0
	return func(s *Server, b block) {
		s.tb.Helper()
		if since++; changed && since >= distance {
			form := []string{"application/json", "application/yaml"}[turn%2]
			before := s.Must(http.StatusOK, http.MethodGet, "/_sim/state", "", "Accept", form).Body
			s.Must(http.StatusOK, http.MethodPut, "/_sim/state", before)
			after := s.Must(http.StatusOK, http.MethodGet, "/_sim/state", "", "Accept", form).Body
			if before != after {
				require.Fail(s.tb, "the world in a file has changed", diffLines(1, before, after))
			}
			since, changed, turn = 0, false, turn+1
		}
		line := strings.TrimPrefix(b.lines[0], "control ")
		changed = changed || !strings.HasPrefix(line, "GET ") && !strings.HasPrefix(line, "$")
	}
}

// script is the state of one run.
type script struct {
	*Server
	at   string // file and line of the present step
	vars map[string]string
	last Response
}

// runScript runs the script and calls got with the response of each block, "" if a block has none. Before is called
// before each step; without it the run is straight, and recorded.
func runScript(t *testing.T, file, text string, before func(*Server, block), opts []Option, got func(string)) {
	s := &script{Server: New(t, opts...), vars: map[string]string{}}
	if before == nil {
		s.Record()
	}
	s.Header.Set("Authorization", "Bearer script")
	s.Must(http.StatusOK, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"`+ScriptClock+`"}`)
	for _, b := range blocks(text) {
		if len(b.lines) == 0 {
			got("")
			continue
		}
		s.at = fmt.Sprintf("%s:%d", filepath.Base(file), b.step())
		if before != nil {
			before(s.Server, b)
		}
		got(s.step(slices.Clone(b.lines)))
	}
}

// updated returns the script with the responses got.
func updated(text string, got []string) string {
	var out strings.Builder
	for i, b := range blocks(text) {
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(b.said + "\n")
		if got[i] != "" {
			out.WriteString("----\n" + got[i] + "\n")
		}
	}
	return out.String()
}

// block is the text between two empty lines of a script.
type block struct {
	line  int      // the number of its first line in the file
	said  string   // the text before ----, as it is in the file
	lines []string // the lines of said without the comment that begins it; none in a block that is only a comment
	want  string   // the text after ----
}

// step returns the number of the line that has the step.
func (b *block) step() int { return b.line + strings.Count(b.said, "\n") + 1 - len(b.lines) }

func blocks(text string) []block {
	var all []block
	line := 1
	for part := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		b := block{line: line}
		b.said, b.want, _ = strings.Cut(part, "\n----")
		b.want = strings.TrimPrefix(b.want, "\n")
		b.lines = strings.Split(b.said, "\n")
		for len(b.lines) > 0 && (strings.HasPrefix(b.lines[0], "#") || b.lines[0] == "") {
			b.lines = b.lines[1:]
		}
		all = append(all, b)
		line += strings.Count(part, "\n") + 2
	}
	return all
}

// Scripted is a request of a script, and the status that it expects.
type Scripted struct {
	File, Method, Path string // the path without a query, its variables not yet replaced
	Status             int
}

// ScriptedRequests returns the requests, to vendors and to the control surface, of all scripts in a directory and its
// subdirectories.
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

// step runs one block and returns its response as the script shows it.
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
	require.Fail(s.tb, "unknown step", "%s: %s", s.at, lines[0])
	return ""
}

// underSim returns a path of the control surface, which a script may write with or without its prefix.
func underSim(path string) string { return "/_sim" + strings.TrimPrefix(path, "/_sim") }

func (s *script) expand(line string) string {
	for name, value := range s.vars {
		line = strings.ReplaceAll(line, "${"+name+"}", value)
	}
	return line
}

// captured matches a line such as $vol = .UUID.
const captured = `^\$(\w+) = (\S+)$`

func (s *script) capture(lines []string) {
	for _, line := range lines {
		m := regexp.MustCompile(captured).FindStringSubmatch(line)
		require.NotNil(s.tb, m, "%s: %q is not $name = .path", s.at, line)
		v := s.last.Get(m[2])
		require.NotNil(s.tb, v, "%s: the last response has no %s: %s", s.at, m[2], s.last.Body)
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
			require.True(s.tb, ok, "%s: %q is not header Name: value", s.at, lines[0])
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

// show returns a response as a script shows it: the status, and the indented body or the parts of it.
func show(a Response, parts []string) string {
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
