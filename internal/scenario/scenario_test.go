package scenario

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/fixtures"
	"storagesim/internal/fixture/document"
	"storagesim/internal/strict"
)

// testCatalog is a small catalog.
func testCatalog() *Catalog {
	return &Catalog{
		Operations: []Operation{
			{ID: "lamps.GetLamp", Method: "GET", Paths: []string{"/lamps/{id}"}},
			{ID: "lamps.ListLamps", Method: "GET", Paths: []string{"/lamps"}},
		},
		Calls: []Operation{
			{ID: "control.SetClock", Method: "PUT", Paths: []string{"/_sim/clock"}},
			{ID: "control.ListResources", Method: "GET", Paths: []string{"/_sim/resources"}, Query: []string{"kind"}},
		},
		Kinds:   map[string][]string{"lamps.lamp": {"Made", "Lit", "gone"}},
		Vendors: []string{"lamps"}, Starts: []string{"small"},
		Check: func(call string, _ map[string]string, body []byte, _ bool) error {
			if call == "control.SetClock" && !json.Valid(body) {
				return &strict.Error{Path: "mode", Detail: "is wrong", Valid: []string{"frozen"}}
			}
			return nil
		},
	}
}

func TestParse_ErrorsHaveLines(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		lines []int
	}{
		"not YAML":        {"name: x\n  steps: [", []int{2}},
		"not an object":   {"- x", []int{1}},
		"unknown members": {"name: x\nnam: y\nsteps:\n  - request: GET /lamps\n    expct: {}\n", []int{2, 5}},
		"types": {"name: x\ntimeout: soon\nsteps:\n  - request: GET /lamps\n    repeat: many\n    at: 5\n",
			[]int{2, 5, 6}},
		"missing":         {"description: x", []int{1, 1}},
		"both":            {"name: x\nsteps:\n  - request: GET /lamps\n    control: PUT /clock\n", []int{3}},
		"does nothing":    {"name: x\nsteps:\n  - id: a\n", []int{3}},
		"nothing to save": {"name: x\nsteps:\n  - at: 1s\n    save: {x: .y}\n", []int{4}},
		"variables": {"name: x\nsteps:\n  - request: GET /lamps/${a}\n" +
			"  - id: b\n    request: GET /lamps\n    save: {a: '[0].id'}\n", []int{3}},
		"body": {"name: x\nsteps:\n  - control: PUT /clock\n    body: frozen\n", []int{4}},
		"JSON": {"{\n\t\"name\": \"x\",\n\t\"steps\": [\n\t\t{\"request\": \"GET /lamps\", \"at\": true}\n\t]\n}",
			[]int{4}},
		"too deep": {"name: x\nsteps: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), testCatalog())
			var invalid *InvalidError
			require.ErrorAs(t, err, &invalid)
			var lines []int
			for _, p := range invalid.Problems {
				lines = append(lines, p.Line)
			}
			require.Equal(t, c.lines, lines, "%v", err)
		})
	}
}

func TestParse_Values(t *testing.T) {
	s, err := Parse([]byte(`{"name":"x","steps":[
		{"id":"a","request":"GET /lamps","save":{"id":"[0].id"},"header":{"X":"\ud83d\ude00"}},
		{"request":"GET /lamps/${id}?x=${n}","repeat":3,"expect":{"counts":{"200":3}}},
		{"at":"1h","after":"a","control":"PUT /clock","body":{"rate":2}}]}`), testCatalog())
	require.NoError(t, err)
	require.Equal(t, document.Strings{"a"}, s.Steps[1].After, "after the step before")
	require.Equal(t, map[string]int{"200": 3}, s.Steps[1].Expect.Counts)
	require.Equal(t, "😀", s.Steps[0].call.header["X"])
	require.Equal(t, document.Duration(time.Hour), *s.Steps[2].At)
	require.Equal(t, "/_sim/clock", s.Steps[2].call.path)
	require.Equal(t, map[string]any{"rate": json.Number("2")}, s.Steps[2].call.json)
	require.Equal(t, document.Duration(time.Minute), s.Timeout)
	path, err := values{"id": "a/b c&d", "n": "1"}.path(s.Steps[1].call.path)
	require.NoError(t, err)
	require.Equal(t, "/lamps/a%2Fb%20c%26d?x=1", path)
}

