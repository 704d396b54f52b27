package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// must sends a request, which must succeed, and returns the members of the response.
func (r *running) must(method, path, body string) map[string]any {
	r.t.Helper()
	status, text, err := call(client, method, r.HTTP+path, body)
	require.NoError(r.t, err)
	require.Less(r.t, status, 300, text)
	var members map[string]any
	require.NoError(r.t, json.Unmarshal([]byte(text), &members), text)
	return members
}

// twoClones starts two thick clones at the same time and returns the statuses of the responses.
func twoClones(t *testing.T, r *running) (first, second int) {
	t.Helper()
	advance := func() { r.must(http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`) }
	r.must(http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	key := r.must(http.MethodGet, "/api/v1/service-credentials", "")
	credential, err := json.Marshal(map[string]any{"ID": key["pubKeyId"], "type": "RS256PubKey", "payload": key["pubKey"]})
	require.NoError(t, err)
	r.must(http.MethodPost, "/api/v2/projects/system/credentials", string(credential))
	r.must(http.MethodPost, "/api/v1/clusters", `{"apiEndpoint":"10.1.0.10:443"}`)
	r.must(http.MethodPost, volumes, newVolume("vol1"))
	advance()
	r.must(http.MethodPost, "/_sim/actions/lightbits/write-volume", `{"volume":"vol1","offset":0,"bytes":"1GiB"}`)
	snapshot := r.must(http.MethodPost, "/api/v2/projects/default/snapshots",
		`{"name":"snap1","sourceVolumeName":"vol1"}`)["UUID"].(string)
	advance()
	cluster := r.must(http.MethodGet, "/api/v2/clusterinfo", "")["UUID"].(string)
	clone := func(name string) int {
		status, _, err := call(client, http.MethodPost, r.HTTP+"/api/v1/volumes/thickclone", `{"src":{"snapId":"`+snapshot+
			`","projectName":"default","clusterId":"`+cluster+`"},"dst":{"name":"`+name+`","clusterId":"`+cluster+`"}}`)
		require.NoError(t, err)
		return status
	}
	return clone("copy1"), clone("copy2")
}

// flushes counts, with strace, how often the program flushes to the disk for twenty changes.
func flushes(t *testing.T, sync string) int {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	p := spawnBy(t, []string{strace, "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", trace}, "--sync", sync, "--data",
		t.TempDir())
	count := func() int {
		text, err := os.ReadFile(trace)
		require.NoError(t, err)
		return strings.Count(string(text), "sync(")
	}
	before := count()
	for range 20 {
		status, _ := request(t, http.MethodPost, p.HTTP+"/_sim/worlds")
		require.Equal(t, http.StatusCreated, status)
	}
	return count() - before
}

func TestHealthcheck_ExitCodes(t *testing.T) {
	var quiet strings.Builder
	require.Equal(t, exitUsage, run(t.Context(), []string{"healthcheck", "--timeout=soon"}, env(), &quiet, &quiet))
	require.Equal(t, exitError, run(t.Context(), []string{"healthcheck", "--url", "http://127.0.0.1:1"}, env(), &quiet,
		&quiet))
	r := start(t, env())
	require.Equal(t, exitGood, run(t.Context(), []string{"healthcheck", "--url", r.HTTP}, env(), &quiet, &quiet))
	require.Equal(t, exitGood, run(t.Context(), []string{"healthcheck"}, env("SIM_URL", r.HTTP), &quiet, &quiet))
}

func TestReplay_ExitCodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "session.jsonl")
	r := start(t, env(), "--record", file, "--seed=9")
	r.must(http.MethodPost, volumes, newVolume("a"))
	r.must(http.MethodGet, volumes, "")
	r.end()
	replayed := func(args ...string) (code int, stdout, stderr string) {
		var out, errs strings.Builder
		code = run(context.Background(), append([]string{"replay"}, args...), env(), &out, &errs)
		return code, out.String(), errs.String()
	}
	code, out, errs := replayed(file)
	require.Equal(t, exitGood, code, out+errs)
	require.Equal(t, "2 requests, each with the recorded response\n", out)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	changed := filepath.Join(t.TempDir(), "changed.jsonl")
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(text), `"seed":9`, `"seed":8`, 1)), 0o600))
	code, out, _ = replayed(changed)
	require.Equal(t, exitFailed, code)
	for _, words := range []string{"POST " + volumes, "the body, from byte", "recorded:\n200 OK\n",
		"replayed:\n200 OK\n"} {
		require.Contains(t, out, words)
	}

	require.NoError(t, os.WriteFile(changed, text[:len(text)-9], 0o600))
	code, out, errs = replayed(changed)
	require.Equal(t, exitGood, code)
	require.Contains(t, out, "1 requests")
	require.Contains(t, errs, "incomplete")
	for _, args := range [][]string{{}, {file, file}, {"--fast"}, {changed + "-not"}, {os.Args[0]}} {
		code, out, errs = replayed(args...)
		want := exitUsage
		if slices.Contains(args, os.Args[0]) {
			want = exitError // a file that is no recording
		}
		require.Equal(t, want, code, args)
		require.Empty(t, out)
		require.Equal(t, 1, strings.Count(errs, "\n"), errs)
	}
}

// The recording of a killed process has every response that was sent.
func TestReplay_AfterKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "session.jsonl")
	p := spawn(t, "--record", file)
	for _, name := range []string{"a", "b", "c"} {
		status, text, err := call(client, http.MethodPost, p.HTTP+volumes, newVolume(name))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, text)
	}
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.wait(t)
	var out, errs strings.Builder
	require.Equal(t, exitGood, run(context.Background(), []string{"replay", file}, env(), &out, &errs),
		errs.String()+out.String())
	require.Equal(t, "3 requests, each with the recorded response\n", out.String())
}
