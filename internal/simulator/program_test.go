package simulator_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const frozen = `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`

func TestRestart_ContinuesPendingAndHeldTransitions(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/clock", frozen)
	pending := s.Must(200, http.MethodPost, "/lamps", `{"name":"pending"}`).Text(".id")
	s.Must(200, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":"held"}`)
	held := s.Must(200, http.MethodPost, "/lamps", `{"name":"held"}`).Text(".id")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"299ms"}`)
	s.Restart()
	require.Equal(t, "Made", s.Must(200, http.MethodGet, "/lamps/"+pending, "").Text(".state"))
	fired := s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1ms"}`)
	require.Equal(t, pending, fired.Text(".fired[0].id"))
	require.Nil(t, fired.Get(".fired[1]"))
	s.Restart()
	require.Equal(t, "Made", s.Must(200, http.MethodGet, "/lamps/"+held, "").Text(".state"))
	require.Equal(t, "Lit", s.Must(200, http.MethodPost, "/_sim/resources/lamps.lamp/"+held+"/release", "").Text(".state"))
}

func TestRestart_RealClockCatchesUp(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":"1ms"}`)
	id := s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Text(".id")
	s.Restart()
	until := `{"until":{"kind":"lamps.lamp","id":"` + id + `","state":"Lit"}}`
	s.Must(200, http.MethodPost, "/_sim/clock/advance", until)
}

func TestSameSeed_SameBytes(t *testing.T) {
	run := func(seed uint64) string {
		s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Seed = seed })
		s.Must(200, http.MethodPut, "/_sim/clock", frozen)
		a := s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`)
		return a.Body + s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1h"}`).Body
	}
	first := run(1)
	require.Equal(t, first, run(1))
	require.NotEqual(t, first, run(2))
}

// The server's certificate is signed by the CA of GET /_sim/ca.pem, for HTTP/1.1 and HTTP/2, and survives a restart.
func TestTLS_HTTP1AndHTTP2(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.TLSListen = "127.0.0.1:0" })
	ca := s.Must(200, http.MethodGet, "/_sim/ca.pem", "").Body
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(ca)))
	get := func(h2 bool) (major int, leaf *x509.Certificate) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP2(h2)
		transport.Protocols.SetHTTP1(!h2)
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport, Timeout: simtest.Patience}).Get(s.TLSURL + "/lamps")
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode)
		return resp.ProtoMajor, resp.TLS.PeerCertificates[0]
	}
	major, _ := get(true)
	require.Equal(t, 2, major)
	major, leaf := get(false)
	require.Equal(t, 1, major)
	for _, host := range []string{"localhost", "t1.localhost", "127.0.0.1", "::1", "host.docker.internal"} {
		require.NoError(t, leaf.VerifyHostname(host))
	}
	s.Restart()
	require.Equal(t, ca, s.Must(200, http.MethodGet, "/_sim/ca.pem", "").Body)
	major, _ = get(false)
	require.Equal(t, 1, major)
}

func TestPlainHTTP2(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: simtest.Patience}).Get(s.URL + "/lamps")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 2, resp.ProtoMajor)
}

func lampConfig(t *testing.T, dir string) simulator.Config {
	c := simulator.Default()
	c.Fixture = simtest.EmptyFixture(t)
	c.Listen, c.TLSListen, c.Data = "127.0.0.1:0", "", dir
	simtest.ToyVendor(&c)
	return c
}

func TestWorld_OwnListener(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	own := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t","listen":"127.0.0.1:0"}`).Text(".url")
	require.NotEqual(t, s.URL, own)
	require.Equal(t, "t", s.Must(200, http.MethodPost, own+"/lamps", `{"name":"here"}`).Header.Get("X-Sim-World"))
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/lamps", "").Body)

	s.Restart()
	again := s.Must(200, http.MethodGet, "/_sim/worlds/t", "").Text(".url")
	require.Contains(t, s.Must(200, http.MethodGet, again+"/lamps", "").Body, "here")
	s.Close()
	taken, err := net.Listen("tcp", strings.TrimPrefix(again, "http://"))
	require.NoError(t, err)
	defer taken.Close()
	s.Open()
	moved := s.Must(200, http.MethodGet, "/_sim/worlds/t", "").Text(".url")
	require.NotEqual(t, again, moved)
	require.Contains(t, s.Must(200, http.MethodGet, moved+"/lamps", "").Body, "here")

	s.Must(200, http.MethodDelete, "/_sim/worlds/t", "")
	_, err = net.DialTimeout("tcp", strings.TrimPrefix(moved, "http://"), simtest.Patience)
	require.Error(t, err)
}

// When a world expires, idle connections on its own port are closed.
func TestWorld_TimeToLive(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	made := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t","ttl":"200ms","listen":"127.0.0.1:0"}`)
	conn := simtest.Dial(t, made.Text(".url"))
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the world's port is still open")
	s.Must(404, http.MethodGet, "/_sim/worlds/t", "")

	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"u","ttl":"1ns"}`)
	s.Restart()
	s.Must(404, http.MethodGet, "/_sim/worlds/u", "")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"v","ttl":"1h"}`)
	s.Restart()
	s.Must(200, http.MethodGet, "/_sim/worlds/v", "")
}

// readAll sends a request on a new connection and returns everything up to the end of the connection.
func readAll(t *testing.T, s *simtest.Server, request string) string {
	conn := simtest.Dial(t, s.URL)
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	text, err := io.ReadAll(conn)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the server did not close the connection")
	return string(text)
}

