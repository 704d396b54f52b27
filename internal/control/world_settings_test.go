package control_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const (
	nodesPath = "/api/v2/nodes"
	oneVolume = `{"name":"v","size":"4 GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`
)

var opaque = []string{"Authorization", "Bearer x"}

// afterwards runs check on the world s as it was created, after a reset, after a reset to a fixture, and on a fork.
func afterwards(t *testing.T, s *simtest.Server, check func(t *testing.T, w *simtest.Server)) {
	t.Helper()
	t.Run("created", func(t *testing.T) { check(t, s) })
	s.Must(200, http.MethodPost, "/_sim/reset", "")
	t.Run("reset", func(t *testing.T) { check(t, s) })
	s.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	fork := s.Must(201, http.MethodPost, "/_sim/worlds", `{"from":"c"}`).Text(".name")
	t.Run("fork", func(t *testing.T) { check(t, s.In(fork)) })
}

func TestCreateWorld_Clock(t *testing.T) {
	s := simtest.New(t)
	made := s.Must(201, http.MethodPost, "/_sim/worlds",
		`{"name":"t","clock":{"mode":"frozen","now":"1999-01-02T03:04:05Z"},"auth":"strict"}`)
	afterwards(t, s.In("t"), func(t *testing.T, w *simtest.Server) {
		clock := w.Must(200, http.MethodGet, "/_sim/clock", "")
		require.Equal(t, "frozen", clock.Text(".mode"))
		require.Equal(t, "1999-01-02T03:04:05Z", clock.Text(".now"))
	})
	s.In("t").Must(200, http.MethodGet, nodesPath, "", "Authorization", "Bearer "+made.Text(".tokens.lightbits"))
	t.Run("a running clock goes on from the instant", func(t *testing.T) {
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"u","clock":{"rate":2,"now":"2040-01-01T00:00:00Z"}}`)
		clock := s.In("u").Must(200, http.MethodGet, "/_sim/clock", "")
		require.Equal(t, "real 2", clock.Text(".mode")+" "+clock.Text(".rate"))
		require.Contains(t, clock.Text(".now"), "2040-01-01T")
	})
	t.Run("a fork's clock moves ahead and fires what is due", func(t *testing.T) {
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"v","clock":{"mode":"frozen","now":"2030-01-01T00:00:00Z"}}`)
		v := s.In("v")
		v.Must(200, http.MethodPost, volumesPath, oneVolume, opaque...)
		v.Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
		v.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"later","from":"c","clock":{"now":"2031-01-01T00:00:00Z"}}`)
		require.Contains(t, s.In("later").Must(200, http.MethodGet, volumesPath, "", opaque...).Body, `"Available"`)
		require.Contains(t, v.Must(200, http.MethodGet, volumesPath, "", opaque...).Body, `"Creating"`)
		bad := v.Must(400, http.MethodPost, "/_sim/worlds", `{"from":"c","clock":{"now":"2029-01-01T00:00:00Z"}}`)
		require.Contains(t, bad.Text(".detail"), "clock.now")
	})
}

func TestCreateWorld_Delays(t *testing.T) {
	s := simtest.New(t)
	s.Must(201, http.MethodPost, "/_sim/worlds",
		`{"name":"t","delays":{"lightbits.volume.create":"held","lightbits.volume.delete":{"uniform":["1s","3s"]}}}`)
	afterwards(t, s.In("t"), func(t *testing.T, w *simtest.Server) {
		delays := w.Must(200, http.MethodGet, "/_sim/delays", "")
		require.Contains(t, delays.Body, `"lightbits.volume.create":"held"`)
		require.Contains(t, delays.Body, `"lightbits.volume.delete":{"uniform":["1s","3s"]}`)
	})
	require.NotContains(t, s.Must(200, http.MethodGet, "/_sim/delays", "").Body, `"lightbits.volume.create":"held"`)
}

func TestCreateWorld_Auth(t *testing.T) {
	s := simtest.New(t, func(c *simulator.Config) { c.Auth = "off" })
	requests := []struct{ path, header, value string }{
		{nodesPath, "Authorization", "Bearer x"},           // Lightbits
		{"/api/v1/workflows", "Authorization", "Bearer x"}, // DMS
		{"/v1/domains", "Authorization", "Bearer x"},       // LucidLink
	}
	check := func(mode string, without, with int) {
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"`+mode+`","auth":"`+mode+`"}`)
		afterwards(t, s.In(mode), func(t *testing.T, w *simtest.Server) {
			for _, q := range requests {
				w.Must(without, http.MethodGet, q.path, "")
				w.Must(with, http.MethodGet, q.path, "", q.header, q.value)
			}
			name := w.Must(200, http.MethodGet, "/_sim/clock", "").Header.Get("X-Sim-World")
			require.Equal(t, mode, w.Must(200, http.MethodGet, "/_sim/worlds/"+name, "").Text(".auth"))
		})
	}
	check("strict", 401, 401)
	check("lenient", 401, 200)
	check("off", 200, 200)
	require.Equal(t, "off", s.Must(200, http.MethodGet, "/_sim/worlds/default", "").Text(".auth"))
	s.Must(200, http.MethodGet, nodesPath, "")
}

