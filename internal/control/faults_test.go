package control_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// An invalid rule is refused with the path and the valid values.
func TestFaults_InvalidRules(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for rule, want := range map[string]struct{ detail, valid string }{
		`{"match":{"operation":"lamps.MakeLamp"},"effect":{"status":503}}`: {"match.operation: ", "lamps.CreateLamp"},
		`{"match":{"operation":"lightbits.*"},"effect":{"status":503}}`:    {"match.operation: ", "lamps.ListLamps"},
		`{"match":{"operation":"lamps.GetLamp"},"effect":{"status":503}}`:  {"does not document the status 503", "404"},
		`{"match":{"operation":"lamps.*"},"effect":{"status":418}}`:        {"does not document the status 418", "503"},
		`{"effect":{"status":418}}`:                                        {"no operation documents the status 418", "400"},
		`{"match":{"operation":"lamps.*"},"effect":{"status":200}}`:        {"is not in the range 400 to 599", ""},
		`{"match":{"operaton":"lamps.GetLamp"},"effect":{"status":404}}`: {"match.operaton: is not a member of this object",
			"operation"},
		`{"match":{"state":"Bright"},"effect":{"status":404}}`:            {"match.state: ", "Broken"},
		`{"match":{"header":{"User Agent":"x"}},"effect":{"status":404}}`: {"match.header: ", ""},
		`{"effect":{}}`: {"effect: at least one of",
			"interloper"},
		`{"effect":{"connection":"rest"}}`: {"effect.connection: ",
			"reset"},
		`{"effect":{"connection":"reset","status":503}}`:      {"effect.status: cannot be combined", ""},
		`{"effect":{"connection":"empty","malformed":true}}`:  {"effect.malformed: cannot be combined", ""},
		`{"effect":{"message":"x","connection":"reset"}}`:     {"effect.message: ", ""},
		`{"effect":{"retryAfter":"2s","connection":"reset"}}`: {"effect.retryAfter: ", ""},
		`{"effect":{"status":503,"retryAfter":"soon"}}`:       {"effect.retryAfter: ", ""},
		`{"effect":{"truncateAt":1,"status":503}}`: {"effect.truncateAt: needs",
			""},
		`{"effect":{"stallFor":"1s","status":503}}`:                  {"effect.stallFor: needs", ""},
		`{"effect":{"dribble":{},"status":503}}`:                     {"effect.dribble: needs", ""},
		`{"effect":{"connection":"dribble","dribble":{"bytes":-1}}}`: {"effect.dribble.bytes: ", ""},
		`{"effect":{"latency":{}}}`: {"effect.latency: ",
			"lognormal"},
		`{"effect":{"latency":{"fixed":"1s","uniform":["1s","2s"]}}}`: {"effect.latency: ", "fixed"},
		`{"effect":{"latency":{"uniform":["2s","1s"]}}}`: {"effect.latency.uniform[1]: ",
			""},
		`{"effect":{"latency":{"uniform":["2s"]}}}`: {"effect.latency.uniform: ",
			""},
		`{"effect":{"latency":{"normal":{"mean":"x","stddev":"1s"}}}}`:            {"effect.latency.normal.mean: ", ""},
		`{"effect":{"latency":{"lognormal":{"median":"0s","p99":"1s"}}}}`:         {"effect.latency.lognormal.median: ", ""},
		`{"effect":{"latency":{"fixed":"1s","cap":"2s"}}}`:                        {"effect.latency.cap: ", ""},
		`{"effect":{"latency":{"fixed":"2h"}}}`:                                   {"effect.latency.fixed: ", ""},
		`{"effect":{"malformed":true},"phase":"before"}`:                          {"phase: the effect changes the", "after"},
		`{"effect":{"status":503},"phase":"during"}`:                              {"phase: ", "before"},
		`{"effect":{"interloper":true},"phase":"after"}`:                          {"effect.interloper: ", ""},
		`{"effect":{"interloper":true,"status":503}}`:                             {"effect.interloper: ", ""},
		`{"match":{"operation":"lamps.CreateLamp"},"effect":{"interloper":true}}`: {"effect.interloper: ", ""},
		`{"match":{"operation":"lamps.CreateLamp"},"effect":{"stale":1}}`:         {"effect.stale: ", ""},
		`{"effect":{"stale":17}}`: {"effect.stale: 17 is not in the range",
			""},
		`{"effect":{"stale":1,"status":503}}`:                         {"effect.stale: cannot be combined", ""},
		`{"when":{"attempts":[1],"every":2},"effect":{"status":503}}`: {"when.attempts: cannot be combined", ""},
		`{"when":{"attempts":[]},"effect":{"status":503}}`: {"when.attempts: must have",
			""},
		`{"when":{"attempts":[1,1]},"effect":{"status":503}}`:                                 {"when.attempts[1]: ", ""},
		`{"when":{"probability":1.1},"effect":{"status":503}}`:                                {"when.probability: ", ""},
		`{"when":{"times":-1},"effect":{"status":503}}`:                                       {"when.times: must be a whole number", ""},
		`{"when":{"from":"tomorrow"},"effect":{"status":503}}`:                                {"", ""},
		`{"when":{"for":"-1s"},"effect":{"status":503}}`:                                      {"when.for: ", ""},
		`{"ttl":"0s","effect":{"status":503}}`:                                                {"ttl: ", ""},
		`{"id":"a/b","effect":{"status":503}}`:                                                {"id: ", "letters"},
		`{"priority":2000000,"effect":{"status":503}}`:                                        {"priority: ", ""},
		`{"effect":{"status":503},"effect":{"status":503}}`:                                   {"effect: is given twice", ""},
		`{"match":{"header":{"X":"` + strings.Repeat("x", 5000) + `"}},"effect":{"stale":1}}`: {"match.header: ", ""},
	} {
		a := s.Must(400, http.MethodPost, "/_sim/faults", rule)
		require.Contains(t, a.Text(".detail"), want.detail, rule)
		require.Contains(t, a.Text(".valid"), want.valid, rule)
		a = s.Must(400, http.MethodPut, "/_sim/faults", `{"rules":[{"id":"good","effect":{"status":503}},`+rule+`]}`)
		if want.detail != "" {
			require.Contains(t, a.Text(".detail"), "rules", rule)
		}
	}
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/_sim/faults", "").Text(".rules"),
		"nothing of a wrong set is kept")
	s.Must(400, http.MethodPut, "/_sim/faults/a", `{"id":"b","effect":{"status":503}}`)
	s.Must(400, http.MethodPut, "/_sim/faults",
		`{"rules":[{"id":"a","effect":{"status":503}},{"id":"a","effect":{"status":503}}]}`)
	s.Must(201, http.MethodPost, "/_sim/faults", `{"id":"a","effect":{"status":418},"force":true}`)
	s.Must(409, http.MethodPost, "/_sim/faults", `{"id":"a","effect":{"status":503}}`)
	require.Equal(t, `["a"]`, s.Must(404, http.MethodGet, "/_sim/faults/b", "").Text(".valid"))
	require.Equal(t, `["a"]`, s.Must(404, http.MethodDelete, "/_sim/faults/b", "").Text(".valid"))
	s.Must(418, http.MethodGet, "/lamps", "")
	s.Must(404, http.MethodGet, "/_sim/faults", "", "X-Sim-World", "none")
}

