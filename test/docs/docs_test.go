package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shells are what readers paste into, with the flags that keep a user's own settings out and stop at the first command
// that fails.
var shells = map[string][]string{
	"bash": {"--noprofile", "--norc", "-e"},
	"zsh":  {"-f", "-e"},
}

// pages returns README.md and every page of docs/.
func pages(t *testing.T) []*page {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var pages []*page
	for _, file := range append([]string{"../../README.md", "../../CONTRIBUTING.md"}, files...) {
		p, err := readPage(strings.TrimPrefix(file, "../../"), file)
		require.NoError(t, err)
		pages = append(pages, p)
	}
	return pages
}

// What readers paste has no comments and no unquoted wildcards, which an interactive zsh does not take.
func TestPages_PasteInZsh(t *testing.T) {
	for _, p := range pages(t) {
		for _, s := range p.steps {
			if s.kind != "sh" && s.kind != "start" {
				continue
			}
			for i, line := range strings.Split(s.code, "\n") {
				at := fmt.Sprintf("%s:%d", p.name, s.line+i)
				require.NotRegexp(t, `(^|\s)#`, line, "%s: a comment inside a block", at)
				require.NotRegexp(t, `(^|\s)(https?://|\$api)[^\s"']*[?*\[]`, line, "%s: a wildcard outside quotes", at)
			}
		}
	}
}

// A block that is not run says why.
func TestPages_SkippedBlocksHaveAReason(t *testing.T) {
	for _, p := range pages(t) {
		for _, s := range p.skipped {
			_, reason, _ := strings.Cut(s, ":")
			require.NotEmpty(t, strings.TrimSpace(reason), "%s, %s", p.name, s)
		}
	}
}

// Every command of README.md and docs/ does what its page says, in bash and in zsh. SIMULATOR names the binary; `make
// docs-test` builds and names it.
func TestPages_CommandsDoWhatTheySay(t *testing.T) {
	simulator := os.Getenv("SIMULATOR")
	if simulator == "" {
		t.Skip("SIMULATOR names no binary: make docs-test")
	}
	for _, p := range pages(t) {
		if len(p.steps) == 0 {
			continue
		}
		for shell := range shells {
			t.Run(p.name+"/"+shell, func(t *testing.T) {
				t.Parallel()
				if _, err := exec.LookPath(shell); err != nil && os.Getenv("CI") == "" {
					t.Skip(err)
				}
				s := &session{t: t, page: p, shell: shell, simulator: simulator, dir: t.TempDir()}
				s.run()
			})
		}
	}
}

// A session is one reader at one shell, with one page.
type session struct {
	t         *testing.T
	page      *page
	shell     string
	simulator string
	dir       string // where the reader is

	http, https string // addresses of the running simulator, "" before the first
	pending     []step // sh steps that belong to the next script
}

// run does what the page says, from top to bottom.
func (s *session) run() {
	for _, st := range s.page.steps {
		switch st.kind {
		case "start":
			s.flush()
			s.start(strings.Fields(st.code))
		case "file":
			require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, st.file), []byte(s.addressed(st.code)+"\n"), 0o600))
		case "sh":
			if s.http == "" {
				s.start([]string{"simulator"})
			}
			s.pending = append(s.pending, st)
		case "go":
			s.flush()
			s.goTest(st)
		}
	}
	s.flush()
}

// start starts the simulator with the flags of the command line and waits until it is ready.
func (s *session) start(command []string) {
	flags := command[1:]
	if len(command) > 2 && command[0] == "go" && command[1] == "run" {
		flags = command[3:]
	}
	cmd := exec.Command(s.simulator, flags...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "SIM_LISTEN=127.0.0.1:0", "SIM_TLS_LISTEN=127.0.0.1:0", "SIM_LOG_LEVEL=error")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var ready struct{ HTTP, HTTPS string }
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	err = json.NewDecoder(stdout).Decode(&ready)
	late.Stop()
	require.NoError(s.t, err, "%s: the simulator did not get ready: %s", s.page.name, &stderr)
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	s.http, s.https = strings.TrimPrefix(ready.HTTP, "http://"), strings.TrimPrefix(ready.HTTPS, "https://")
}

