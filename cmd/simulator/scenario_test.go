package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/fixtures"
)

// scenarioRun runs the subcommand and returns its exit code, stdout and stderr.
func scenarioRun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs safeBuffer
	code = run(t.Context(), append([]string{"scenario"}, args...), env(), &out, &errs)
	return code, out.String(), errs.String()
}

// keySteps has a step of each scenario that comes with the program. Without the step, the scenario must not pass.
var keySteps = map[string][]string{
	"lost-response": {"cut-the-line"}, "node-loss-during-rebuild": {"first-loss", "second-loss"},
	"region-closed":   {"close-region"},
	"rolling-upgrade": {"upgrade"}, "slow-api": {"slow-reads", "slow-creates"}, "snapshot-storm": {"storm"},
	"stale-etag-race": {"the-other-client"}, "token-expiry": {"time-passes"},
}

// without removes a step from a document.
func without(t *testing.T, text, id string) string {
	t.Helper()
	begin := strings.Index(text, "  - id: "+id+"\n")
	require.GreaterOrEqual(t, begin, 0, id)
	end := strings.Index(text[begin+1:], "  - id: ")
	require.GreaterOrEqual(t, end, 0)
	return text[:begin] + text[begin+1+end:]
}

func TestScenario_EmbeddedScenariosPassAndCanFail(t *testing.T) {
	r := start(t, env())
	require.GreaterOrEqual(t, len(fixtures.Scenarios()), 8)
	for _, name := range fixtures.Scenarios() {
		t.Run(name, func(t *testing.T) {
			code, out, errs := scenarioRun(t, "run", name, "--url", r.HTTP)
			require.Equal(t, exitGood, code, out+errs)
			require.Contains(t, out, name+" passed")
			text, err := fixtures.ReadScenario(name)
			require.NoError(t, err)
			require.NotEmpty(t, keySteps[name])
			for _, step := range keySteps[name] {
				file := filepath.Join(t.TempDir(), "broken.yaml")
				require.NoError(t, os.WriteFile(file, []byte(without(t, string(text), step)), 0o600))
				junit := filepath.Join(t.TempDir(), "junit.xml")
				code, out, errs = scenarioRun(t, "run", file, "--url", r.HTTP, "--junit", junit)
				require.Equal(t, exitFailed, code, "without %s: %s", step, out+errs)
				require.Contains(t, out, name+" failed")
				require.Positive(t, readJUnit(t, junit).Failures)
			}
		})
	}
	_, worlds := r.request("GET", "/_sim/worlds")
	require.Equal(t, 1, strings.Count(worlds, `"name":`), "each world of a scenario goes with it: %s", worlds)
}

type junitReport struct {
	XMLName                          xml.Name `xml:"testsuites"`
	Tests, Failures, Errors, Skipped int
	Suites                           []struct {
		Name  string `xml:"name,attr"`
		Cases []struct {
			Name    string `xml:"name,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func readJUnit(t *testing.T, file string) (report struct{ Tests, Failures, Errors, Skipped int }) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var x struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
		junitReport
	}
	require.NoError(t, xml.Unmarshal(text, &x), string(text))
	require.True(t, strings.HasPrefix(string(text), "<?xml version"))
	require.Len(t, x.Suites, 1)
	require.Len(t, x.Suites[0].Cases, x.Tests)
	failures, skipped := 0, 0
	for _, c := range x.Suites[0].Cases {
		if c.Failure != nil {
			require.NotEmpty(t, c.Failure.Message)
			failures++
		}
		if c.Skipped != nil {
			skipped++
		}
	}
	require.Equal(t, x.Failures, failures)
	require.Equal(t, x.Skipped, skipped)
	report.Tests, report.Failures, report.Errors, report.Skipped = x.Tests, x.Failures, x.Errors, x.Skipped
	return report
}

const littleScenario = `name: little
clock: {mode: frozen}
steps:
  - request: GET /api/v2/nodes
    header: {Authorization: Bearer x}
    expect: {status: 200}
`

func TestScenario_ExitCodes(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	file := filepath.Join(t.TempDir(), "little.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(littleScenario)
	junit := filepath.Join(t.TempDir(), "junit.xml")
	code, out, errs := scenarioRun(t, "run", "--junit", junit, file)
	require.Equal(t, exitGood, code, out+errs)
	require.Empty(t, errs)
	report := readJUnit(t, junit)
	require.Equal(t, 1, report.Tests)
	require.Zero(t, report.Failures+report.Errors+report.Skipped)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left of it")

	code, out, _ = scenarioRun(t, "check", file)
	require.Equal(t, exitGood, code)
	require.Equal(t, "little: 1 steps, 0 expectations\n", out)

	write(strings.Replace(littleScenario, "status: 200", "status: 404", 1))
	code, out, _ = scenarioRun(t, "run", file)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "expected 404, but the response is 200")

	write(strings.Replace(littleScenario, "status: 200", "status: 999", 1) + "  - request: GET /api/v2/knots\n")
	for _, command := range []string{"run", "check"} {
		code, _, errs = scenarioRun(t, command, file)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, file+":6: steps[0].expect.status: ")
		require.Contains(t, errs,
			file+":7: steps[1].request: no vendor has the operation GET /api/v2/knots; valid: GET /api/v2/")
		require.NotContains(t, errs, "127.0.0.1")
	}
	write(strings.Replace(littleScenario, "request: GET /api/v2/nodes",
		"control: POST /actions/lightbits/fail-node\n    body: {node: nobody}", 1))
	write("name: little\nsteps:\n  - control: POST /actions/lightbits/fail-node\n    body: {node: nobody}\n")
	code, out, _ = scenarioRun(t, "run", file, "--junit", junit)
	require.Equal(t, exitError, code, out)
	require.Equal(t, 1, readJUnit(t, junit).Errors)
}

func TestScenario_InvalidCommandLine(t *testing.T) {
	for _, args := range [][]string{{}, {"run"}, {"start", "x"}, {"run", "no-such-file"}, {"run", "slow-api", "--nope"},
		{"check", "no-such-file"}, {"list", "x"}, {"run", "slow-api", "--seed=x"}} {
		code, _, errs := scenarioRun(t, args...)
		require.Equal(t, exitUsage, code, args)
		require.NotEmpty(t, errs)
	}
	code, _, errs := scenarioRun(t, "run", "slow-api", "--url", "http://127.0.0.1:1")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "simulator: slow-api: ", "each message names the scenario")
	_, _, errs = scenarioRun(t, "run", "no-such-file")
	require.Contains(t, errs, "slow-api")
	code, out, _ := scenarioRun(t, "list")
	require.Equal(t, exitGood, code)
	require.Equal(t, strings.Join(fixtures.Scenarios(), "\n")+"\n", out)
}