// Sixty-four concurrent clients use up the budgets of a rule and of a plan exactly.
func TestFaults_BudgetsAreExact(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"hundred","match":{"operation":"lamps.CreateLamp"},"when":{"skip":50,"times":100},"effect":{"status":503}}`)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"some","match":{"operation":"lamps.ListLamps"},"when":{"every":3,"times":7},"effect":{"status":500},"force":true}`)
	steps := strings.TrimSuffix(strings.Repeat(`"404",`, 90), ",")
	s.Must(201, http.MethodPost, "/_sim/fault-plans", `{"operations":{"lamps.GetLamp":[`+steps+`]}}`)
	const clients, each = 64, 10
	var created, listed, planned atomic.Int64
	var work sync.WaitGroup
	for range clients {
		work.Go(func() {
			for i := range each {
				if a := s.Do(http.MethodPost, "/lamps", `{"name":"x"}`); a.Status == 503 {
					created.Add(1)
				}
				if i == 0 && s.Do(http.MethodGet, "/lamps", "").Status == 500 {
					listed.Add(1)
				}
				if s.Do(http.MethodGet, "/lamps/none", "", "X-Sim-Fault-Plan", "plan-1").Header.Get("X-Sim-Fault") == "plan-1" {
					planned.Add(1)
				}
			}
		})
	}
	work.Wait()
	require.EqualValues(t, 100, created.Load())
	require.EqualValues(t, 7, listed.Load())
	require.EqualValues(t, 90, planned.Load())
	rule := s.Must(200, http.MethodGet, "/_sim/faults/hundred", "")
	require.Equal(t, "100", rule.Text(".hits"))
	require.Equal(t, "150", rule.Text(".matched"), "what came after the last hit is not counted")
	require.Equal(t, "true", rule.Text(".spent"))
	require.Equal(t, fmt.Sprintf(`{"lamps.GetLamp":%d}`, clients*each-90),
		s.Must(200, http.MethodGet, "/_sim/fault-plans/plan-1", "").Text(".beyond"))
}

