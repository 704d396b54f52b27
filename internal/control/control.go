// Package control implements the control surface under /_sim: worlds, clocks, resources, faults, tokens and the
// journal. People and test suites use it to drive the simulator. Every port serves it next to the vendors' APIs. Its
// calls are not in the journal, trigger no faults, and change a clock only on request.
//
// Each call is a Row. The listing of calls and the OpenAPI document are made from the rows, so they match what is
// served. Input is checked strictly: unknown members, parameters and values are errors, and the error lists the valid
// ones.
package control

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"storagesim/internal/api"
	"storagesim/internal/fault"
	"storagesim/internal/fixture"
	"storagesim/internal/idp"
	"storagesim/internal/nearest"
	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Prefix is the path prefix of the control surface on every port.
const Prefix = "/_sim"

// maxBody is the maximum size of a request body, in bytes.
const maxBody = 1 << 20

// maxNewWorld is that of POST /_sim/worlds, in which a state may be. PUT /_sim/state takes larger ones.
const maxNewWorld = 8 << 20

// Config holds the dependencies and settings of the control surface.
type Config struct {
	DB      *store.DB
	Engine  *statemachine.Engine
	Journal *api.Journal
	Faults  *fault.Injector
	Vendors []api.Vendor
	Log     zerolog.Logger
	Version string
	// AdminToken, if not empty, is the bearer token of every call whose Row is not Open.
	AdminToken string
	// MaxWorlds is the maximum number of worlds, including the default world.
	MaxWorlds int
	// Seed and Fixture are the defaults for new worlds.
	Seed    uint64
	Fixture string
	// FixtureSum is the checksum of the fixture's file; empty for a built-in fixture.
	FixtureSum string
	// Settings are the program's, which hold in a world that has none of its own.
	Settings api.WorldSettings
	// Fixtures are the names that Base accepts, sorted.
	Fixtures []string
	// Base stores the state of a fixture unless it is stored already. It returns the name of the state in the store and
	// the seed of the state: the given seed, or the fixture's own if the fixture is an exported world.
	Base func(fixture string, seed uint64) (base string, actual uint64, err error)
	// States exports worlds to documents and loads them.
	States *fixture.Worlds
	// Listen opens a port for a world and returns its address. Unlisten closes the port after its running requests.
	Listen   func(world, address string) (actual string, err error)
	Unlisten func(world string)
	// Expiring is called with the wall time at which a new world expires.
	Expiring func(at time.Time)
	// Pending returns why the program is not ready; it returns nothing if the program is ready.
	Pending func() []string
	// CA is the CA certificate of the TLS listener in PEM; nil without a TLS listener.
	CA []byte
	// Metrics returns the program's metrics in the Prometheus text format.
	Metrics func() (text []byte, contentType string, err error)
	// SigningKey signs the tokens of the identity provider.
	SigningKey *signing.Key
	// Wall returns the time of the wall clock, which uptime and the expiry of worlds use.
	Wall func() time.Time
	// URL returns the address at which scenarios reach the program; nil if scenarios must not run.
	URL func() string
	// Heartbeat is the real time between the heartbeats of an event stream.
	Heartbeat time.Duration
	// EventQueue is the maximum number of events that wait for a slow reader of an event stream.
	EventQueue int
}

// Control serves the calls. Use New to create one.
type Control struct {
	Config
	started time.Time
	ids     atomic.Uint64
	making  sync.Mutex    // one world is created at a time, so that the limit and the free names hold
	loading chan struct{} // holds a value for each document that is being parsed or made, so that memory is bounded
	issuer  *idp.Issuer
	rows    []Row
	paths   []string

	events    *eventBus
	scenarios scenarios
	stopping  chan struct{}
	stop      func() // closes stopping
}

// New creates the control surface.
func New(c Config) *Control {
	ctl := &Control{Config: c, started: c.Wall(), rows: operations, issuer: idp.New(c.SigningKey)}
	for i := range ctl.rows {
		ctl.paths = append(ctl.paths, ctl.rows[i].Path)
	}
	ctl.stopping, ctl.loading = make(chan struct{}), make(chan struct{}, maxLoading)
	ctl.stop = sync.OnceFunc(func() { close(ctl.stopping) })
	ctl.events = newEventBus(c.Wall, c.EventQueue)
	ctl.events.attach(&ctl.Config)
	return ctl
}

// Stop ends running scenarios and event streams. It may be called more than once.
func (c *Control) Stop() {
	c.scenarios.stop()
	c.stop()
}

// Mount registers the calls under Prefix, and the metrics at MetricsPath.
func (c *Control) Mount(outer chi.Router) {
	router := chi.NewRouter()
	for i := range c.rows {
		if c.rows[i].Path == MetricsPath {
			c.mountMetrics(outer, &c.rows[i])
			continue
		}
		if c.rows[i].Path == Prefix {
			c.mountRow(outer, "/", &c.rows[i])
		}
		c.mountRow(router, strings.TrimPrefix(c.rows[i].Path, Prefix), &c.rows[i])
	}
	router.NotFound(c.serve(&Row{Name: "Unknown", Open: true, Endpoint: query(unknownPath)}))
	router.MethodNotAllowed(
		c.serve(&Row{Name: "WrongMethod", Open: true, Endpoint: query(func(_ *Control, r *call) (api.Empty, error) {
			return api.Empty{}, wrongMethod(router, r.http)
		})}))
	outer.Mount(Prefix, router)
}

// Owns reports whether a path belongs to the control surface.
func Owns(path string) bool {
	return path == "/" || path == MetricsPath || path == Prefix || strings.HasPrefix(path, Prefix+"/")
}

// mountRow registers a call at a path. Each GET is a HEAD as well, whose body net/http leaves out.
func (c *Control) mountRow(router chi.Router, path string, row *Row) {
	if path == "" {
		path = "/"
	}
	router.Method(row.Method, path, c.serve(row))
	if row.Method == http.MethodGet {
		router.Method(http.MethodHead, path, c.serve(row))
	}
}

func unknownPath(c *Control, r *call) (api.Empty, error) {
	return api.Empty{}, &Problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("unknown path %s", r.http.URL.Path),
		Valid: nearest.To(r.http.URL.Path, c.paths)}
}

func wrongMethod(routes chi.Routes, req *http.Request) error {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if routes.Match(chi.NewRouteContext(), m, strings.TrimPrefix(req.URL.Path, Prefix)) {
			allowed = append(allowed, m)
		}
	}
	return &Problem{Status: http.StatusMethodNotAllowed, Valid: allowed,
		Detail: fmt.Sprintf("%s does not support the method %s", req.URL.Path, req.Method)}
}

// vendor returns the vendor with the name.
func (c *Control) vendor(name string) (*api.Vendor, error) {
	for i := range c.Vendors {
		if c.Vendors[i].Service.Vendor == name {
			return &c.Vendors[i], nil
		}
	}
	valid := make([]string, len(c.Vendors))
	for i := range c.Vendors {
		valid[i] = c.Vendors[i].Service.Vendor
	}
	return nil, &strict.Error{Path: "vendor", Detail: fmt.Sprintf("%q is not a vendor", name), Valid: valid}
}
