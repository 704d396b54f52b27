package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// refused runs the program, which must not start, and returns its message.
func refused(t *testing.T, code int, getenv func(string) string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	require.Equal(t, code, run(t.Context(), args, getenv, io.Discard, &stderr), args)
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
	return stderr.String()
}

func TestData_OtherFixtureOrSeedIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "own.yaml")
	require.NoError(t, os.WriteFile(file, []byte("lightbits: {clusters: [{name: east}]}\n"), 0o600))
	start(t, env(), "--data", dir, "--fixture", "large", "--seed", "3").end()
	for _, args := range [][]string{{"--fixture", "small"}, {"--seed", "4"}, {"--fixture", file},
		{"--fixture", "large", "--seed", "1"}} {
		text := refused(t, exitError, env(), append([]string{"--listen=127.0.0.1:0", "--tls-listen=none", "--data", dir},
			args...)...)
		require.Contains(t, text, "--fixture large --seed 3", "what it was made with")
		require.Contains(t, text, "another directory")
	}
	require.Contains(t, refused(t, exitError, env("SIM_SEED", "4"), "--listen=127.0.0.1:0", "--tls-listen=none", "--data",
		dir), "--seed 3")
	start(t, env(), "--data", dir, "--fixture", "large", "--seed", "3").end()

	t.Run("without the flags the data's values hold", func(t *testing.T) {
		r := start(t, env(), "--data", dir)
		require.Equal(t, "large", r.must(http.MethodPost, "/_sim/worlds", `{"name":"t"}`)["from"])
		r.must(http.MethodPost, "/_sim/reset", `{"to":"small"}`)
		r.end()
		require.Contains(t, r.stderr.String(), "fixture=large")
		require.Contains(t, r.stderr.String(), "seed=3")
		start(t, env(), "--data", dir, "--fixture", "large").end() // a reset changes nothing about it
	})
	t.Run("a changed file", func(t *testing.T) {
		dir := t.TempDir()
		start(t, env(), "--data", dir, "--fixture", file).end()
		start(t, env(), "--data", dir, "--fixture", file).end()
		require.NoError(t, os.WriteFile(file, []byte("lightbits: {clusters: [{name: west}]}\n"), 0o600))
		require.Contains(t, refused(t, exitError, env(), "--listen=127.0.0.1:0", "--tls-listen=none", "--data", dir,
			"--fixture",
			file), "another version of the fixture")
		start(t, env(), "--data", dir).end()
	})
}

func TestVariables_UnknownIsRefused(t *testing.T) {
	for name, words := range map[string]string{
		"SIM_SEDE=7": `did you mean "SIM_SEED"`, "SIM_FIXTUR=small": `did you mean "SIM_FIXTURE"`, "SIM_X=": "simulator help",
	} {
		err := checkVariables([]string{"PATH=/bin", name})
		require.ErrorContains(t, err, words)
		require.ErrorContains(t, err, strings.Split(name, "=")[0])
	}
	require.NoError(t, checkVariables([]string{"SIM_SEED=7", "SIM_URL=x", "SIM_TIMEOUT=1s", "SIM_WORLD=t1", "SIMULATOR=x",
		"SIM_SERVICE_HOST=10.0.0.1", "SIM_PORT=tcp://10.0.0.1:80", "SIM_PORT_80_TCP_ADDR=10.0.0.1", "SIM_A_SERVICE_PORT=80"}))

	cmd := exec.CommandContext(t.Context(), os.Args[0], "version") //nolint:gosec // the test itself
	cmd.Env = append(os.Environ(), "STORAGESIM_BE_THE_PROGRAM=1", "SIM_SEDE=7")
	text, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, exitUsage, cmd.ProcessState.ExitCode(), string(text))
	require.Contains(t, string(text), "SIM_SEED")
}

func TestHealthcheck_FindsTheListener(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // simulators of other tests serve temporary directories, too
	dir := t.TempDir()
	var quiet bytes.Buffer
	check := func(getenv func(string) string, args ...string) int {
		return run(t.Context(), append([]string{"healthcheck"}, args...), getenv, &quiet, &quiet)
	}
	elsewhere := env("SIM_LISTEN", "127.0.0.1:1", "SIM_DATA", dir)
	require.Equal(t, exitError, check(elsewhere))
	r := start(t, elsewhere) // with --listen, which wins
	require.Equal(t, exitGood, check(elsewhere), quiet.String())
	require.Equal(t, exitGood, check(env(), "--data", dir))
	require.Equal(t, exitError, check(elsewhere, "--listen", "127.0.0.1:1"), "a flag is stronger")
	require.Equal(t, exitError, check(env("SIM_URL", "http://127.0.0.1:1", "SIM_DATA", dir)))
	r.end()
	require.NoFileExists(t, filepath.Join(dir, addressFile))
	require.Equal(t, exitError, check(elsewhere))
}

