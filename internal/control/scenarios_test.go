package control_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/fixtures"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const scenariosPath = "/_sim/scenarios"

// begin starts a scenario.
func begin(s *simtest.Server, text string) (id string) {
	return s.Must(201, http.MethodPost, scenariosPath, text).Text(".id")
}

// ended waits until a scenario has ended, and returns its report.
func ended(t *testing.T, s *simtest.Server, id string) simtest.Response {
	t.Helper()
	a := s.Must(200, http.MethodGet, scenariosPath+"/"+id+"?wait=60s", "")
	require.NotEqual(t, "running", a.Text(".verdict"), "it did not end within a minute: %s", a.Body)
	return a
}

func frozenLamps(t *testing.T) *simtest.Server {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2030-01-01T00:00:00Z"}`)
	return s
}

// until waits until a step of a scenario is in a state, and returns the scenario's report.
func until(t *testing.T, s *simtest.Server, id, step, state string) simtest.Response {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		a := s.Must(200, http.MethodGet, scenariosPath+"/"+id+"?wait=5ms", "")
		var report struct {
			Timeline []struct{ Step, State string }
		}
		if json.Unmarshal([]byte(a.Body), &report) == nil {
			for _, e := range report.Timeline {
				if e.Step == step && e.State == state {
					return a
				}
			}
		}
		if time.Now().After(end) {
			require.FailNow(t, "timeout", "step %s is not %s: %s", step, state, a.Body)
		}
	}
}

// On a frozen clock that the scenario does not move, steps wait until a client advances the clock.
func TestScenarios_AtStepsWaitForAnAdvanceOfAFrozenClock(t *testing.T) {
	s := frozenLamps(t)
	a := s.Must(201, http.MethodPost, scenariosPath, `name: later
steps:
  - {id: first, request: POST /lamps, body: {name: desk}, save: {lamp: .id}}
  - {id: lit, at: 10m, request: "GET /lamps/${lamp}", after: first, expect: {body: {.state: Lit, .name: desk}}}
  - {id: hour, at: 1h, control: GET /clock}
expect:
  - resource: {kind: lamps.lamp, id: desk, state: Lit}
  - verify: {match: {operation: lamps.CreateLamp}, count: {min: 1, max: 1}}
`)
	require.Equal(t, "running", a.Text(".verdict"))
	require.Equal(t, "default", a.Text(".world"))
	id := a.Text(".id")
	a = until(t, s, id, "first", "passed")
	require.Equal(t, "running", a.Text(".verdict"))
	require.Equal(t, "waiting", a.Text(".timeline[1].state"))
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"30m"}`)
	a = until(t, s, id, "lit", "passed")
	require.Equal(t, "lit", a.Text(".timeline[1].step"))
	require.Equal(t, "2030-01-01T00:30:00Z", a.Text(".timeline[1].at"))
	require.Equal(t, "30m0s", a.Text(".timeline[1].after"))
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"30m"}`)
	a = ended(t, s, id)
	require.Equal(t, "passed", a.Text(".verdict"), a.Body)
	require.Equal(t, "true", a.Text(".expect[1].holds"))
	require.Contains(t, s.Must(200, http.MethodGet, scenariosPath, "").Text(".scenarios[0]"), `"verdict":"passed"`)
}

