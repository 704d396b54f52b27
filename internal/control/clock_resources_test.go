package control_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

const lamp = "/_sim/resources/lamps.lamp/"

func TestClock(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	freeze(s)
	got := s.Must(200, http.MethodGet, "/_sim/clock", "")
	require.Equal(t, "frozen", got.Text(".mode"))
	require.Nil(t, got.Get(".next"))
	s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`)
	require.Equal(t, "2026-06-01T00:00:00.3Z", s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".next"))
	timers := s.Must(200, http.MethodGet, "/_sim/timers", "")
	require.Equal(t, "light", timers.Text(".timers[0].event"))
	require.Equal(t, "north", timers.Text(".timers[0].cluster"))
	require.Contains(t, s.Must(400, http.MethodPut, "/_sim/clock", `{"now":"2026-05-31T00:00:00Z"}`).Text(".detail"),
		"does not go back")
	for _, body := range []string{`{"mode":"fast"}`, `{"rate":0}`, `{"rate":"2"}`, `{"now":"noon"}`, `{"speed":2}`} {
		s.Must(400, http.MethodPut, "/_sim/clock", body)
	}
	require.Equal(t, "10", s.Must(200, http.MethodPut, "/_sim/clock", `{"rate":10}`).Text(".rate"))
}

func TestAdvance(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	freeze(s)
	id := s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Text(".id")
	until := `{"until":{"kind":"lamps.lamp","id":"` + id + `","state":`
	advance := func(status int, body string) simtest.Response {
		t.Helper()
		return s.Must(status, http.MethodPost, "/_sim/clock/advance", body)
	}
	require.Contains(t, advance(400, `{}`).Text(".valid"), "until")
	for _, body := range []string{`{"by":"1s","next":true}`, `{"by":"-1s"}`, `{"by":"1"}`, `{"next":false}`,
		`{"by":"1s","limit":"1s"}`,
		`{"to":"2026-05-01T00:00:00Z"}`, `{"until":{"kind":"lamps.lamp","state":"Lit"}}`,
		`{"until":{"kind":"lamps.lamp","id":"x","State":"Lit"}}`, `{"by":"900us"}`, `{"by":"1500us"}`,
		`{"to":"9999-12-31T23:59:59-01:00"}`} {
		advance(400, body)
	}
	missing := advance(404, `{"until":{"kind":"lamps.lamp","id":"aa","state":"Lit"}}`)
	require.Contains(t, missing.Text(".valid"), `"a"`)
	require.Equal(t, "2026-06-01T00:00:00Z", s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".now"))
	require.Equal(t, `["lamps.lamp"]`, advance(400, `{"until":{"kind":"lamp","id":"x","state":"Lit"}}`).Text(".valid"))
	require.Equal(t, `["Made","Lit","Broken","Removed","gone"]`, advance(400, until+`"lit"}}`).Text(".valid"))
	require.Contains(t, advance(409, until+`"Lit"},"limit":"200ms"}`).Text(".detail"), "did not reach Lit")

	lit := advance(200, until+`"Lit"}}`)
	require.Equal(t, "2026-06-01T00:00:00.3Z", lit.Text(".now"))
	require.Equal(t, "Made", lit.Text(".fired[0].from"))
	require.Equal(t, "1", lit.Text(".count"))
	require.Equal(t, "[]", advance(200, `{"to":"2026-06-01T01:00:00Z"}`).Text(".fired"))
	s.Must(200, http.MethodPost, lamp+id+"/events", `{"event":"remove"}`)
	require.Equal(t, "2026-06-01T01:00:01Z", advance(200, `{"next":true}`).Text(".now"))
	require.Equal(t, "[]", advance(200, until+`"gone"}}`).Text(".fired"))
}

func TestDelays(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	require.JSONEq(t, `{"lamps.lamp.light":"300ms","lamps.lamp.remove":"1s"}`,
		s.Must(200, http.MethodGet, "/_sim/delays", "").Body)
	set := s.Must(200, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":{"uniform":["1s","3s"]}}`)
	require.Contains(t, set.Body, `"lamps.lamp.light":{"uniform":["1s","3s"]}`)
	require.Contains(t, s.Must(200, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":null}`).Body, `"300ms"`)
	require.Contains(t, s.Must(400, http.MethodPut, "/_sim/delays", `{"lamps.lamp.dim":"1s"}`).Text(".valid"),
		"lamps.lamp.light")
	require.Contains(t, s.Must(400, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":"soon"}`).Text(".detail"),
		"lamps.lamp.light")
}

func TestResources(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	freeze(s)
	s.Must(200, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":"held"}`)
	id := s.Must(200, http.MethodPost, "/lamps", `{"name":"a/b c"}`).Text(".id")
	s.Must(200, http.MethodPost, "/lamps", `{"name":"b"}`, "X-Sim-Cluster", "south")
	list := func(query string) string {
		t.Helper()
		return s.Must(200, http.MethodGet, "/_sim/resources"+query, "").Text(".resources")
	}
	require.Contains(t, list(""), `"name":"b"`)
	require.NotContains(t, list("?kind=lamps.lamp&cluster=north"), `"name":"b"`)
	require.Equal(t, "[]", list("?state=Lit"))
	require.NotContains(t, list("?limit=1"), `"name":"b"`)
	for query, valid := range map[string]string{"?kind=lamp": `["lamps.lamp"]`,
		"?state=lit": `["Broken","Lit","Made","Removed"]`, "?cluster=west": `["north","south"]`} {
		require.Equal(t, valid, s.Must(400, http.MethodGet, "/_sim/resources"+query, "").Text(".valid"))
	}
	one := s.Must(200, http.MethodGet, lamp+"a%2Fb%20c", "")
	require.Equal(t, id, one.Text(".id"))
	require.Equal(t, `["light","break"]`, one.Text(".events"))
	s.Must(404, http.MethodGet, lamp+"none", "")
	require.Equal(t, `["lamps.lamp"]`, s.Must(404, http.MethodGet, "/_sim/resources/lamp/x", "").Text(".valid"))

	require.Equal(t, "Lit", s.Must(200, http.MethodPost, lamp+id+"/release", "").Text(".state"))
	require.Contains(t, s.Must(409, http.MethodPost, lamp+id+"/release", "").Text(".detail"), "no timed transition")
	require.Equal(t, `["break","done","light","remove"]`, s.Must(400, http.MethodPost, lamp+id+"/events",
		`{"event":"fail"}`).Text(".valid"))
	require.Contains(t, s.Must(409, http.MethodPost, lamp+id+"/events", `{"event":"done"}`).Text(".detail"),
		"is not possible in this state")
	broken := s.Must(200, http.MethodPost, lamp+id+"/events", `{"event":"break"}`)
	require.Equal(t, "Broken", broken.Text(".state"))
	require.Contains(t, broken.Text(".by"), "control.FireEvent")
}

func TestActionsAndTokens(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	id := s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Text(".id")
	require.Equal(t, "the lamp's id", s.Must(200, http.MethodGet, "/_sim/actions", "").Text(".actions[0].params[0].doc"))
	storm := "/_sim/actions/lamps/storm"
	require.Equal(t, "Broken", s.Must(200, http.MethodPost, storm, `{"lamp":"`+id+`"}`).Text(".state"))
	s.Must(409, http.MethodPost, storm, `{"lamp":"`+id+`"}`)
	s.Must(404, http.MethodPost, storm, `{"lamp":"none"}`)
	require.Equal(t, `["lamp"]`, s.Must(400, http.MethodPost, storm, `{"Lamp":"x"}`).Text(".valid"))
	require.Equal(t, `["lamps/storm"]`, s.Must(404, http.MethodPost, "/_sim/actions/lamps/rain", "{}").Text(".valid"))

	tokens := "/_sim/tokens"
	require.Equal(t, "sim.default.keeper1h0m0s", s.Must(200, http.MethodPost, tokens,
		`{"vendor":"lamps","role":"keeper","ttl":"1h"}`).Text(".token"))
	require.Equal(t, `["keeper","guest"]`, s.Must(400, http.MethodPost, tokens,
		`{"vendor":"lamps","role":"king"}`).Text(".valid"))
	require.Equal(t, `["lamps"]`, s.Must(400, http.MethodPost, tokens, `{"vendor":"lights"}`).Text(".valid"))
	s.Must(400, http.MethodPost, tokens, `{"vendor":"lamps","ttl":"-1h"}`)
}

// Two clusters have a volume of the same name.
func TestAdvance_UntilInACluster(t *testing.T) {
	s := simtest.New(t)
	freeze(s)
	until := func(status int, cluster string, header ...string) simtest.Response {
		t.Helper()
		return s.Must(status, http.MethodPost, "/_sim/clock/advance",
			`{"until":{"kind":"lightbits.volume","id":"v","state":"Available"`+cluster+`}}`, header...)
	}
	west := []string{"X-Sim-Cluster", "west"}
	s.Must(200, http.MethodPost, volumesPath, oneVolume, opaque...)
	require.Equal(t, "east", until(200, "").Text(".fired[0].cluster"))
	s.Must(200, http.MethodPost, volumesPath, oneVolume, append(west, opaque...)...)
	require.Equal(t, "0", until(200, "").Text(".count"), "the first cluster that has one")
	require.Equal(t, "0", until(200, `,"cluster":"east"`, west...).Text(".count"))
	require.Contains(t, until(400, `,"cluster":"north"`).Text(".valid"), "west")
	s.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	require.Equal(t, "west", until(200, `,"cluster":"west"`).Text(".fired[0].cluster"))
	s.Must(200, http.MethodPost, "/_sim/checkpoints/c/restore", "")
	require.Equal(t, "west", until(200, "", west...).Text(".fired[0].cluster"))
}