func TestLimits(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodGet, "/lamps", "", "X-Long", strings.Repeat("a", 60<<10))
	s.Must(431, http.MethodGet, "/lamps", "", "X-Long", strings.Repeat("a", 70<<10))

	quick := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) {
		c.Limits.ReadHeaderTimeout, c.Limits.ReadTimeout = 10*time.Millisecond, 20*time.Millisecond
		c.Limits.IdleTimeout = 10 * time.Millisecond
	})
	require.Empty(t, readAll(t, quick, "GET /lamps HTTP/1.1\r\nHost: x\r\n"), "incomplete header")
	body := readAll(t, quick, "POST /lamps HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
	require.Contains(t, body, "400", "incomplete body")
	require.Contains(t, readAll(t, quick, "GET /lamps HTTP/1.1\r\nHost: x\r\n\r\n"), "200", "idle connection")
}

func TestJournal_IsBounded(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Limits.JournalCount = 2 })
	for range 3 {
		s.Must(200, http.MethodGet, "/lamps", "")
	}
	require.Equal(t, "1", s.Must(200, http.MethodGet, "/_sim/requests", "").Text(".dropped"))
}

func TestRestart_RequestIDsContinue(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"f","match":{"operation":"lamps.ListLamps"},"when":{"times":1},"force":true,"effect":{"status":500}}`)
	require.Equal(t, "req-1", s.Must(500, http.MethodGet, "/lamps", "").Header.Get("X-Sim-Request-Id"))
	s.Restart()
	require.Equal(t, "req-1", s.Must(200, http.MethodGet, "/_sim/faults/f", "").Text(".lastHitRequest"))
	require.Equal(t, "req-2", s.Must(200, http.MethodGet, "/lamps", "").Header.Get("X-Sim-Request-Id"))
	s.Must(404, http.MethodGet, "/_sim/requests/req-1", "")
}

func TestFixture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hall.yaml")
	require.NoError(t, os.WriteFile(file, []byte("lamps:\n  lamps:\n    - name: first\n"), 0o600))
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Fixture = file })
	require.Equal(t, "first", s.Must(200, http.MethodGet, "/lamps", "").Text(".[0].name"))
	resources := s.Must(200, http.MethodGet, "/_sim/resources", "")
	require.Equal(t, "2026-01-01T00:00:00Z", resources.Text(".resources[0].since"))
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"u","from":"hall","seed":2}`)
	other := s.In("u").Must(200, http.MethodGet, "/lamps", "")
	require.NotEqual(t, resources.Text(".resources[0].id"), other.Text(".[0].id"))
	refused := s.Must(400, http.MethodPost, "/_sim/worlds", `{"from":"small"}`)
	require.Contains(t, refused.Text(".detail"), "small.yaml: line", "small is for the product's vendors")
}

func TestNew_InvalidFixture(t *testing.T) {
	dir := t.TempDir()
	for text, message := range map[string]string{
		"lamps:\n  lamps:\n    - name: a\n    - label: b\n": "line 4: lamps.lamps[1].label: is not a member of this " +
			"object; valid: name",
		"lamps: {}\nlights: {}\n": "line 2: lights: is not a section of a fixture; valid: lamps",
		"lamps: {\n":              "line 1",
		"lamps: 3\n":              "line 1: lamps: must be",
		"lamps: {}\nlamps: {}\n":  "line 2",
	} {
		data := filepath.Join(dir, "data")
		config := lampConfig(t, data)
		config.Fixture = filepath.Join(dir, "hall.yaml")
		require.NoError(t, os.WriteFile(config.Fixture, []byte(text), 0o600))
		_, err := simulator.New(config)
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), "\n")
		require.NoDirExists(t, data, text)
	}
	config := lampConfig(t, dir)
	config.Fixture = "smal"
	_, err := simulator.New(config)
	require.ErrorContains(t, err, "small")
}

func TestRestart_KeepsWorlds(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Data = t.TempDir() })
	made := s.Must(201, http.MethodPost, "/_sim/worlds", "").Text(".name")
	s.Restart()
	s.Must(200, http.MethodGet, "/_sim/worlds/"+made, "")
}

func TestNew_DataDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	first, err := simulator.New(lampConfig(t, dir))
	require.NoError(t, err)
	_, err = simulator.New(lampConfig(t, dir))
	require.ErrorContains(t, err, "another process has the file open")
	require.NoError(t, first.Close(t.Context()))
}

// A damaged file is an error, and is left as it is.
func TestNew_DamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "simulator.db")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("rust", 10_000)), 0o600))
	_, err := simulator.New(lampConfig(t, dir))
	require.ErrorContains(t, err, "damaged")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Len(t, text, 40_000)
}

func TestOpen_AddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	config := lampConfig(t, t.TempDir())
	config.Listen = taken.Addr().String()
	s, err := simulator.New(config)
	require.NoError(t, err)
	require.ErrorContains(t, s.Open(), taken.Addr().String())
	require.NoError(t, s.Close(t.Context()))
}

// A request that has begun gets its response although the simulator closes meanwhile.
func TestClose_LetsRequestsFinish(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	conn := simtest.Dial(t, s.URL)
	body := `{"name":"late"}`
	fmt.Fprintf(conn, "POST /lamps HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	response := bufio.NewReader(conn)
	line, err := response.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue", "the handler reads the body now")
	_, err = response.ReadString('\n')
	require.NoError(t, err)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.Close()
	}()
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	resp, err := http.ReadResponse(response, nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	var made struct{ Name string }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&made))
	require.Equal(t, "late", made.Name)
	simtest.Receive(t, "end of Close", closed)
	s.Open()
	require.Contains(t, s.Must(200, http.MethodGet, "/lamps", "").Body, "late")
}