// A variable of a step that the using step does not wait for gives one error, which says what to add.
func TestParse_VariableOfUnawaitedStep(t *testing.T) {
	const create = "name: x\nsteps:\n  - {id: create, request: GET /lamps, save: {v: .id}}\n"
	const lit = `resource: {kind: lamps.lamp, id: "${v}", state: Lit}`
	for name, c := range map[string]struct{ steps, want string }{
		"no after": {
			"  - {id: available, when: {" + lit + "}}\n  - {id: use, request: \"GET /lamps/${v}\"}\n",
			"line 4: steps[1].when.resource.id: step available has no after, so it does not wait for create, " +
				"which saves ${v}; add after: create",
		},
		"other after": {
			"  - {id: b, after: [], request: GET /lamps}\n  - {id: use, after: b, request: \"GET /lamps/${v}\"}\n",
			"line 5: steps[2].request: step use does not wait for create, which saves ${v}; add create to its after",
		},
		"own": {
			"  - {id: own, request: \"GET /lamps/${w}\", save: {w: .id}}\n",
			"line 4: steps[1].request: the variable ${w} has no value yet: step own saves it; valid: n, tokens.lamps, v, world",
		},
		"nobody": {
			"  - {request: \"GET /lamps/${w}\"}\n",
			"line 4: steps[1].request: the variable ${w} is unknown: no step saves it; valid: n, tokens.lamps, v, world",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(create+c.steps), testCatalog())
			require.EqualError(t, err, c.want)
			var invalid *InvalidError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, "my.yaml:"+strings.TrimPrefix(c.want, "line "), invalid.In("my.yaml"))
		})
	}
}

// A malformed member is reported once.
func TestParse_NoErrorsThatFollow(t *testing.T) {
	for text, want := range map[string]string{
		"name: x\nsteps: 5\n":                  "line 2: steps: must be an array, not a number",
		"name: x\nsteps: [5]\n":                "line 2: steps[0]: must be an object, not a number",
		"name: x\nsteps: [{when: 5}]\n":        "line 2: steps[0].when: must be an object, not a number",
		"name: x\nsteps: [{request: [GET]}]\n": "line 2: steps[0].request: must be a string, not an array",
		"name: x\nsteps: [{when: {resource: {}, within: 1s}}]\n": "line 2: steps[0].when.resource: id is missing\n" +
			"line 2: steps[0].when.resource: kind is missing\nline 2: steps[0].when.resource: state is missing",
		"name: x\nexpect: [5]\nsteps: [{at: 1s}]\n":            "line 2: expect[0]: must be an object, not a number",
		"name: x\nname: x\n":                                   `line 2: "name" is given twice`,
		"# nothing\n":                                          "line 1: the document is empty",
		"name: x\nsteps: [{at: 1s}]\ntimeout: 2h\n":            `line 3: timeout: must be a duration from 1ms to 1h, such as "90s" or "1h30m"`,
		"name: x\nsteps: [{request: GET /lamps, repeat: 0}]\n": "line 2: steps[0].repeat: must be a whole number from 1 to 1000, not 0",
		"name: x\nsteps: [{at: 1s}]\nclock: {rate: 0}\n":       "line 3: clock.rate: must be a number above 0, not 0",
		"name: x\nsteps: [{at: 1s}]\nworld: {seed: -1}\n":      "line 3: world.seed: must be a whole number from 0 to 18446744073709551615, not -1",
	} {
		_, err := Parse([]byte(text), testCatalog())
		require.EqualError(t, err, want, "%s", text)
	}
}

func TestGlobAndSame(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		fits          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"a*c", "abc", true}, {"a*c", "ab", false},
		{"a*b*c", "a/b/c", true}, {"ab*b", "ab", false},
	} {
		require.Equal(t, c.fits, glob(c.pattern, c.text), "%s %s", c.pattern, c.text)
	}
	require.True(t, same(json.Number("1"), json.Number("1.0")))
	require.False(t, same(json.Number("1"), "1"))
	require.False(t, same(map[string]any{"a": nil}, map[string]any{}))
}

func TestReport_JUnitIsValidXML(t *testing.T) {
	no := false
	r := Report{Name: "x", Verdict: Failed, Why: "w", Timeline: []Entry{
		{Step: "<a>", State: StepPassed, Request: "GET /?a=\"&b"},
		{Step: "b", State: StepFailed, Why: "]]>\x00\xff", Answer: "\x01<html>"},
		{Step: "c", State: StepSkipped}}, Expect: []Outcome{{Check: "e", Holds: &no, Why: "why"}, {Check: "f"}}}
	text, err := r.JUnit()
	require.NoError(t, err)
	var suites junitSuites
	require.NoError(t, xml.Unmarshal(text, &suites))
	require.Equal(t, []int{5, 2, 0, 2}, []int{suites.Tests, suites.Failures, suites.Errors, suites.Skipped})
	text, err = (&Report{Name: "x", Verdict: Stopped, Why: "it was stopped"}).JUnit()
	require.NoError(t, err)
	require.Contains(t, string(text), `<error message="it was stopped"`)
}

// Parse accepts a text, or returns errors whose lines are in the text.
func FuzzScenario(f *testing.F) {
	for _, name := range fixtures.Scenarios() {
		text, err := fixtures.ReadScenario(name)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text, testCatalog())
		var invalid *InvalidError
		if err == nil {
			require.NotEmpty(t, s.Steps)
			s.tokens()
			return
		}
		require.ErrorAs(t, err, &invalid)
		require.NotEmpty(t, invalid.Problems)
		for _, p := range invalid.Problems {
			require.Positive(t, p.Line)
			require.LessOrEqual(t, p.Line, strings.Count(string(text), "\n")+strings.Count(string(text), "\r")+2)
			require.NotEmpty(t, p.Detail)
		}
	})
}
