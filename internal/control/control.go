// Package control is the surface under /_sim: worlds, time, things, tokens and the journal, for the people and suites
// that drive the simulator. It exists beside the vendors' APIs on every port; its calls are in no vendor's journal,
// trigger no faults and move no clock but on request.
//
// Each call is a Row, so that the listing and the documents are read from what is served. It is strict to write to:
// what it does not know is refused, and the refusal names what would be right.
package control

import (
	"fmt"
	"net/http"
	"regexp"
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
	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Prefix is where the control surface lies on every port.
const Prefix = "/_sim"

// maxBody bounds the bodies of control calls, in bytes.
const maxBody = 1 << 20

// Config is what the control surface works on.
type Config struct {
	DB      *store.DB
	Engine  *statemachine.Engine
	Journal *api.Journal
	Faults  *fault.Injector
	Vendors []api.Vendor
	Log     zerolog.Logger
	Version string
	// AdminToken, if not empty, is the bearer token that every call other than GET must carry.
	AdminToken string
	// MaxWorlds bounds the number of worlds, the default one among them.
	MaxWorlds int
	// Seed and Fixture are those of worlds that name none.
	Seed    uint64
	Fixture string
	// Fixtures are the names that Base takes, in order.
	Fixtures []string
	// Base makes, where it is not there yet, the state of a fixture, and answers its name in the store and the seed it has:
	// the one given where the fixture describes a world, its own where it is one exactly.
	Base func(fixture string, seed uint64) (base string, actual uint64, err error)
	// States writes worlds into documents and reads them back.
	States *fixture.Worlds
	// Listen opens a port that leads to a world, and answers its address; Unlisten closes it after the requests in it.
	Listen   func(world, address string) (actual string, err error)
	Unlisten func(world string)
	// Expiring is told the wall instant at which a world's time will have come.
	Expiring func(at time.Time)
	// Pending says why the program is not ready; nothing when it is.
	Pending func() []string
	// CA is the certificate authority of the TLS listener in PEM; nil where there is none.
	CA []byte
	// Metrics answers the program's metrics in Prometheus' text format.
	Metrics func() (text []byte, contentType string, err error)
	// SigningKey signs the tokens of the identity provider.
	SigningKey *signing.Key
	// Wall is the wall clock: uptime and the life of worlds are measured on it.
	Wall func() time.Time
	// URL answers where the program can be reached; scenarios drive it there. Nil where none may run.
	URL func() string
	// Heartbeat is the real time after which a stream of events says that it is still there.
	Heartbeat time.Duration
	// EventQueue is how many events wait for one stream that is read slowly.
	EventQueue int
}

// Control answers the calls. Make one with New.
type Control struct {
	Config
	started    time.Time
	ids        atomic.Uint64
	making     sync.Mutex     // one world is made at a time, so that the limit and the free names hold
	loading    sync.Mutex     // one document is taken apart at a time, so that memory is bounded
	secret     *regexp.Regexp // a member with a secret
	secretName *regexp.Regexp
	issuer     *idp.Issuer
	rows       []Row
	paths      []string

	events    *eventBus
	scenarios scenarios
	stopping  chan struct{}
	stop      func() // closes stopping
}

// New makes the control surface.
func New(c Config) *Control {
	ctl := &Control{Config: c, started: c.Wall(), rows: operations, secret: regexp.MustCompile(secretMember), secretName: regexp.MustCompile(secretName), issuer: idp.New(c.SigningKey)}
	for i := range ctl.rows {
		ctl.paths = append(ctl.paths, ctl.rows[i].Path)
	}
	ctl.stopping = make(chan struct{})
	ctl.stop = sync.OnceFunc(func() { close(ctl.stopping) })
	ctl.events = newEventBus(c.Wall, c.EventQueue)
	ctl.events.attach(&ctl.Config)
	return ctl
}

// Stop ends what goes on by itself: scenarios and streams of events. It may be called more than once.
func (c *Control) Stop() {
	c.scenarios.stop()
	c.stop()
}

// Mount registers everything under Prefix, and the metrics where Prometheus looks for them.
func (c *Control) Mount(outer chi.Router) {
	router := chi.NewRouter()
	for i := range c.rows {
		if c.rows[i].Path == MetricsPath {
			c.mountMetrics(outer, &c.rows[i])
			continue
		}
		router.Method(c.rows[i].Method, strings.TrimPrefix(c.rows[i].Path, Prefix), c.serve(&c.rows[i]))
	}
	router.NotFound(c.serve(&Row{Name: "Unknown", Endpoint: answer(unknownPath)}))
	router.MethodNotAllowed(c.serve(&Row{Name: "WrongMethod", Endpoint: answer(func(_ *Control, r *call) (api.Empty, error) {
		return api.Empty{}, wrongMethod(router, r.http)
	})}))
	outer.Mount(Prefix, router)
}

func unknownPath(c *Control, r *call) (api.Empty, error) {
	return api.Empty{}, &Problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("there is nothing at %s", r.http.URL.Path),
		Valid: closest(r.http.URL.Path, c.paths)}
}

func wrongMethod(routes chi.Routes, req *http.Request) error {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if routes.Match(chi.NewRouteContext(), m, strings.TrimPrefix(req.URL.Path, Prefix)) {
			allowed = append(allowed, m)
		}
	}
	return &Problem{Status: http.StatusMethodNotAllowed, Detail: fmt.Sprintf("%s does not take %s", req.URL.Path, req.Method), Valid: allowed}
}

// vendor finds a vendor by its name.
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
	return nil, &strict.Error{Path: "vendor", Detail: fmt.Sprintf("%q is none of the vendors", name), Valid: valid}
}
