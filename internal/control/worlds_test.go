package control_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

func freeze(s *simtest.Server) {
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`)
}

func names(s *simtest.Server) string { return s.Must(200, http.MethodGet, "/lamps", "").Body }

func TestWorlds_AreIsolated(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	made := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t1"}`)
	require.Equal(t, "t1", made.Text(".name"))
	require.Equal(t, s.URL+"/_sim/in/t1", made.Text(".url"))
	require.Equal(t, "sim.t1.0s", made.Text(".tokens.lamps"))
	t1 := s.In("t1")
	freeze(t1)
	t1.Must(200, http.MethodPost, "/lamps", `{"name":"only here"}`)
	require.Equal(t, "[]", names(s))
	require.Contains(t, names(t1), "only here")
	require.Equal(t, "real", s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".mode"))
	require.Equal(t, "2026-06-01T00:00:00Z", t1.Must(200, http.MethodGet, "/_sim/clock", "").Text(".now"))

	token := []string{"Authorization", "Bearer " + made.Text(".tokens.lamps")}
	require.Contains(t, s.Must(200, http.MethodGet, "/lamps", "", token...).Body, "only here")
	host := s.Must(200, http.MethodGet, "/lamps", "", "Host", "t1.localhost")
	require.Contains(t, host.Body, "only here")
	require.Equal(t, "t1", host.Header.Get("X-Sim-World"))
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/lamps", "", "Host", "south.t1.localhost").Body)
}

func TestWorlds_SameSeedSameIds(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	id := func(body string) string {
		w := s.In(s.Must(201, http.MethodPost, "/_sim/worlds", body).Text(".name"))
		return w.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Text(".id")
	}
	first := id(`{"seed":7}`)
	require.Equal(t, first, id(`{"seed":7}`))
	require.NotEqual(t, first, id(`{"seed":8}`))
	s.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	other := id(`{"from":"c","seed":8}`)
	require.NotEqual(t, id(`{"from":"c"}`), other)
	require.Equal(t, other, id(`{"from":"default/c","seed":8}`))
}

func TestWorlds_Names(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	require.Equal(t, "w1", s.Must(201, http.MethodPost, "/_sim/worlds", "").Text(".name"))
	require.Equal(t, "w2", s.Must(201, http.MethodPost, "/_sim/worlds", "{}").Text(".name"))
	s.Must(200, http.MethodDelete, "/_sim/worlds/w1", "")
	require.Equal(t, "w1", s.Must(201, http.MethodPost, "/_sim/worlds", "").Text(".name"))
	s.Must(409, http.MethodPost, "/_sim/worlds", `{"name":"w1"}`)
	for _, bad := range []string{"-a", "a-", "A", "a.b", "a_b", strings.Repeat("a", 64)} {
		s.Must(400, http.MethodPost, "/_sim/worlds", fmt.Sprintf(`{"name":%q}`, bad))
	}
	list := s.Must(200, http.MethodGet, "/_sim/worlds", "")
	require.Equal(t, "default", list.Text(".worlds[0].name"))
	require.Equal(t, "w2", list.Text(".worlds[2].name"))
	require.Equal(t, "small", s.Must(200, http.MethodGet, "/_sim/worlds/w2", "").Text(".from"))
	require.Contains(t, s.Must(404, http.MethodGet, "/_sim/worlds/w9", "").Text(".detail"), `"w9"`)
	require.Contains(t, s.In("w9").Must(404, http.MethodGet, "/_sim/clock", "").Text(".detail"), `"w9"`)
}

func TestWorlds_InvalidRequestsCreateNone(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	require.Contains(t, s.Must(400, http.MethodPost, "/_sim/worlds", `{"Name":"a"}`).Text(".valid"), "cluster")
	require.Contains(t, s.Must(400, http.MethodPost, "/_sim/worlds", `{"from":"smal"}`).Text(".valid"), "small")
	require.Equal(t, `["north","south"]`, s.Must(400, http.MethodPost, "/_sim/worlds",
		`{"cluster":"west"}`).Text(".valid"))
	for _, body := range []string{`{"ttl":"0s"}`, `{"ttl":"soon"}`, `{"listen":"nowhere"}`, `{"seed":-1}`, `{"seed":"1"}`,
		`{} {}`, `[]`, `{"name":"a","name":"b"}`} {
		s.Must(400, http.MethodPost, "/_sim/worlds", body)
	}
	require.Nil(t, s.Must(200, http.MethodGet, "/_sim/worlds", "").Get(".worlds[1]"))
}

func TestWorlds_DefaultCluster(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"s","cluster":"south"}`)
	w := s.In("s")
	for range 2 {
		w.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`)
		list := w.Must(200, http.MethodGet, "/_sim/resources?kind=lamps.lamp", "")
		require.Equal(t, "south", list.Text(".resources[0].cluster"))
		w.Must(200, http.MethodPost, "/_sim/reset", "")
	}
}

func TestWorlds_LeakReport(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPost, "/lamps", `{"name":"before"}`)
	s.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t","from":"c"}`)
	lamp := s.In("t").Must(200, http.MethodPost, "/lamps", `{"name":"left"}`)
	gone := s.Must(200, http.MethodDelete, "/_sim/worlds/t", "")
	require.Equal(t, "lamps.lamp", gone.Text(".leaked[0].kind"))
	require.Equal(t, lamp.Text(".id"), gone.Text(".leaked[0].id"))
	require.Equal(t, "left", gone.Text(".leaked[0].name"))
	require.Nil(t, gone.Get(".leaked[1]"))
	s.Must(404, http.MethodDelete, "/_sim/worlds/t", "")
	s.In("t").Must(404, http.MethodGet, "/lamps", "")
	s.Must(409, http.MethodDelete, "/_sim/worlds/default", "")
}