// Without a data directory, healthcheck finds the simulator by its temporary one.
func TestHealthcheck_FindsATemporaryDirectory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	inherited := env("SIM_LISTEN", "127.0.0.1:1") // nothing listens there
	var stderr bytes.Buffer
	check := func() int {
		stderr.Reset()
		return run(t.Context(), []string{"healthcheck"}, inherited, &stderr, &stderr)
	}
	require.Equal(t, exitError, check())
	r := start(t, inherited) // with --listen, which wins
	require.Equal(t, exitGood, check(), stderr.String())
	other := start(t, inherited)
	require.Equal(t, exitError, check())
	require.Contains(t, stderr.String(), r.HTTP)
	require.Contains(t, stderr.String(), other.HTTP)
	other.end()
	require.Equal(t, exitGood, check(), stderr.String())
	r.end()
	require.Equal(t, exitError, check())
}

// A simulator whose data directory was removed stops, and leaves alone what another one has made there.
func TestServe_RemovedDataDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := start(t, env(), "--data", dir)
	require.NoError(t, os.RemoveAll(dir))
	second := start(t, env(), "--data", dir)
	second.must(http.MethodPost, volumes, newVolume("a"))
	status, _, err := call(client, http.MethodPost, first.HTTP+volumes, newVolume("b"))
	require.True(t, err != nil || status >= 500, status)
	require.Equal(t, exitError, <-first.code)
	first.code <- exitGood // for end, which has nothing to do
	require.Contains(t, first.stderr.String(), "simulator.db: it was removed or replaced while it was open")
	require.FileExists(t, filepath.Join(dir, addressFile))
	require.Equal(t, exitGood, run(t.Context(), []string{"healthcheck", "--data", dir}, env(), io.Discard, io.Discard))
	second.end()
	third := start(t, env(), "--data", dir)
	third.must(http.MethodGet, volumes+"/?name=a", "")
}

func TestHelp_OfSubcommands(t *testing.T) {
	output := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitGood, run(t.Context(), args, env(), &stdout, &stderr), stderr.String())
		return stdout.String()
	}
	require.Equal(t, help(), output("--help"))
	require.Equal(t, help(), output("help"))
	for _, name := range subcommandNames() {
		text := output("help", name)
		require.Contains(t, text, "simulator ", name)
		require.NotContains(t, text, "simulates the HTTP APIs", name)
		if name != lucidName {
			require.Equal(t, text, output(name, "--help"))
		}
	}
	require.Contains(t, output("scenario", "run", "--help"), "--junit")
	require.NotContains(t, output("help", "wait"), "--seed")
	require.Contains(t, refused(t, exitUsage, env(), "help", "frob"), `"frob"`)
	require.Contains(t, refused(t, exitUsage, env(), "scenaro"), `did you mean "scenario"`)
}

func TestUsage_OneReason(t *testing.T) {
	require.NotContains(t, refused(t, exitUsage, env(), "--seed=x"), "--journal-bytes")
	require.Contains(t, refused(t, exitUsage, env(), "--sede=1"), `did you mean "--seed"`)
	require.Contains(t, refused(t, exitUsage, env(), "--frobnicate"), "simulator help")
	r := start(t, env(), "--tls-listen=127.0.0.1:0")
	plain, secure := strings.TrimPrefix(r.HTTP, "http://"), strings.TrimPrefix(r.HTTPS, "https://")
	require.Contains(t, refused(t, exitError, env(), "--listen", plain, "--tls-listen=none"), "--listen "+plain)
	require.Contains(t, refused(t, exitError, env(), "--listen=127.0.0.1:0", "--tls-listen", secure),
		"--tls-listen "+secure)
}

func TestVersion(t *testing.T) {
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3": {Main: debug.Module{Version: "v1.2.3"}},
		"dev":    {Main: debug.Module{Version: "(devel)"}},
		"dev-0123456789ab-modified": {Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"},
			{Key: "vcs.modified", Value: "true"}}},
	} {
		require.Equal(t, want, versionOf(&info))
	}
	var stdout bytes.Buffer
	require.Equal(t, exitGood, run(t.Context(), []string{"--version"}, env(), &stdout, io.Discard))
	require.Equal(t, versionText()+"\n", stdout.String())
}

// The subcommand verify-data and its earlier name, verify, are the same.
func TestVerifyData_EarlierName(t *testing.T) {
	dir := t.TempDir()
	start(t, env(), "--data", dir).end()
	for _, name := range []string{"verify-data", "verify"} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitGood, run(t.Context(), []string{name, "--data", dir}, env(), &stdout, &stderr), stderr.String())
		require.Contains(t, stdout.String(), "the data is valid")
		require.Contains(t, refused(t, exitUsage, env(), name), "verify-data needs --data")
		stdout.Reset()
		require.Equal(t, exitGood, run(t.Context(), []string{"help", name}, env(), &stdout, &stderr))
		require.Contains(t, stdout.String(), "simulator verify-data --data DIR")
	}
}