func TestCreateWorld_Federation(t *testing.T) {
	const path = "/api/v2/clusters"
	for _, preset := range []bool{true, false} {
		s := simtest.New(t, func(c *simulator.Config) { c.Federation = preset })
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"with","federation":true}`)
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"without","federation":false}`)
		afterwards(t, s.In("with"), func(t *testing.T, w *simtest.Server) {
			w.Must(200, http.MethodGet, path, "", opaque...)
		})
		afterwards(t, s.In("without"), func(t *testing.T, w *simtest.Server) {
			w.Must(501, http.MethodGet, path, "", opaque...)
			w.Must(501, http.MethodPost, path, "{}", opaque...)
		})
		require.Equal(t, "true", s.Must(200, http.MethodGet, "/_sim/worlds/with", "").Text(".federation"))
		require.Equal(t, "false", s.Must(200, http.MethodGet, "/_sim/worlds/without", "").Text(".federation"))
	}
}

func TestCreateWorld_State(t *testing.T) {
	s := simtest.New(t)
	made := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t","seed":5,"auth":"strict",
		"clock":{"mode":"frozen","now":"2026-06-01T00:00:00Z"},
		"state":{"lightbits":{"clusters":[{"name":"east"}]}}}`)
	require.Equal(t, "5", made.Text(".seed"))
	token := []string{"Authorization", "Bearer " + made.Text(".tokens.lightbits")}
	w := s.In("t")
	for range 2 {
		require.Contains(t, w.Must(200, http.MethodGet, "/api/v2/cluster", "", token...).Body, "east")
		require.Equal(t, "2026-06-01T00:00:00Z", w.Must(200, http.MethodGet, "/_sim/clock", "").Text(".now"))
		w.Must(200, http.MethodPost, "/_sim/reset", "")
	}
	t.Run("an exact world", func(t *testing.T) {
		w.Must(200, http.MethodPost, volumesPath, oneVolume, token...)
		exported := w.Must(200, http.MethodGet, "/_sim/state", "").Body
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"copy","state":`+exported+`}`)
		list := w.Must(200, http.MethodGet, volumesPath, "", token...).Body
		token := []string{"Authorization", "Bearer " + made.Text(".tokens.lightbits"), "X-Sim-World", "copy"}
		require.Equal(t, list, s.Must(200, http.MethodGet, volumesPath, "", token...).Body)
		refused := s.Must(400, http.MethodPost, "/_sim/worlds", `{"seed":1,"state":`+exported+`}`)
		require.Contains(t, refused.Text(".detail"), "seed: ")
	})
}

func TestCreateWorld_InvalidMembersCreateNone(t *testing.T) {
	s := simtest.New(t)
	for body, path := range map[string]string{
		`{"clock":{"now":"tomorrow"}}`:                            "clock.now: ",
		`{"clock":{"mode":"slow"}}`:                               "clock.mode: ",
		`{"clock":{"rate":-1}}`:                                   "clock.rate: ",
		`{"clock":{"nwo":"2030-01-01T00:00:00Z"}}`:                "clock.nwo: ",
		`{"delays":{"lightbits.volume.creat":"5s"}}`:              "delays.lightbits.volume.creat: ",
		`{"delays":{"lightbits.volume.create":"soon"}}`:           "delays.lightbits.volume.create: ",
		`{"auth":"loose"}`:                                        "auth: ",
		`{"federation":"on"}`:                                     "federation: ",
		`{"maxRunningWorkflows":0}`:                               "maxRunningWorkflows: ",
		`{"state":[]}`:                                            "state: ",
		`{"state":{"lightbit":{}}}`:                               "state.lightbit: ",
		`{"state":{"lightbits":{"clusters":[{"nam":"a"}]}}}`:      "state.lightbits.clusters[0].nam: ",
		`{"from":"small","state":{}}`:                             "state: ",
		`{"cluster":"west9","clock":{"mode":"frozen"},"seed":12}`: "west9",
	} {
		require.Contains(t, s.Must(400, http.MethodPost, "/_sim/worlds", body).Text(".detail"), path, body)
	}
	require.Nil(t, s.Must(200, http.MethodGet, "/_sim/worlds", "").Get(".worlds[1]"))
}

func TestCreateWorld_Tokens(t *testing.T) {
	s := simtest.New(t)
	require.Len(t, s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"with"}`).Get(".tokens"), 4)
	made := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"without","auth":"strict","tokens":false}`)
	require.Empty(t, made.Get(".tokens"))
	w := s.In("without")
	w.Must(401, http.MethodGet, nodesPath, "", opaque...)
	later := w.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lightbits"}`).Text(".token")
	w.Must(200, http.MethodGet, nodesPath, "", "Authorization", "Bearer "+later)
}