func TestWorlds_Limit(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.MaxWorlds = 2 })
	s.Must(201, http.MethodPost, "/_sim/worlds", "")
	require.Contains(t, s.Must(429, http.MethodPost, "/_sim/worlds", "").Text(".detail"), "--max-worlds")
}

func TestCheckpoints_BringBackClockTimersAndIds(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	freeze(s)
	a := s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Text(".id")
	s.Must(200, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":"7s"}`)
	require.Equal(t, "2026-06-01T00:00:00Z", s.Must(200, http.MethodPut, "/_sim/checkpoints/c", "").Text(".now"))
	var second string
	for range 3 {
		b := s.Must(200, http.MethodPost, "/lamps", `{"name":"b"}`).Text(".id")
		if second == "" {
			second = b
		}
		require.Equal(t, second, b)
		moved := s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
		require.Equal(t, a, moved.Text(".fired[0].id"))
		require.Equal(t, "2026-06-01T00:00:07Z", moved.Text(".fired[1].at"))
		back := s.Must(200, http.MethodPost, "/_sim/checkpoints/c/restore", "")
		require.Equal(t, "2026-06-01T00:00:00Z", back.Text(".now"))
		require.Equal(t, "1", s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".timers"))
		s.Restart()
	}
	require.Equal(t, `["c"]`, s.Must(200, http.MethodGet, "/_sim/checkpoints", "").Text(".checkpoints"))
	require.Equal(t, `["c"]`, s.Must(404, http.MethodPost, "/_sim/checkpoints/d/restore", "").Text(".valid"))
	s.Must(200, http.MethodDelete, "/_sim/checkpoints/c", "")
	s.Must(404, http.MethodDelete, "/_sim/checkpoints/c", "")
}

// The tokens that a world was made with are part of its start, and so are its seed and cluster.
func TestReset_KeepsSettingsOfTheWorld(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	for _, from := range []string{"c", "small"} {
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t","seed":5,"cluster":"south","from":"`+from+`"}`)
		w := s.In("t")
		first := w.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Body
		w.Must(200, http.MethodPost, "/_sim/reset", "")
		require.Equal(t, first, w.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Body)
		list := w.Must(200, http.MethodGet, "/_sim/resources?kind=lamps.lamp", "")
		require.Equal(t, "south", list.Text(".resources[0].cluster"))
		s.Must(200, http.MethodDelete, "/_sim/worlds/t", "")
	}
}

func TestReset_ToStartCheckpointAndFixture(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`)
	s.Must(200, http.MethodPut, "/_sim/checkpoints/one", "")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t","from":"one"}`)
	w := s.In("t")
	w.Must(200, http.MethodPost, "/lamps", `{"name":"b"}`)
	w.Must(200, http.MethodPost, "/_sim/reset", `{}`)
	require.Contains(t, names(w), `"a"`)
	require.NotContains(t, names(w), `"b"`)
	w.Must(200, http.MethodPost, "/_sim/reset", `{"to":"small"}`)
	require.Equal(t, "[]", names(w))
	s.Must(200, http.MethodPost, "/_sim/reset", `{"to":"one"}`)
	require.Contains(t, names(s), `"a"`)
	require.Contains(t, s.Must(400, http.MethodPost, "/_sim/reset", `{"to":"two"}`).Text(".valid"), `["one",`)
	require.Contains(t, s.Must(400, http.MethodPost, "/_sim/reset", `{"too":"two"}`).Text(".valid"), "to")
}

// A world may have expired before the response to its creation, which describes what was created.
func TestWorlds_ShortestTTL(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for i := range 100 {
		name := fmt.Sprint("t", i)
		made := s.Must(201, http.MethodPost, "/_sim/worlds", fmt.Sprintf(`{"name":%q,"ttl":"1ns"}`, name))
		require.Equal(t, name, made.Text(".name"))
		require.Equal(t, "small", made.Text(".from"))
		require.Equal(t, "[]", made.Text(".checkpoints"))
		require.NotEmpty(t, made.Text(".tokens.lamps"))
	}
	made := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"u","ttl":"1ns","listen":"127.0.0.1:0"}`)
	require.NotEqual(t, s.URL, made.Text(".url"))
}

// A refusal names the missing world, which is not always the caller's.
func TestWorlds_MissingWorldIsNamed(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for _, call := range [][3]string{
		{http.MethodGet, "/_sim/worlds/w9", ""}, {http.MethodDelete, "/_sim/worlds/w9", ""},
		{http.MethodGet, "/_sim/idp/w9/jwks", ""},
	} {
		require.Contains(t, s.Must(404, call[0], call[1], call[2]).Text(".detail"), `world "w9" does not exist`, call)
	}
	w9 := s.In("w9")
	for _, call := range [][3]string{
		{http.MethodPost, "/_sim/reset", ""}, {http.MethodPut, "/_sim/checkpoints/c", ""},
		{http.MethodPost, "/_sim/checkpoints/c/restore", ""}, {http.MethodPut, "/_sim/state", "{}"},
	} {
		require.Contains(t, w9.Must(404, call[0], call[1], call[2]).Text(".detail"), `world "w9" does not exist`, call)
	}
}
