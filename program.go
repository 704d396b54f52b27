package storagesim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/simulator"
	"storagesim/internal/statemachine"
)

const inWorld = api.WorldPrefix

// dataDir begins the names of the data directories of shared simulators, which nothing removes when the test binary
// ends. The next one that starts removes those that no process uses.
const dataDir = "storagesim-test-"

// maxWorlds is how many worlds the tests of one binary can have at the same time.
const maxWorlds = 10_000

// closing bounds how long requests may continue when a simulator is closed.
const closing = 5 * time.Second

// program is a simulator in this process.
type program struct {
	sim    *simulator.Simulator
	url    string
	addr   string
	tlsURL string
	tls    string // the address of tlsURL
	ca     []byte
	worlds atomic.Uint64 // that were created
	// authorities has the certificate of ca.
	authorities *x509.CertPool
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
}

// shared holds the simulators that the tests of this binary share, by the profile of their delays.
//
//nolint:gochecknoglobals // one per process is the purpose
var shared struct {
	sync.Mutex

	programs map[statemachine.Profile]*program
}

func sharedProgram(profile statemachine.Profile) (*program, error) {
	shared.Lock()
	defer shared.Unlock()
	if p := shared.programs[profile]; p != nil {
		return p, nil
	}
	if shared.programs == nil {
		shared.programs = map[statemachine.Profile]*program{}
		simulator.RemoveUnused(dataDir)
	}
	dir, err := os.MkdirTemp("", dataDir+"*")
	if err != nil {
		return nil, err
	}
	config := configOf(profile)
	config.Data = dir
	p, err := newProgram(config)
	if err == nil {
		shared.programs[profile] = p
	}
	return p, err
}

// configOf returns the settings of a simulator for tests.
func configOf(profile statemachine.Profile) simulator.Config {
	config := simulator.Default()
	config.Listen, config.TLSListen = "127.0.0.1:0", "127.0.0.1:0"
	config.MaxWorlds, config.Delays = maxWorlds, profile
	return config
}

func newProgram(config simulator.Config) (*program, error) {
	sim, err := simulator.New(config)
	if err != nil {
		return nil, err
	}
	if err := sim.Open(); err != nil {
		return nil, fmt.Errorf("%w; %w", err, sim.Close(context.Background()))
	}
	p := &program{sim: sim, url: sim.URL(), tlsURL: sim.TLSURL(), dial: (&net.Dialer{}).DialContext}
	p.addr, p.tls = strings.TrimPrefix(p.url, "http://"), strings.TrimPrefix(p.tlsURL, "https://")
	if _, p.ca = p.call(http.MethodGet, "/_sim/ca.pem", "", nil); len(p.ca) == 0 {
		return nil, fmt.Errorf("no certificate authority: %w", sim.Close(context.Background()))
	}
	p.authorities = x509.NewCertPool()
	p.authorities.AppendCertsFromPEM(p.ca)
	return p, nil
}

func (p *program) close(tb TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if err := p.sim.Close(ctx); err != nil {
		tb.Errorf("storagesim: the simulator did not close: %v", err)
	}
}

// carrier is the transport of a world's Client. Each world has connections of its own: net/http repeats a request that
// fails on a connection which was used before, so what a fault does to a client must not depend on other tests.
type carrier struct {
	w    *World
	next *http.Transport
}

func newCarrier(w *World) carrier {
	return carrier{w, &http.Transport{
		DialContext: w.program.dial, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: w.program.authorities, MinVersion: tls.VersionTLS12},
	}}
}

// RoundTrip implements http.RoundTripper.
func (c carrier) RoundTrip(req *http.Request) (*http.Response, error) {
	if host := req.URL.Host; host != c.w.Addr && host != c.w.program.addr && host != c.w.program.tls {
		return c.next.RoundTrip(req)
	}
	own := req.Clone(req.Context())
	if req.Header.Get(api.HeaderWorld) == "" {
		own.Header.Set(api.HeaderWorld, c.w.Name)
	}
	if plan := c.w.plan.Load(); plan != nil && req.Header.Get(planHeader) == "" {
		own.Header.Set(planHeader, plan.id)
	}
	return c.next.RoundTrip(own)
}

// CloseIdleConnections is called by http.Client.CloseIdleConnections.
func (c carrier) CloseIdleConnections() { c.next.CloseIdleConnections() }

// DialContext connects to an address of the simulator. It is for clients with a transport of their own in a Bubble,
// where the network is in memory: set it as http.Transport.DialContext.
func (w *World) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return w.program.dial(ctx, network, address)
}