// The same seed gives the same decisions, regardless of other draws; another seed gives others.
func TestFaults_DrawsComeFromTheSeed(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	decisions := func(world string, seed int, noise bool) string {
		s.Must(201, http.MethodPost, "/_sim/worlds", fmt.Sprintf(`{"name":%q,"seed":%d}`, world, seed))
		w := s.In(world)
		w.Must(201, http.MethodPost, "/_sim/faults",
			`{"id":"coin","match":{"operation":"lamps.ListLamps"},"when":{"probability":0.5},"effect":{"status":500},"force":true}`)
		text := ""
		for range 64 {
			if noise {
				w.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`)
			}
			text += fmt.Sprint(w.Do(http.MethodGet, "/lamps", "").Status / 500)
		}
		return text
	}
	first := decisions("a", 1, false)
	require.Equal(t, first, decisions("b", 1, true))
	require.NotEqual(t, first, decisions("c", 2, false))
	require.Contains(t, first, "0")
	require.Contains(t, first, "1")
	ids := func(world string) string {
		return s.In(world).Must(200, http.MethodPost, "/lamps", `{"name":"x"}`).Text(".id")
	}
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"d","seed":1}`)
	require.Equal(t, ids("d"), ids("a"), "a rule's draws move no id")
}

// Rules are tried by priority, then in the order of creation. The first effect that decides the response wins,
// latencies add up, and rules after it are not counted.
func TestFaults_Order(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/faults", `{"rules":[
		{"id":"low","match":{"operation":"lamps.CreateLamp"},"priority":-1,"effect":{"status":400}},
		{"id":"second","match":{"operation":"lamps.CreateLamp"},"effect":{"status":503}},
		{"id":"slow","match":{"operation":"lamps.*"},"effect":{"latency":{"fixed":"20ms"}}},
		{"id":"slower","match":{"operation":"lamps.*"},"effect":{"latency":{"fixed":"30ms"}}},
		{"id":"behind","match":{"operation":"lamps.CreateLamp"},"effect":{"malformed":true}},
		{"id":"first","match":{"operation":"lamps.CreateLamp","header":{"user-agent":"*cinder/?*"}},"priority":5,"effect":{"status":400,"message":"first"}}]}`)
	g := ask(t, s.Client, http.MethodPost, s.URL+"/lamps", "")
	require.Equal(t, "second,slow,slower", g.resp.Header.Get("X-Sim-Fault"))
	require.Equal(t, 503, g.resp.StatusCode)
	require.GreaterOrEqual(t, g.took.Milliseconds(), int64(50))
	a := s.Must(400, http.MethodPost, "/lamps", "", "User-Agent", "openstack/2 (cinder/1)")
	require.Equal(t, "first", a.Text(".error"))
	list := s.Must(200, http.MethodGet, "/_sim/faults", "")
	require.Equal(t, "first", list.Text(".rules[0].id"))
	require.Contains(t, list.Text(".rules[0].lastMissReason"), "the header User-Agent is")
	require.Equal(t, "second", list.Text(".rules[1].id"))
	require.Equal(t, "1", list.Text(".rules[1].hits"))
	require.Equal(t, "first decided the response first", list.Text(".rules[1].lastMissReason"))
	require.Equal(t, "0", list.Text(".rules[4].hits"))
	require.Equal(t, "low", list.Text(".rules[5].id"))
}

// A ttl is in real time, so that the rule of a test that was killed does not stay on a shared server.
func TestFaults_TTL(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	s.Must(201, http.MethodPost, "/_sim/faults", `{"id":"brief","ttl":"1ns","effect":{"status":503},"force":true}`)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"long","ttl":"1h","match":{"operation":"lamps.GetLamp"},"effect":{"status":404}}`)
	s.Must(200, http.MethodGet, "/lamps", "")
	require.Equal(t, "long", s.Must(404, http.MethodGet, "/lamps/x", "").Header.Get("X-Sim-Fault"))
	rule := s.Must(200, http.MethodGet, "/_sim/faults/brief", "")
	require.Equal(t, "the rule's ttl of 1ns has expired", rule.Text(".lastMissReason"))
	require.Equal(t, "true", rule.Text(".spent"))
}

