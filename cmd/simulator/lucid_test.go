package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lucidOn is the client of a running simulator.
type lucidOn struct {
	t   *testing.T
	url string
	env []string
}

func (l lucidOn) run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(l.t.Context(), append([]string{"lucid"}, args...), env(append([]string{"SIM_URL", l.url}, l.env...)...),
		&out, &errs)
	return code, out.String(), errs.String()
}

// good requires exit code 0 and an empty stderr, and returns stdout.
func (l lucidOn) good(args ...string) string {
	l.t.Helper()
	code, stdout, stderr := l.run(args...)
	require.Equal(l.t, exitGood, code, "%s: %s", args, stderr)
	require.Empty(l.t, stderr)
	return stdout
}

// bad requires an exit code and one line on stderr that contains the words.
func (l lucidOn) bad(want int, words string, args ...string) {
	l.t.Helper()
	code, stdout, stderr := l.run(args...)
	require.Equal(l.t, want, code, "%s: %s", args, stderr)
	require.Empty(l.t, stdout)
	require.Regexp(l.t, `^lucid: [^\n]+\n$`, stderr)
	require.Contains(l.t, stderr, words)
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	resp, err := client.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Less(t, resp.StatusCode, 300, "%s", text)
	return string(text)
}

// provisioned makes a filespace in the domain example that is not initialized yet.
func provisioned(t *testing.T, r *running, name string) {
	t.Helper()
	_, text := r.request(http.MethodGet, "/_sim/resources?kind=lucidlink.domain")
	_, rest, _ := strings.Cut(text, `"id":"`)
	domain, _, _ := strings.Cut(rest, `"`)
	req, err := http.NewRequest(http.MethodPost, r.HTTP+"/v1/filespaces",
		strings.NewReader(fmt.Sprintf(`{"domain":%q,"name":%q,"storage":{"provider":"AWS","region":"eu-west-1"}}`, domain,
			name)))
	require.NoError(t, err)
	req.Header.Set("Authorization", "opaque")
	resp, err := client.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 201, resp.StatusCode)
}

