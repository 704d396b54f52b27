package simulator_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

func TestWorldURL_PathPrefix(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	url := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t1"}`).Text(".url")
	require.Equal(t, s.URL+"/_sim/in/t1", url)
	require.Equal(t, s.URL, s.Must(200, http.MethodGet, "/_sim/worlds/default", "").Text(".url"))

	made := s.Must(200, http.MethodPost, url+"/lamps", `{"name":"here"}`)
	require.Equal(t, "t1", made.Header.Get("X-Sim-World"))
	require.Contains(t, s.Must(200, http.MethodGet, url+"/lamps", "").Body, "here")
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/lamps", "").Body)
	s.Must(200, http.MethodPut, url+"/_sim/clock", `{"mode":"frozen"}`)
	require.Equal(t, "frozen", s.Must(200, http.MethodGet, "/_sim/clock", "", "X-Sim-World", "t1").Text(".mode"))
	require.Equal(t, "real", s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".mode"))
	require.Equal(t, url, s.Must(200, http.MethodGet, url+"/_sim/worlds/t1", "").Text(".url"))

	t.Run("the prefix is stronger than a header, a token and a host", func(t *testing.T) {
		for _, header := range [][]string{{"X-Sim-World", "default"}, {"Authorization", "sim.default.0s"},
			{"Host", "default.localhost"}} {
			got := s.Must(200, http.MethodGet, url+"/lamps", "", header...)
			require.Equal(t, "t1", got.Header.Get("X-Sim-World"), header)
		}
	})
	t.Run("URLs in responses keep it", func(t *testing.T) {
		document := s.Must(200, http.MethodGet, url+"/_sim/idp/t1/.well-known/openid-configuration", "")
		require.Equal(t, url+"/_sim/idp/t1", document.Text(".issuer"))
		s.Must(200, http.MethodGet, document.Text(".jwks_uri"), "")
	})
	t.Run("escaped paths", func(t *testing.T) {
		got := s.Must(404, http.MethodDelete, url+"/_sim/checkpoints/a%2Fb", "")
		require.Equal(t, "t1", got.Header.Get("X-Sim-World"))
		require.Contains(t, got.Text(".detail"), "a/b")
	})
	t.Run("no world", func(t *testing.T) {
		require.Contains(t, s.Must(404, http.MethodGet, "/_sim/in/t9/lamps", "").Body, `world \"t9\" does not exist`)
		s.Must(404, http.MethodGet, "/_sim/in/t9/_sim/clock", "")
		s.Must(404, http.MethodGet, "/_sim/in/", "")
		s.Must(404, http.MethodGet, url+"/_sim/in/t1/lamps", "")
	})
}

func TestWorldURL_Domain(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.WorldDomain = "sim.internal" })
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t1"}`)
	for host, world := range map[string]string{
		"t1.sim.internal": "t1", "T1.Sim.Internal:8080": "t1", "south.t1.sim.internal": "t1", "south.t1.localhost": "t1",
		"sim.internal": "default", "sim.internal.example": "default", "lb-resolver": "default", "xsim.internal": "default",
	} {
		require.Equal(t, world, s.Must(200, http.MethodGet, "/lamps", "", "Host", host).Header.Get("X-Sim-World"), host)
	}
	for _, host := range []string{"t9.sim.internal", "a.b.t1.sim.internal", "t9.localhost", "a.b.t1.localhost"} {
		require.Contains(t, s.Must(404, http.MethodGet, "/lamps", "", "Host", host).Body, "does not exist", host)
		s.Must(404, http.MethodGet, "/_sim/clock", "", "Host", host)
	}
	entry := s.Must(200, http.MethodGet, "/_sim/worlds/default", "", "Host", "west.t1.sim.internal:80")
	require.Equal(t, "http://default.sim.internal:80", entry.Text(".url"))
	entry = s.Must(200, http.MethodGet, "/_sim/worlds/t1", "", "Host", "default.localhost:80")
	require.Equal(t, "http://t1.localhost:80", entry.Text(".url"))
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestGzip_Requests(t *testing.T) {
	s := simtest.New(t)
	s.Header.Set("Authorization", "Bearer x")
	encoded := func(name string) []string { return []string{"Content-Encoding", name} }
	for name, encoding := range map[string]string{"a": "gzip", "b": "x-gzip", "c": "GZIP"} {
		s.Must(200, http.MethodPost, volumesURL, gzipped(t, volume(name)), encoded(encoding)...)
	}
	s.Must(200, http.MethodPost, volumesURL, volume("plain"), encoded("identity")...)
	s.Must(201, http.MethodPost, "/_sim/worlds", gzipped(t, `{"name":"t1"}`), encoded("gzip")...)
	s.Must(200, http.MethodPut, "/_sim/state", gzipped(t, `{"lightbits":{"clusters":[{"name":"east"}]}}`),
		encoded("gzip")...)

	t.Run("the journal has the decompressed body", func(t *testing.T) {
		s.Must(200, http.MethodPost, volumesURL, gzipped(t, volume("kept")), encoded("gzip")...)
		require.Contains(t, s.Must(200, http.MethodGet, "/_sim/requests?limit=1", "").Body, `\"name\":\"kept\"`)
	})
	paths := map[string]string{"vendor": volumesURL, "control": "/_sim/worlds"}
	for surface, path := range paths {
		t.Run("a bomb is too large for the "+surface, func(t *testing.T) {
			bomb := gzipped(t, strings.Repeat(" ", 65<<20))
			require.Less(t, len(bomb), 1<<20)
			s.Must(413, http.MethodPost, path, bomb, encoded("gzip")...)
		})
		t.Run("damage is refused by the "+surface, func(t *testing.T) {
			s.Must(400, http.MethodPost, path, "no gzip", encoded("gzip")...)
			s.Must(400, http.MethodPost, path, gzipped(t, volume("cut"))[:30], encoded("gzip")...)
		})
		t.Run("another encoding is refused by the "+surface, func(t *testing.T) {
			refused := s.Must(415, http.MethodPost, path, "x", encoded("br")...)
			require.Equal(t, "gzip", refused.Header.Get("Accept-Encoding"))
			require.Contains(t, refused.Body, "br")
			s.Must(415, http.MethodPost, path, "x", encoded("gzip, gzip")...)
		})
	}
}

// Paths with a prefix, hosts of the domain and compressed bodies are recorded as they were sent.
func TestRecord_WorldURLsAndGzip(t *testing.T) {
	s, file := newRecorded(t, func(c *simulator.Config) { c.WorldDomain = "sim.internal" })
	s.Header.Set("Authorization", "Bearer x")
	url := s.Must(201, http.MethodPost, "/_sim/worlds",
		`{"name":"t1","clock":{"mode":"frozen"},"auth":"strict"}`).Text(".url")
	s.Must(401, http.MethodPost, url+volumesURL, volume("a"))
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t2","state":{"lightbits":{"clusters":[{"name":"east"}]}}}`)
	s.Must(200, http.MethodPost, volumesURL, volume("a"), "Host", "t2.sim.internal")
	s.Must(200, http.MethodPost, s.URL+"/_sim/in/t2"+volumesURL, gzipped(t, volume("b")), "Content-Encoding", "gzip")
	s.Must(415, http.MethodPost, volumesURL, "x", "Content-Encoding", "br")
	s.Must(200, http.MethodGet, s.URL+"/_sim/in/t2"+volumesURL, "")
	s.Close()
	requireSameReplay(t, file, 7)
}