// On a running clock the runner waits in real time, or faster if the clock has a rate.
func TestScenarios_AtStepsOfARunningClock(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	began := time.Now()
	a := ended(t, s, begin(s,
		`{"name":"fast","clock":{"rate":3600},"steps":[{"at":"0s","control":"GET /clock"},{"id":"hour","at":"1h","control":"GET /clock"}]}`))
	require.Equal(t, "passed", a.Text(".verdict"), a.Body)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	after, err := time.ParseDuration(a.Text(".timeline[1].after"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, after, time.Hour)
}

func TestScenarios_WhenStepsCountOperations(t *testing.T) {
	s := frozenLamps(t)
	s.Must(200, http.MethodGet, "/lamps", "")
	id := begin(s, `name: third-time
steps:
  - {id: third, when: {operation: lamps.ListLamps, times: 3}, control: POST /faults, body: {id: out, match: {operation: lamps.CreateLamp}, effect: {status: 503}}}
  - {id: failed, when: {operation: lamps.CreateLamp, status: 5xx}}
`)
	for range 2 {
		s.Must(200, http.MethodGet, "/lamps", "")
	}
	s.In("default").Must(200, http.MethodPost, "/lamps", "{}")
	require.Equal(t, "running", s.Must(200, http.MethodGet, scenariosPath+"/"+id, "").Text(".verdict"),
		"calls before the start do not count")
	s.Must(200, http.MethodGet, "/lamps", "")
	until(t, s, id, "third", "passed")
	s.Must(503, http.MethodPost, "/lamps", "{}")
	require.Equal(t, "passed", ended(t, s, id).Text(".verdict"))
}

// The verdicts and their reasons.
func TestScenarios_Verdicts(t *testing.T) {
	const head = "name: x\nclock: {mode: frozen, advance: true}\nsteps:\n"
	for name, c := range map[string]struct{ text, verdict, why string }{
		"status": {head + "  - {request: GET /lamps, expect: {status: 4xx}}", "failed",
			"expected 4xx, but the response is 200"},
		"success": {head + "  - {request: GET /lamps/none}", "failed", "expected success, but the response is 404"},
		"body": {head + "  - {request: POST /lamps, body: {name: a}, expect: {body: {.name: b}}}", "failed",
			`expected .name to be "b", but it is "a"`},
		"header": {head + "  - {request: GET /lamps, expect: {header: {X-Sim-World: other}}}", "failed",
			`expected the header X-Sim-World to be "other", but it is ["default"]`},
		"counts": {head + "  - {request: GET /lamps, repeat: 3, expect: {counts: {200: 2, 503: 1}}}", "failed",
			"expected the responses 2 × 200, 1 × 503, but got 3 × 200"},
		"no answer": {head + "  - {request: GET /lamps, expect: {noAnswer: true}}", "failed",
			"expected no response, but got 200"},
		"answer": {head + "  - {request: GET /lamps, header: {X-Sim-Fault: reset}}", "failed",
			"expected a response, but got none"},
		"save": {head + "  - {request: GET /lamps, save: {x: '[0].id'}}", "failed",
			"the response has no value at [0].id to save as x"},
		"control refused": {head + "  - {control: POST /actions/lamps/storm, body: {lamp: none}}", "error",
			"POST /_sim/actions/lamps/storm was refused with 404"},
		"control expected": {head + "  - {control: POST /actions/lamps/storm, body: {lamp: none}, expect: {status: 404}}",
			"passed", ""},
		"never": {head + "  - {when: {resource: {kind: lamps.lamp, id: none, state: Lit}}}", "failed",
			"cannot happen any more: it is gone, and nothing is pending"},
		"within": {head + "  - {request: POST /lamps, body: {name: a}}\n  - {id: w, after: step-1, when: {resource: {kind: lamps.lamp, id: a, state: Broken}, within: 5m}}\n" +
			"  - {id: late, at: 1h, control: GET /clock}", "failed",
			"it waited 5m0s of the world's clock for lamps.lamp a to be Broken, but it is Lit"},
		"real time": {head + "  - {when: {operation: lamps.ListLamps}}\ntimeout: 50ms", "failed",
			"it did not end within its timeout, 50ms of real time"},
		"verify": {head +
			"  - {request: GET /lamps}\nexpect:\n  - verify: {match: {operation: lamps.ListLamps}, count: {max: 0}}", "failed",
			"count: expected at most 0, but found 1"},
		"resource": {head +
			"  - {request: POST /lamps, body: {name: a}}\nexpect:\n  - resource: {kind: lamps.lamp, id: a, state: Lit}",
			"failed", "expected that lamps.lamp a is Lit, but it is Made"},
		"gone": {head + "  - {request: GET /lamps}\nexpect:\n  - resource: {kind: lamps.lamp, id: a, state: gone}",
			"passed", ""},
		"world": {"name: x\nworld: {}\nsteps:\n  - {control: \"DELETE /worlds/${world}\"}\n  - {request: GET /lamps}",
			"error", "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			s := simtest.New(t, simtest.ToyVendor)
			a := ended(t, s, begin(s, c.text))
			require.Equal(t, c.verdict, a.Text(".verdict"), a.Body)
			require.Contains(t, a.Body+a.Text(".why"), c.why)
		})
	}
}