// The documented commands with their flags, and the output that a script reads (seeds/001).
func TestLucid(t *testing.T) {
	r := start(t, env(), "--delays=instant")
	l := lucidOn{t: t, url: r.HTTP}
	provisioned(t, r, "acme")
	require.Equal(t, "Client state: Unlinked\n", l.good("status"))
	l.bad(exitError, "not linked", "user", "--list")
	l.bad(exitError, "`provisioned`", "link", "--fs", "acme.example", "--user", "root", "--password", "pw")
	initS3 := []string{"init-s3", "--fs", "acme.example", "--password", "pw", "--https", "--endpoint", "10.0.0.1:9000",
		"--access-key", "a",
		"--secret-key", "s", "--region", "eu-west-1", "--block-size", "512", "--provider", "AWS"}
	require.Equal(t, "Filespace 'acme.example' initialized successfully.\n", l.good(initS3...))
	l.bad(exitError, "already initialized", initS3...)
	l.bad(exitError, "Invalid user name or password", "link", "--fs", "acme.example", "--user", "root", "--password",
		"wrong")
	require.Equal(t, "Linked to 'acme.example' at /media/example/acme.\n",
		l.good("link", "--fs", "acme.example", "--user", "root", "--password", "pw"))
	require.Equal(t, "Client state: Linked\nFilespace name: acme.example\nUser: root\nMount point: /media/example/acme\n",
		l.good("status"))

	require.Equal(t, "User 'Ann Lee' created successfully.\n", l.good("user", "--create", "Ann Lee", "--password", "pw"))
	require.Equal(t, "User 'ann lee' updated successfully.\n",
		l.good("user", "--set", "ann lee", "--password=pw", "--user-email", "ann@example.org", "--user-password", "hers"))
	l.bad(exitError, "already exists", "user", "--create", "ANN LEE", "--password", "pw")
	require.Equal(t, []string{"USERNAME", "E-MAIL", "root", "Ann", "Lee", "ann@example.org"},
		strings.Fields(l.good("user")))
	require.Equal(t, "Username: Ann Lee\nE-mail: ann@example.org\n", l.good("user", "--get", "Ann", "Lee"))
	require.Equal(t, "Username: root\nE-mail: \n", l.good("user", "--get"))
	require.Equal(t, "User 'Ann Lee' deleted successfully.\n", l.good("user", "--delete", "Ann Lee", "--password", "pw"))

	require.Equal(t, "Snapshot with ID 1 created.\n", l.good("snapshot", "--create", "1", "Year", "--password", "pw"))
	require.Equal(t, "Snapshot with ID 2 created.\n", l.good("snapshot", "--password", "pw", "--create"))
	listed := strings.Split(l.good("snapshot"), "\n")
	require.Regexp(t, `^ID +STATE +NAME +CREATED ON$`, listed[0])
	require.Regexp(t, `^1 +valid +1 Year +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, listed[1])
	require.Equal(t, "Snapshot with ID 1 deleted.\n", l.good("snapshot", "--delete", "1", "--password", "pw"))
	l.bad(exitError, "does not exist", "snapshot", "--delete", "1", "--password", "pw")

	require.Contains(t, l.good("cache"), "Cache: on\nSize: 25600 MiB\n")
	require.Contains(t, l.good("cache", "--off"), "Cache: off\n")
	require.Contains(t, l.good("cache", "--on", "--size", "2048"), "Cache: on\nSize: 2048 MiB\n")
	l.bad(exitError, "from 1 to", "cache", "--size", "0")
	require.Equal(t, "Synchronized.\n", l.good("sync"))
	require.Equal(t, "Unmounted.\n", l.good("unmount"))
	require.Contains(t, l.good("status"), "Mount point: not mounted\n")
	require.Equal(t, "Mounted 'acme.example' at /mnt/acme.\n", l.good("mount", "--mount-point", "/mnt/acme"))
	require.Regexp(t, `(?s)^INSTANCE ID +FILESPACE +PORT +MODE\n1 +acme\.example +\d+ +live\n$`, l.good("list"))
	require.Equal(t, "Unlinked.\n", l.good("unlink"))
	l.bad(exitError, "not linked", "unlink")
	require.Contains(t, l.good("version"), version)
}

// The general options select the daemon, the environment selects the world.
func TestLucid_SelectsDaemonAndWorld(t *testing.T) {
	r := start(t, env(), "--delays=instant")
	l := lucidOn{t: t, url: r.HTTP}
	for _, name := range []string{"one", "two"} {
		provisioned(t, r, name)
		l.good("init-s3", "--fs", name+".example", "--password", name, "--access-key", "a", "--secret-key", "s")
	}
	l.good("link", "--fs", "one.example", "--user", "root", "--password", "one")
	l.bad(exitError, "already linked to 'one.example'", "link", "--fs", "two.example", "--user", "root", "--password",
		"two")
	l.good("--instance", "7", "link", "--fs", "two.example", "--user", "root", "--password", "two")
	require.Contains(t, l.good("--name", "two.example", "status"), "Filespace name: two.example\n")
	require.Contains(t, l.good("--id=7", "status"), "Filespace name: two.example\n")
	require.Contains(t, l.good("status", "--id", "7"), "Filespace name: two.example\n", "after the command")
	require.Contains(t, l.good("user", "--list", "--name=two.example"), "root")
	require.Contains(t, l.good("status"), "Filespace name: one.example\n")

	post(t, r.HTTP+"/_sim/worlds", `{"name":"t1"}`)
	other := lucidOn{t: t, url: r.HTTP, env: []string{"SIM_WORLD", "t1"}}
	require.Equal(t, "Client state: Unlinked\n", other.good("status"))
	nowhere := lucidOn{t: t, url: "http://127.0.0.1:1"}
	require.Contains(t, nowhere.good("--rest-endpoint", strings.TrimPrefix(r.HTTP, "http://"), "status"), "one.example")
	nowhere.bad(exitError, "the daemon at http://127.0.0.1:1 does not respond", "status")
	lucidOn{t: t, url: r.HTTP, env: []string{"SIM_WORLD", "t9"}}.bad(exitError, "t9", "status")
}

func TestLucid_Usage(t *testing.T) {
	l := lucidOn{t: t, url: "http://127.0.0.1:1"}
	for words, args := range map[string][]string{
		`unknown command "format"`: {"format"},
		"--fs is missing":          {"link", "--user", "root", "--password", "x"},
		"--password is missing":    {"user", "--create", "ann"},
		"--secret-key is missing":  {"init-s3", "--fs", "a", "--password", "b", "--access-key", "c"},
		"unknown flag --force":     {"unlink", "--force"},
		"--block-size \"big\" must be a whole": {"init-s3", "--fs", "a", "--password", "b", "--access-key", "c",
			"--secret-key", "d", "--block-size", "big"},
		"--fs is given twice":                      {"link", "--fs", "a", "--fs", "b"},
		"--fs needs a value: --fs <filespace.do":   {"link", "--fs", "--user", "x"},
		"--fs must not be empty":                   {"link", "--fs="},
		"--off takes no value":                     {"cache", "--off=yes"},
		"--on and --off exclude each other":        {"cache", "--on", "--off"},
		"--off and --size exclude each other":      {"cache", "--off", "--size", "1"},
		"--create and --delete exclude each other": {"user", "--create", "a", "--delete", "b"},
		`unexpected argument "now"`:                {"unlink", "now"},
		"--id and --instance mean the same":        {"--id", "1", "--instance", "2", "status"},
		"unknown flag --verbose":                   {"--verbose", "status"},
		"--id is given twice":                      {"--id", "1", "status", "--id", "2"},
	} {
		l.bad(exitUsage, words, args...)
	}
	lucidOn{t: t, url: "x", env: []string{"SIM_TIMEOUT", "soon"}}.bad(exitUsage, "SIM_TIMEOUT", "status")
	for _, args := range [][]string{{}, {"help"}, {"--help"}, {"-h"}, {"--instance", "2", "--help"}} {
		text := l.good(args...)
		for i := range lucidCommands {
			require.Contains(t, text, "\n"+lucidCommands[i].name+": ")
		}
	}
}

// The help of one command, and the version, in the forms that people try. None of them needs a daemon.
func TestLucid_HelpOfACommand(t *testing.T) {
	l := lucidOn{t: t, url: "http://127.0.0.1:1"}
	for _, args := range [][]string{
		{"link", "--help"}, {"link", "-h"}, {"help", "link"}, {"--id", "3", "link", "--fs", "a.b", "--help"},
	} {
		text := l.good(args...)
		require.Contains(t, text, "usage: lucid [general options] link [options]", args)
		require.Contains(t, text, "--mount-point <path>", args)
		require.Contains(t, text, "--rest-endpoint <ip:port>", args)
		require.NotContains(t, text, "--access-key", "only this command")
	}
	require.Contains(t, l.good("init-s3", "--help"), "--endpoint <ipaddress_or_url:port>", "the words of seeds/001")
	for _, args := range [][]string{{"--version"}, {"version"}, {"--instance", "2", "--version"}} {
		require.Equal(t, "lucid of storagesim "+version+"\n", l.good(args...))
	}
	l.bad(exitUsage, `unknown command "lnk" (did you mean "link"?)`, "help", "lnk")
}

func TestAsLucid(t *testing.T) {
	for name, want := range map[string]bool{"lucid": true, "/usr/bin/lucid": true, "./lucid.exe": true, "simulator": false,
		"lucidity": false, "": false} {
		require.Equal(t, want, asLucid(name), name)
	}
}

// A binary with the name lucid is the client.
func TestLucid_Binary(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "lucid")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, binary))
	cmd := exec.CommandContext(t.Context(), binary, "version")
	cmd.Env = append(os.Environ(), "STORAGESIM_BE_THE_PROGRAM=1")
	text, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "lucid of storagesim dev\n", string(text))
}