// Rules belong to a world, and a fork has them too.
func TestFaults_BelongToAWorld(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"a"}`)
	a := s.In("a")
	a.Must(201, http.MethodPost, "/_sim/faults", `{"id":"x","when":{"times":2},"effect":{"status":503},"force":true}`)
	s.Must(200, http.MethodGet, "/lamps", "")
	a.Must(503, http.MethodGet, "/lamps", "")
	a.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	a.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"b","from":"c"}`)
	b := s.In("b")
	for _, w := range []*simtest.Server{a, b} {
		w.Must(503, http.MethodGet, "/lamps", "")
		w.Must(200, http.MethodGet, "/lamps", "")
	}
	a.Must(200, http.MethodPost, "/_sim/checkpoints/c/restore", "")
	a.Must(503, http.MethodGet, "/lamps", "")
	a.Must(200, http.MethodPost, "/_sim/reset", "")
	a.Must(200, http.MethodGet, "/lamps", "")
	b.Must(200, http.MethodDelete, "/_sim/worlds/b", "")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"b"}`)
	require.Equal(t, "[]", b.Must(200, http.MethodGet, "/_sim/faults", "").Text(".rules"),
		"a world of the same name is another one")
	b.Must(200, http.MethodGet, "/lamps", "")
}

// The journal entry of a request without a fault names the rules that nearly fired.
func TestFaults_JournalHasNearMisses(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"third","match":{"operation":"lamps.ListLamps"},"when":{"attempts":[3]},"effect":{"status":500},"force":true}`)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"other","match":{"operation":"lamps.GetLamp"},"effect":{"status":404}}`)
	s.Must(200, http.MethodGet, "/lamps", "")
	x := s.Must(200, http.MethodGet, "/_sim/requests", "")
	require.JSONEq(t, `[{"fired":false,"rule":"third","why":"the rule hits the attempts [3], and this was number 1"}]`,
		x.Text(".requests[0].faults"))
	s.Must(200, http.MethodGet, "/_sim/faults", "", "X-Sim-Fault", "503")
}

// A stale list is an earlier version, and the world is unchanged.
func TestFaults_RestoreBringsStaleVersionsBack(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	s.Must(201, http.MethodPost, "/_sim/faults", `{"effect":{"stale":1},"match":{"operation":"lamps.ListLamps"}}`)
	s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`)
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/lamps", "").Body)
	s.Must(200, http.MethodPut, "/_sim/checkpoints/one", "")
	s.Must(200, http.MethodPost, "/lamps", `{"name":"b"}`)
	require.Contains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, `"name":"a"`)
	s.Restart()
	require.NotContains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, `"name":"b"`)
	s.Must(200, http.MethodPost, "/_sim/checkpoints/one/restore", "")
	require.Contains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, `"name":"a"`,
		"there is no earlier version of a state just restored")
	s.Must(200, http.MethodPost, "/lamps", `{"name":"c"}`)
	require.NotContains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, `"name":"c"`)
	for i := range 80 {
		s.Must(200, http.MethodPost, "/lamps", fmt.Sprintf(`{"name":"n%d"}`, i))
	}
	require.NotContains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, `"name":"n79"`)
	require.Contains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, `"name":"n78"`)
	require.Equal(t, `["one"]`, s.Must(200, http.MethodGet, "/_sim/checkpoints", "").Text(".checkpoints"))
	require.NotContains(t, s.Must(200, http.MethodGet, "/_sim/worlds", "").Body, "past-")
	require.Equal(t, "[]", s.Must(200, http.MethodDelete, "/_sim/faults", "").Text(".rules"))
	require.Contains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, `"name":"n79"`)
}

func TestFaultCatalog(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	all := s.Must(200, http.MethodGet, "/_sim/faults/catalog", "")
	require.Equal(t, "lamps.CreateLamp", all.Text(".faults[0].operation"))
	require.Equal(t, "400", all.Text(".faults[0].status"))
	require.JSONEq(t, `{"error":"Bad Request (injected by \u003crule\u003e)"}`, all.Text(".faults[0].body"))
	require.Nil(t, all.Get(".faults[3]"))
	one := s.Must(200, http.MethodGet, "/_sim/faults/catalog?operation=lamps.Get*", "")
	require.Equal(t, "404", one.Text(".faults[0].status"))
	require.Nil(t, one.Get(".faults[1]"))
	s.Must(400, http.MethodGet, "/_sim/faults/catalog?operation=lamps.Take*", "")
}

// The effect's own force allows a status that the vendor does not document.
func TestFaults_ForceInTheEffect(t *testing.T) {
	s := lightbitsServer(t)
	for effect, status := range map[string]int{`{"status":418}`: 400, `{"status":418,"force":true}`: 201} {
		s.Must(status, http.MethodPost, "/_sim/faults", `{"match":{"operation":"lightbits.ListVolumes"},"effect":`+effect+`}`)
	}
	s.Must(418, http.MethodGet, volumesPath, "")
}
