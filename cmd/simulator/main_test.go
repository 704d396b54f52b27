package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// TestMain runs the program in the test's own binary, so that a test can send signals to it.
func TestMain(m *testing.M) {
	if os.Getenv("STORAGESIM_BE_THE_PROGRAM") != "" {
		ctx, stop := untilSignal()
		defer stop()
		os.Exit(program(ctx))
	}
	os.Exit(m.Run())
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// running is the program in this process.
type running struct {
	ready
	t      *testing.T
	stop   context.CancelFunc
	code   chan int
	stderr *safeBuffer
}

// safeBuffer is a buffer that one goroutine writes while another one reads it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start runs serve on free ports until the test ends.
func start(t *testing.T, getenv func(string) string, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{t: t, stop: stop, code: make(chan int, 1), stderr: &safeBuffer{}}
	out, in := io.Pipe()
	go func() {
		r.code <- run(ctx, append([]string{"serve", "--listen=127.0.0.1:0", "--tls-listen=none"}, args...), getenv, in,
			r.stderr)
		in.Close()
	}()
	line := startLine(t, out, r.stderr.String)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	require.NoError(t, json.Unmarshal([]byte(line), &r.ready))
	t.Cleanup(r.end)
	return r
}

// startLine returns the line that the program prints when it serves.
func startLine(t *testing.T, stdout io.Reader, stderr func() string) string {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log("stderr:", stderr())
		}
	}()
	return simtest.ReadLine(t, "start-up line", bufio.NewReader(stdout))
}

// client is http.DefaultClient with a timeout.
var client = &http.Client{Timeout: simtest.Patience}

// end stops the program, which must exit with code 0.
func (r *running) end() {
	r.t.Helper()
	if r.code == nil {
		return
	}
	r.stop()
	require.Equal(r.t, exitGood, simtest.Receive(r.t, "end of the program", r.code), r.stderr)
	r.code = nil
}

func (r *running) request(method, path string) (int, string) {
	r.t.Helper()
	return request(r.t, method, r.HTTP+path)
}