func TestScenarios_RunInATemporaryWorld(t *testing.T) {
	s := frozenLamps(t)
	text := `name: own
world: {seed: 7}
clock: {mode: frozen, now: "2031-01-01T00:00:00Z", advance: true}
header: {Authorization: "Bearer ${tokens.lamps}"}
steps:
  - {request: POST /lamps, body: {name: "${world}"}, save: {name: .name}, expect: {header: {X-Sim-World: "${world}"}}}
  - {when: {resource: {kind: lamps.lamp, id: "${name}", state: Lit}}, after: step-1}
`
	a := ended(t, s, begin(s, text))
	require.Equal(t, "passed", a.Text(".verdict"), a.Body)
	require.NotEqual(t, "default", a.Text(".world"))
	require.Equal(t, "2031-01-01T00:00:00.3Z", a.Text(".timeline[1].at"))
	s.Must(404, http.MethodGet, "/_sim/worlds/"+a.Text(".world"), "")
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/_sim/resources", "").Text(".resources"))

	a = ended(t, s, begin(s, strings.Replace(text, "seed: 7", "seed: 7, keep: true", 1)))
	s.Must(200, http.MethodGet, "/_sim/worlds/"+a.Text(".world"), "")
}

func TestScenarios_StopDeleteAndShutDown(t *testing.T) {
	s := frozenLamps(t)
	const waits = "name: waits\nworld: {}\nsteps:\n  - {id: w, when: {operation: lamps.ListLamps}}\n"
	id := begin(s, waits)
	a := s.Must(200, http.MethodDelete, scenariosPath+"/"+id, "")
	require.Equal(t, "stopped", a.Text(".verdict"))
	require.Equal(t, "skipped", a.Text(".timeline[0].state"))
	s.Must(200, http.MethodDelete, scenariosPath+"/"+id, "")
	a = s.Must(404, http.MethodGet, scenariosPath+"/"+id, "")
	require.Contains(t, a.Text(".detail"), id)

	id = begin(s, waits)
	for range 7 {
		begin(s, waits)
	}
	require.Contains(t, s.Must(429, http.MethodPost, scenariosPath, waits).Text(".detail"),
		`8 scenarios of the world "default" are running, which is the limit for one world`)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"other"}`)
	begin(s.In("other"), waits)
	s.Must(200, http.MethodDelete, "/_sim/worlds/other", "")
	began := time.Now()
	s.Restart()
	require.Less(t, time.Since(began), 4*time.Second)
	s.Must(404, http.MethodGet, scenariosPath+"/"+id, "")
	worlds := s.Must(200, http.MethodGet, "/_sim/worlds", "")
	require.Nil(t, worlds.Get(".worlds[1]"), worlds.Body)
}

func TestScenarios_AllErrorsAreReported(t *testing.T) {
	s := simtest.New(t)
	a := s.Must(400, http.MethodPost, scenariosPath, `name: wrong
clock: {mode: cold}
steps:
  - id: a
    control: PUT /clocks
    body: {mode: frozen}
  - id: b
    after: [c, nowhere]
    request: GET /api/v2/node
  - id: c
    when: {operation: lightbits.CreateVolum}
  - id: d
    when: {resource: {kind: lightbits.volume, id: x, state: Availabel}}
    control: POST /actions/lightbits/fail-node
    body: {nod: x}
  - id: e
    control: POST /faults
    body: {match: {operation: lightbits.CreateVolume}, effect: {status: 418}}
  - id: f
    request: GET /api/v2/nodes/${nobody}
    sav: {x: .y}
expect:
  - verify: {match: {operation: lightbits.Nothing}, count: {min: 1}}
  - resource: {kind: lightbits.volum, id: x, state: Available}