// addressed replaces the default addresses by those of the running simulator.
func (s *session) addressed(code string) string {
	return strings.NewReplacer("127.0.0.1:8080", s.http, "127.0.0.1:8443", s.https).Replace(code)
}

// flush runs the pending steps as one script, and compares what each of them prints.
func (s *session) flush() {
	steps := s.pending
	s.pending = nil
	if len(steps) == 0 {
		return
	}
	var script strings.Builder
	for _, st := range steps {
		fmt.Fprintf(&script, "%s\nprintf '\\036'\n", s.addressed(st.code))
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.shell, append(append([]string(nil), shells[s.shell]...), "-c", script.String())...)
	cmd.Dir = s.dir
	bin := filepath.Join(s.dir, "bin")
	_ = os.Mkdir(bin, 0o700)
	_ = os.Symlink(s.simulator, filepath.Join(bin, "simulator"))
	_ = os.Symlink(s.simulator, filepath.Join(bin, "lucid"))
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	outputs := strings.Split(stdout.String(), "\036")
	for i, st := range steps {
		at := fmt.Sprintf("%s:%d", s.page.name, st.line)
		got := strings.ReplaceAll(outputs[i], s.http, "127.0.0.1:8080")
		if i == len(outputs)-1 {
			require.Fail(s.t, at+": the block failed", "%v\n%s\nprinted: %s\n%s", err, st.code, got, &stderr)
		}
		if st.want != "" && !matches(st.want, got) {
			require.Fail(s.t, at+": the block printed something else", "%s\nwanted: %s\nprinted: %.2000s", st.code, st.want, got)
		}
	}
}

// goTest runs a Go test of the page in a module of its own.
func (s *session) goTest(st step) {
	if s.shell != "bash" {
		return
	}
	dir := s.t.TempDir()
	root, err := filepath.Abs("../..")
	require.NoError(s.t, err)
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(strings.Replace(string(module),
		"module storagesim\n", "module readers\n\nrequire storagesim v0.0.0\n\nreplace storagesim => "+root+"\n", 1)), 0o600))
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
	require.NoError(s.t, os.WriteFile(filepath.Join(dir, "readers_test.go"), []byte(s.addressed(st.code)), 0o600))
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", ".")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s:%d: %s", s.page.name, st.line, out)
}

// The parts of a page, and what becomes of each.
func TestReadPage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join([]string{
		"# A page", "",
		"```sh start", "simulator --seed 2", "```",
		"```sh", "curl x", "```", "prints", "```json", "{…}", "```",
		"```sh skip: needs an engine", "docker run", "```",
		"```yaml my.yaml", "a: 1", "```",
		"| vendor | `curl y` | `ok` |",
	}, "\n")), 0o600))
	p, err := readPage("page.md", file)
	require.NoError(t, err)
	require.Equal(t, []step{
		{kind: "start", line: 4, code: "simulator --seed 2"},
		{kind: "sh", line: 7, code: "curl x", want: "{…}"},
		{kind: "file", line: 17, code: "a: 1", file: "my.yaml"},
		{kind: "sh", line: 19, code: "curl y", want: "ok"},
	}, p.steps)
	require.Equal(t, []string{"line 14: needs an engine"}, p.skipped)
}

// … in an expected output stands for any text, and nothing else does.
func TestMatches(t *testing.T) {
	require.True(t, matches(`{"a":…,"b":1}`, "{\"a\":[1,\n2],\"b\":1}\n"))
	require.False(t, matches(`{"a":…,"b":1}`, `{"a":2,"b":12}`))
	require.False(t, matches(`a.c`, `abc`))
}