func request(t *testing.T, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestFlags_EachChangesSomething(t *testing.T) {
	t.Run("listen and tls-listen", func(t *testing.T) {
		r := start(t, env())
		require.Empty(t, r.HTTPS)
		require.Equal(t, os.Getpid(), r.PID)
		require.NotEmpty(t, start(t, env(), "--tls-listen=127.0.0.1:0").HTTPS)
		require.Contains(t, start(t, env(), "--listen=0.0.0.0:0").HTTP, "http://127.0.0.1:")
	})
	t.Run("data", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "made")
		start(t, env(), "--data", dir).end()
		require.FileExists(t, filepath.Join(dir, "simulator.db"))
		temporary := t.TempDir()
		t.Setenv("TMPDIR", temporary)
		start(t, env()).end()
		left, err := os.ReadDir(temporary)
		require.NoError(t, err)
		require.Empty(t, left)
	})
	t.Run("seed", func(t *testing.T) {
		_, text := start(t, env(), "--seed=77").request(http.MethodGet, "/_sim/worlds")
		require.Contains(t, text, `"seed":77`)
	})
	t.Run("fixture", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "empty.yaml")
		require.NoError(t, os.WriteFile(file, []byte("{}\n"), 0o600))
		_, text := start(t, env(), "--fixture", file).request(http.MethodGet, "/_sim/worlds")
		require.Contains(t, text, `"from":"empty"`)
	})
	t.Run("auth", func(t *testing.T) {
		strict, _ := start(t, env(), "--auth=strict").request(http.MethodGet, "/api/v2/projects")
		off, _ := start(t, env(), "--auth=off").request(http.MethodGet, "/api/v2/projects")
		require.Equal(t, http.StatusUnauthorized, strict)
		require.NotEqual(t, http.StatusUnauthorized, off)
	})
	t.Run("delays", func(t *testing.T) {
		_, fast := start(t, env()).request(http.MethodGet, "/_sim/delays")
		_, realistic := start(t, env(), "--delays=realistic").request(http.MethodGet, "/_sim/delays")
		require.NotEqual(t, fast, realistic)
	})
	t.Run("admin-token", func(t *testing.T) {
		status, _ := start(t, env(), "--admin-token=hush").request(http.MethodPost, "/_sim/worlds")
		require.Equal(t, http.StatusUnauthorized, status)
	})
	t.Run("admin-token-file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(file, []byte("hush\n"), 0o600))
		r := start(t, env(), "--admin-token-file", file)
		status, _ := r.request(http.MethodGet, "/_sim/state")
		require.Equal(t, http.StatusUnauthorized, status)
		status, _, err := call(client, http.MethodGet, r.HTTP+"/_sim/state", "", "Authorization", "Bearer hush")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	})
	t.Run("allowed-hosts and cors-origins", func(t *testing.T) {
		for _, args := range [][]string{nil, {"--allowed-hosts=sim.test, *.sim.test", "--cors-origins=http://app.test"}} {
			r := start(t, env(), args...)
			for header, value := range map[string]string{"Host": "a.sim.test", "Origin": "http://app.test"} {
				status, _, err := call(client, http.MethodGet, r.HTTP+"/_sim/health", "", header, value)
				require.NoError(t, err)
				require.Equal(t, args != nil, status == http.StatusOK, "%v %s", args, header)
			}
		}
	})
	t.Run("world-listen", func(t *testing.T) {
		for want, args := range map[int][]string{http.StatusBadRequest: nil, http.StatusCreated: {"--world-listen=any"}} {
			status, text, err := call(client, http.MethodPost, start(t, env(), args...).HTTP+"/_sim/worlds",
				`{"listen":"0.0.0.0:0"}`)
			require.NoError(t, err)
			require.Equal(t, want, status, text)
		}
	})
	t.Run("max-worlds", func(t *testing.T) {
		status, _ := start(t, env(), "--max-worlds=1").request(http.MethodPost, "/_sim/worlds")
		require.Equal(t, http.StatusTooManyRequests, status)
	})
	t.Run("max-running-workflows", func(t *testing.T) {
		first, second := twoClones(t, start(t, env(), "--max-running-workflows=1"))
		require.Equal(t, []int{http.StatusOK, http.StatusTooManyRequests}, []int{first, second})
		first, second = twoClones(t, start(t, env()))
		require.Equal(t, []int{http.StatusOK, http.StatusOK}, []int{first, second})
	})
	t.Run("federation", func(t *testing.T) {
		off, _, err := call(client, http.MethodPost, start(t, env()).HTTP+"/cflogin", "")
		require.NoError(t, err)
		on, _, err := call(client, http.MethodPost, start(t, env(), "--federation=on").HTTP+"/cflogin", "")
		require.NoError(t, err)
		require.Equal(t, []int{http.StatusNotImplemented, http.StatusUnauthorized}, []int{off, on},
			"it wants Basic authentication")
	})
	t.Run("signing-key", func(t *testing.T) {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "key.pem")
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(
			&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}), 0o600))
		modulus := base64.RawURLEncoding.EncodeToString(private.N.Bytes())
		for name, args := range map[string][]string{"given": {"--signing-key", file}, "published": nil} {
			_, keys := start(t, env(), args...).request(http.MethodGet, "/_sim/idp/default/jwks")
			require.Equal(t, name == "given", strings.Contains(keys, modulus), keys)
		}
	})
	t.Run("sync", func(t *testing.T) {
		slow, quick := flushes(t, "disk"), flushes(t, "os")
		require.Zero(t, quick)
		require.NotZero(t, slow)
	})
	t.Run("journal-entries and journal-bytes", func(t *testing.T) {
		for _, args := range [][]string{{"--journal-entries=2"}, {"--journal-bytes=2000"}} {
			r := start(t, env(), args...)
			for range 5 {
				r.request(http.MethodGet, "/api/v2/nodes")
			}
			_, text := r.request(http.MethodGet, "/_sim/requests")
			require.NotContains(t, text, `"dropped":0`, args)
		}
		r := start(t, env())
		r.request(http.MethodGet, "/api/v2/nodes")
		_, text := r.request(http.MethodGet, "/_sim/requests")
		require.Contains(t, text, `"dropped":0`)
	})
	t.Run("log-level and log-format", func(t *testing.T) {
		r := start(t, env(), "--log-level=debug", "--log-format=json")
		r.request(http.MethodGet, "/_sim/health")
		r.end()
		require.Contains(t, r.stderr.String(), `{"level":"debug","op":"control.GetHealth"`)
		quiet := start(t, env(), "--log-level=disabled")
		quiet.end()
		require.Empty(t, quiet.stderr.String())
	})
}

