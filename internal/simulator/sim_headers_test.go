package simulator_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
	"storagesim/internal/store"
)

// The error responses after a panic of a handler and after a read timeout have the X-Sim headers and the vendor's
// format, over HTTP/1.1 and HTTP/2. The responses of net/http itself have no such headers (assumption 380).
func TestSimHeaders_PanicAndTimeout(t *testing.T) {
	var log bytes.Buffer
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) {
		c.TLSListen, c.Log = "127.0.0.1:0", zerolog.New(zerolog.SyncWriter(&log))
		c.Limits.ReadTimeout = 300 * time.Millisecond
		operations := c.Vendors[0].Service.Operations
		for i := range operations {
			if operations[i].Name == "PolishLamp" {
				operations[i].Endpoint = api.Handle(func(*store.Tx, *api.Request, *api.Empty) (api.Empty, error) {
					panic("too bright")
				})
			}
		}
	})
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	for _, version2 := range []bool{false, true} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(!version2)
		transport.Protocols.SetUnencryptedHTTP2(version2)
		s.Client = &http.Client{Transport: transport}
		a := s.In("t").Must(500, http.MethodPost, "/lamps/x/polish", "")
		id := a.Header.Get("X-Sim-Request-Id")
		require.Equal(t, "t", a.Header.Get("X-Sim-World"))
		require.NotEmpty(t, id)
		require.Contains(t, a.Text(".error"), id, "the id refers to the log")
		require.NotContains(t, a.Body, "bright")
		require.Equal(t, "500", s.Must(200, http.MethodGet, "/_sim/requests/"+id, "").Text(".status"))
		transport.CloseIdleConnections()
	}
	late := readAll(t, s, "POST /lamps HTTP/1.1\r\nHost: x\r\nX-Sim-World: t\r\nContent-Length: 10\r\n\r\n{")
	require.Contains(t, late, "HTTP/1.1 400")
	require.Contains(t, late, "X-Sim-Request-Id: req-")
	require.Contains(t, late, "X-Sim-World: t")

	for request, status := range map[string]string{
		"GET /lamps HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("a", 70<<10) + "\r\n\r\n": "431",
		"GET /lamps\r\n\r\n":                               "400",
		"GET /lamps HTTP/1.1\r\n\r\n":                      "400",
		"GET /lamps HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n": "400",
		"GET /lamps HTTP/9.9\r\nHost: x\r\n\r\n":           "505",
	} {
		own := readAll(t, s, request)
		require.True(t, strings.HasPrefix(own, "HTTP/1.1 "+status), "%.40q: %.80q", request, own)
		require.NotContains(t, own, "X-Sim-", "%.40q: if this is intended, correct docs/control-coverage.md", request)
	}
	plain := *s
	plain.URL = "http://" + strings.TrimPrefix(s.TLSURL, "https://")
	own := readAll(t, &plain, "GET /lamps HTTP/1.1\r\nHost: x\r\n\r\n")
	require.Contains(t, own, "400 Bad Request")
	require.Contains(t, own, "HTTPS")
	s.Close()
	require.Contains(t, log.String(), "too bright")
}

// The header Date of the vendors' responses shows the world's clock. The control surface is not part of the world.
func TestDate_ShowsTheWorldsClock(t *testing.T) {
	s := simtest.New(t)
	s.Record()
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2031-05-06T07:08:09.999Z"}`)
	const want = "Tue, 06 May 2031 07:08:09 GMT"
	for path, token := range map[string]string{
		"/api/v2/nodes": "Bearer x", "/api/v2/nodes?name=a&UUID=b": "Bearer x", "/api/v2/volumes": "", "/nowhere": "Bearer x",
	} {
		require.Equal(t, want, s.Do(http.MethodGet, path, "", "Authorization", token).Header.Get("Date"), path)
	}
	rule := `{"match":{"operation":"lightbits.ListNodes"},"effect":{"status":500}}`
	s.Must(200, http.MethodPut, "/_sim/faults/broken", rule)
	require.Equal(t, want, s.Must(500, http.MethodGet, "/api/v2/nodes", "", "Authorization",
		"Bearer x").Header.Get("Date"))
	require.NotContains(t, s.Must(200, http.MethodGet, "/_sim/clock", "").Header.Get("Date"), "2031")
	unknown := s.In("none").Do(http.MethodGet, "/api/v2/nodes", "", "Authorization", "Bearer x")
	require.NotContains(t, unknown.Header.Get("Date"), "2031")
}