`)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	var problem struct {
		Errors []struct {
			Line   int
			Detail string
			Valid  []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(a.Body), &problem))
	lines := map[int]int{}
	for _, e := range problem.Errors {
		lines[e.Line]++
		require.NotEmpty(t, e.Detail)
		require.NotEmpty(t, e.Valid, "%d: %s", e.Line, e.Detail)
	}
	require.Equal(t, map[int]int{2: 1, 5: 1, 8: 1, 9: 1, 11: 1, 13: 1, 15: 1, 18: 1, 20: 1, 21: 1, 23: 1, 24: 1}, lines,
		a.Text(".detail"))
	require.Equal(t, "[]", s.Must(200, http.MethodGet, scenariosPath, "").Text(".scenarios"), "nothing of it began")

	for name, text := range map[string]string{
		"cycle":     "name: x\nsteps:\n  - {id: a, after: b, control: GET /clock}\n  - {id: b, after: a, control: GET /clock}",
		"itself":    "name: x\nsteps:\n  - {control: POST /scenarios}",
		"endless":   "name: x\nsteps:\n  - {control: GET /events}",
		"nothing":   "",
		"no steps":  "name: x\nsteps: []",
		"twice":     "name: x\nsteps:\n  - {id: a, control: GET /clock}\n  - {id: a, control: GET /clock}",
		"anchor":    "name: &x x\nsteps:\n  - {id: *x, control: GET /clock}",
		"documents": "name: x\n---\nname: y",
		"unbounded": "name: x\nsteps:\n  - {control: GET /clock, repeat: 100000}",
		"query":     "name: x\nsteps:\n  - {control: GET /resources?kin=x}",
		"advance":   "name: x\nclock: {advance: true}\nsteps:\n  - {control: GET /clock}",
		"delay":     "name: x\nsteps:\n  - {control: PUT /delays, body: {lightbits.volume.creat: 1s}}",
		"event":     "name: x\nsteps:\n  - {control: POST /resources/lightbits.volume/v/events, body: {event: explode}}",
		"until":     "name: x\nsteps:\n  - {control: POST /clock/advance, body: {until: {kind: lightbits.volume, id: v, state: Exploded}}}",
		"plan":      "name: x\nsteps:\n  - {control: POST /fault-plans, body: {operations: {lightbits.ListNodes: ['999']}}}",
		"vendor":    "name: x\nsteps:\n  - {control: POST /tokens, body: {vendor: lightbit}}",
		"mode":      "name: x\nsteps:\n  - {control: PUT /clock, body: {mode: cold}}",
		"start":     "name: x\nworld: {from: smal}\nsteps:\n  - {control: GET /clock}",
		"rules":     "name: x\nsteps:\n  - {control: PUT /faults, body: {rules: [{effect: {status: 1}}]}}",
	} {
		a := s.Do(http.MethodPost, scenariosPath, text)
		require.Equal(t, 400, a.Status, "%s: %s", name, a.Body)
		require.Contains(t, a.Text(".detail"), "line ", name)
	}
	s.Must(413, http.MethodPost, scenariosPath, strings.Repeat("#", 2<<20))
	require.Contains(t, s.Must(400, http.MethodPost, scenariosPath, strings.Repeat("#", 300<<10)).Text(".detail"),
		"at most 262144 are allowed")
	s.In("nowhere").Must(404, http.MethodPost, scenariosPath, "name: x\nsteps:\n  - {control: GET /clock}")
	s.Must(400, http.MethodPost, scenariosPath+"?dryRun=maybe", "name: x\nsteps:\n  - {control: GET /clock}")
}

func TestScenarios_ByNameAndDryRun(t *testing.T) {
	s := simtest.New(t)
	shipped, err := json.Marshal(fixtures.Scenarios())
	require.NoError(t, err)
	require.JSONEq(t, string(shipped), s.Must(200, http.MethodGet, scenariosPath, "").Text(".shipped"))
	for _, name := range fixtures.Scenarios() {
		a := s.Must(200, http.MethodPost, scenariosPath+"?dryRun=true&name="+name, "")
		require.Equal(t, name, a.Text(".name"))
	}
	require.Equal(t, "[]", s.Must(200, http.MethodGet, scenariosPath, "").Text(".scenarios"))
	a := ended(t, s, s.Must(201, http.MethodPost, scenariosPath+"?name=stale-etag-race", "").Text(".id"))
	require.Equal(t, "passed", a.Text(".verdict"), a.Body)
	require.Equal(t, string(shipped), s.Must(404, http.MethodPost, scenariosPath+"?name=../small", "").Text(".valid"))
	s.Must(400, http.MethodPost, scenariosPath+"?name=slow-api", "name: x")
}

// A scenario has the permissions of its caller, and its timeline shows no secret.
func TestScenarios_WithAnAdminToken(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.AdminToken = "boss" })
	const text = "name: x\nworld: {}\nsteps:\n  - {control: POST /tokens, body: {vendor: lamps}, save: {token: .token}}\n"
	s.Must(401, http.MethodPost, scenariosPath, text)
	a := s.Must(201, http.MethodPost, scenariosPath, text, "Authorization", "Bearer boss")
	s.Must(401, http.MethodGet, scenariosPath+"/"+a.Text(".id"), "")
	s.Header.Set("Authorization", "Bearer boss")
	a = ended(t, s, a.Text(".id"))
	require.Equal(t, "passed", a.Text(".verdict"), a.Body)
	require.Contains(t, a.Text(".timeline[0].answer"), `"token":"[redacted]"`)
}

func TestScenarios_RefusedWhileRecording(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Record = filepath.Join(t.TempDir(), "tape") })
	const text = "name: x\nsteps:\n  - {control: GET /clock}\n"
	require.Contains(t, s.Must(409, http.MethodPost, scenariosPath, text).Text(".detail"), "recording")
	s.Must(200, http.MethodPost, scenariosPath+"?dryRun=true", text)
}