func TestEnvironment_FlagWins(t *testing.T) {
	getenv := env("SIM_SEED", "5", "SIM_MAX_WORLDS", "1")
	_, text := start(t, getenv).request(http.MethodGet, "/_sim/worlds")
	require.Contains(t, text, `"seed":5`)
	_, text = start(t, getenv, "--seed", "6").request(http.MethodGet, "/_sim/worlds")
	require.Contains(t, text, `"seed":6`)
	for _, o := range serveOptions {
		require.Contains(t, help(), o.variable())
	}
}

func TestUsage_ErrorNamesWrongValue(t *testing.T) {
	for _, c := range []struct {
		args  []string
		env   []string
		words string
	}{
		{args: []string{"--delays=slow"}, words: "instant, fast or realistic"},
		{args: []string{"--auth=maybe"}, words: "lenient, strict or off"},
		{args: []string{"--sync=never"}, words: "os or disk"},
		{args: []string{"--seed=-1"}, words: "whole number"},
		{args: []string{"--listen=8080"}, words: "host:port"},
		{args: []string{"--tls-listen=localhost:70000"}, words: "host:port"},
		{args: []string{"--log-level=loud"}, words: "trace, debug"},
		{args: []string{"--log-format=xml"}, words: "console or json"},
		{args: []string{"--max-worlds=0"}, words: "above 0"},
		{args: []string{"--max-running-workflows=0"}, words: "above 0"},
		{args: []string{"--max-running-workflows=many"}, words: "above 0"},
		{args: []string{"--federation=maybe"}, words: "on or off"},
		{args: []string{"--signing-key=/dev/null"},
			words: "the file has no PEM block; a private RSA key in PKCS#1 or PKCS#8"},
		{args: []string{"--signing-key=none.pem"}, words: "none.pem"},
		{env: []string{"SIM_SIGNING_KEY", "/dev/null"}, words: "SIM_SIGNING_KEY"},
		{args: []string{"--journal-entries=0"}, words: "above 0"},
		{args: []string{"--journal-bytes=64MiB"}, words: "number of bytes"},
		{args: []string{"--fixture="}, words: "the name of a fixture or a file"},
		{args: []string{"--sed=1"}, words: "--seed"},
		{args: []string{"serve", "now"}, words: `"now"`},
		{args: []string{"server"}, words: "serve, healthcheck"},
		{args: []string{"wait", "--timeout=1"}, words: "duration"},
		{env: []string{"SIM_DELAYS", "slow"}, words: "SIM_DELAYS"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), c.args, env(c.env...), io.Discard, &stderr), c.args)
		require.Contains(t, stderr.String(), c.words)
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"))
	}
}

func TestSubcommands(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitGood, run(t.Context(), []string{"version"}, env(), &stdout, &stderr))
	require.Equal(t, "dev\n", stdout.String())
	require.Equal(t, exitGood, run(t.Context(), []string{"help"}, env(), &stdout, &stderr))
	require.Contains(t, stdout.String(), "--admin-token")

	r := start(t, env())
	address := strings.TrimPrefix(r.HTTP, "http://")
	_, port, _ := strings.Cut(address, ":")
	for _, args := range [][]string{{"healthcheck", "--url", r.HTTP}, {"healthcheck", "--listen", address},
		{"wait", "--url", r.HTTP + "/"}} {
		require.Equal(t, exitGood, run(t.Context(), args, env(), &stdout, &stderr), stderr.String())
	}
	require.Equal(t, exitGood, run(t.Context(), []string{"healthcheck"}, env("SIM_LISTEN", "0.0.0.0:"+port), &stdout,
		&stderr))
	r.end()
	require.Equal(t, exitError, run(t.Context(), []string{"healthcheck", "--url", r.HTTP}, env(), &stdout, &stderr))
	require.Equal(t, exitError, run(t.Context(), []string{"wait", "--url", r.HTTP, "--timeout=1ms"}, env(), &stdout,
		&stderr))
	require.Contains(t, stderr.String(), "not ready after 1ms")
}

// process is the program in its own process.
type process struct {
	ready
	cmd    *exec.Cmd
	stderr safeBuffer
}

func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	return spawnBy(t, nil, args...)
}

// spawnBy starts the process by another program.
func spawnBy(t *testing.T, by []string, args ...string) *process {
	t.Helper()
	words := append(by, append([]string{os.Args[0], "--listen=127.0.0.1:0", "--tls-listen=none"}, args...)...)
	p := &process{cmd: exec.Command(words[0], words[1:]...)}
	p.cmd.Env = append(os.Environ(), "STORAGESIM_BE_THE_PROGRAM=yes")
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	line := startLine(t, stdout, p.stderr.String)
	require.NoError(t, json.Unmarshal([]byte(line), &p.ready))
	return p
}

// wait waits for the end of the process.
func (p *process) wait(t *testing.T) error {
	t.Helper()
	return simtest.Await(t, "end of the process", p.cmd.Wait)
}

// A signal ends the process and removes its temporary directory, even while a request hangs.
func TestProcess_StopsOnSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			p := spawn(t)
			rule := `{"id":"f","match":{"operation":"lightbits.ListNodes"},"effect":{"connection":"stall"}}`
			resp, err := client.Post(p.HTTP+"/_sim/faults", "application/json", strings.NewReader(rule))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			go func() {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.HTTP+"/api/v2/nodes", http.NoBody)
				if err != nil {
					return
				}
				req.Header.Set("Authorization", "Bearer x")
				if resp, err := client.Do(req); err == nil { // it hangs until the end
					_ = resp.Body.Close()
				}
			}()
			require.Eventually(t, func() bool {
				_, body := request(t, http.MethodGet, p.HTTP+"/_sim/faults/f")
				return strings.Contains(body, `"hits":1`)
			}, simtest.Patience, time.Millisecond)
			require.NoError(t, p.cmd.Process.Signal(signal))
			require.NoError(t, p.wait(t), p.stderr.String())
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestProcess_DataDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	spawn(t, "--data", dir)
	var stderr bytes.Buffer
	require.Equal(t, exitError, run(t.Context(), []string{"--listen=127.0.0.1:0", "--tls-listen=none", "--data", dir},
		env(), io.Discard, &stderr))
	require.Contains(t, stderr.String(), "another process has the file open")
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"))
}

// An acknowledged change survives kill -9 with either value of --sync.
func TestProcess_KillKeepsAcknowledgedChanges(t *testing.T) {
	for _, sync := range []string{"os", "disk"} {
		t.Run(sync, func(t *testing.T) {
			dir := t.TempDir()
			acknowledged := 0
			for range 3 {
				p := spawn(t, "--data", dir, "--sync", sync)
				_, text := request(t, http.MethodGet, p.HTTP+"/_sim/checkpoints")
				require.Equal(t, acknowledged, strings.Count(text, "mark-"))
				acknowledged += mark(t, p, acknowledged)
				require.NoError(t, p.cmd.Process.Kill())
				_ = p.wait(t)
			}
		})
	}
}

// mark creates checkpoints from several clients at the same time.
func mark(t *testing.T, p *process, from int) int {
	const clients, each = 4, 5
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				req, err := http.NewRequest(http.MethodPut, p.HTTP+"/_sim/checkpoints/mark-"+strconv.Itoa(from+c*each+i), nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Error(fmt.Errorf("checkpoint answered %s", resp.Status))
				}
			}
		})
	}
	wg.Wait()
	return clients * each
}
