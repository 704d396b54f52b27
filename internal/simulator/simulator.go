// Package simulator assembles the program. It is the only package that imports all others.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"storagesim/internal/api"
	"storagesim/internal/control"
	"storagesim/internal/fault"
	"storagesim/internal/fixture"
	"storagesim/internal/metrics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// TemporaryDir begins the names of temporary data directories.
const TemporaryDir = "storagesim-"

// fileName is the database in the data directory.
const fileName = "simulator.db"

// Simulator is a program on one data directory. New returns one, Open makes it serve, and Close must be called in any
// case.
type Simulator struct {
	config    Config
	dir       string
	temporary bool
	made      control.Origin // of data that existed before; zero for new data
	fresh     bool           // the database was made by this program
	db        *store.DB
	engine    *statemachine.Engine
	control   *control.Control
	server    *api.Server
	journal   *api.Journal
	faults    *fault.Injector
	handler   http.Handler
	identity  *identity
	outbox    *outbox
	conductor conductor
	expiring  chan time.Time

	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	plain   *port
	secure  *port
	own     map[string]*port
	ready   bool
	closing bool
	failure error
	stopped chan struct{} // closed after the first failure of a listener or of the database
}

// New opens the data directory. In a new directory it creates the world default from the fixture, and the certificates.
// It does not listen on any port. An error is one line that can be shown to the user.
func New(config Config) (*Simulator, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	catalog, err := openCatalog(config.Fixture)
	if err != nil {
		return nil, err
	}
	s := &Simulator{
		config: config, own: map[string]*port{}, expiring: make(chan time.Time, 1), stopped: make(chan struct{}),
		cancel: func() {}, conductor: alone(), outbox: newOutbox(maxWaiting),
	}
	if config.Record != "" {
		s.conductor = recording(config.Log)
	}
	if err := s.make(catalog); err != nil {
		return nil, err
	}
	return s, nil
}

// make opens the data directory and assembles the program. If it fails, it removes everything that it created.
func (s *Simulator) make(catalog *catalog) error {
	if err := s.openData(); err != nil {
		return errors.Join(err, s.removeTemporary())
	}
	err := s.matchData(catalog)
	if err == nil {
		err = s.assemble(catalog)
	}
	if err == nil {
		err = s.record(catalog)
	}
	if err != nil {
		return errors.Join(err, s.abandon())
	}
	return nil
}

// abandon closes the data and removes the files that this program created.
func (s *Simulator) abandon() error {
	err := s.closeData()
	if s.fresh && !s.temporary {
		err = errors.Join(err, os.Remove(filepath.Join(s.dir, fileName)))
		_ = os.Remove(s.dir) // works only if nothing else is in it
	}
	return err
}

// openData opens the database in the data directory.
func (s *Simulator) openData() (err error) {
	if s.dir = s.config.Data; s.dir == "" {
		s.temporary = true
		if s.dir, err = os.MkdirTemp("", TemporaryDir+"*"); err != nil {
			return err
		}
	} else if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	file := filepath.Join(s.dir, fileName)
	info, err := os.Stat(file)
	if s.fresh = errors.Is(err, fs.ErrNotExist); err == nil && info.Size() == 0 { // assumption 361
		return fmt.Errorf("data: %s is an empty file, so its contents were lost; restore it, or remove it to start with new "+
			"data", file)
	}
	if err := s.tighten(); err != nil {
		return err
	}
	s.db, err = store.Open(file, store.Options{SyncDisk: s.config.SyncDisk, Log: s.config.Log, Wall: s.conductor.now})
	return err
}

// assemble builds the parts of the program. It reads the fixture first, so that an invalid one leaves no certificates.
func (s *Simulator) assemble(catalog *catalog) error {
	parts := s.config.Vendors
	if parts == nil {
		parts = vendors(s.config)
	}
	var machines []statemachine.Lifecycle
	services := make([]api.Service, len(parts))
	for i := range parts {
		machines = append(machines, parts[i].Machines...)
		services[i] = parts[i].Service
	}
	var err error
	if s.engine, err = statemachine.New(s.db, s.config.Delays, s.config.Log, machines...); err != nil {
		return err
	}
	s.engine.UseTurns(s.conductor.now, s.conductor.timers)
	if err := s.resume(); err != nil {
		return err
	}
	journal := api.NewJournal(s.config.Limits.JournalCount, s.config.Limits.JournalBytes)
	if err := s.continueIDs(journal); err != nil {
		return err
	}
	server, err := api.NewServer(s.engine, journal, s.config.Log, s.conductor.now, services...)
	if err != nil {
		return err
	}
	targets := func() fault.Targets { return api.FaultTargets(s.engine.Machines(), services...) }
	s.faults = fault.New(s.db, s.engine, targets, s.config.Log, s.conductor.now)
	server.UseFaults(s.faults)
	if err := s.warnOfTables(parts); err != nil {
		return err
	}
	catalog.db, catalog.engine, catalog.worlds = s.db, s.engine, fixture.New(s.engine, parts, s.faults)
	s.server = server
	if _, _, err := catalog.base(catalog.own, s.config.Seed); err != nil {
		return err
	}
	if s.config.TLSListen != "" {
		if s.identity, err = s.loadIdentity(time.Now()); err != nil {
			return err
		}
	}
	meter := metrics.New(s.config.Version, metrics.Sizes{DB: s.db, Journal: journal}, server.Services()...)
	server.UseObserver(meter.Observe)
	s.control = control.New(s.controlConfig(catalog, journal, parts, meter))
	if err := s.control.EnsureWorld(); err != nil {
		return err
	}
	router := chi.NewRouter()
	server.Mount(router)
	s.control.Mount(router)
	s.handler = s.conductor.handler(api.InWorld(s.config.WorldDomain, api.Decompress(router)))
	return nil
}

func (s *Simulator) controlConfig(
	catalog *catalog, journal *api.Journal, parts []api.Vendor, meter *metrics.Metrics,
) control.Config {
	c := control.Config{
		DB: s.db, Engine: s.engine, Journal: journal, Faults: s.faults, Vendors: parts, Log: s.config.Log,
		Version: s.config.Version, AdminToken: s.config.AdminToken, MaxWorlds: s.config.MaxWorlds, Seed: s.config.Seed,
		Settings: api.WorldSettings{Auth: api.AuthMode(s.config.Auth), Federation: &s.config.Federation,
			MaxRunningWorkflows: s.config.MaxRunningWorkflows},
		Fixture: catalog.own, FixtureSum: catalog.sum(), Fixtures: catalog.names(), Base: catalog.base,
		States: catalog.worlds,
		Listen: s.listenWorld, Unlisten: s.unlistenWorld, Expiring: s.expire, Pending: s.pending,
		Wall: s.conductor.now, SigningKey: s.config.SigningKey, Metrics: meter.Text,
		Heartbeat: s.config.Limits.Heartbeat, EventQueue: s.config.Limits.EventQueue,
	}
	if s.identity != nil {
		c.CA = s.identity.ca
	}
	if s.conductor.inside {
		c.URL = s.URL
	}
	if s.conductor.ca != nil {
		c.CA = s.conductor.ca
	}
	return c
}

// Open binds all listeners and starts to serve. If it returns an error, only Close may be called.
func (s *Simulator) Open() (err error) {
	if s.plain, err = s.bind(s.config.Listen, api.Place{}, nil); err != nil {
		return fmt.Errorf("--listen %s: %w; port 0 chooses a free port", s.config.Listen, err)
	}
	if s.config.TLSListen != "" {
		if s.secure, err = s.bind(s.config.TLSListen, api.Place{}, s.identity); err != nil {
			return fmt.Errorf("--tls-listen %s: %w; port 0 chooses a free port, none disables TLS", s.config.TLSListen, err)
		}
	}
	if err := s.control.Reopen(); err != nil {
		return err
	}
	s.warnIfOpen()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.work.Go(func() { s.engine.Run(ctx) })
	s.work.Go(func() {
		select {
		case <-ctx.Done():
		case <-s.db.Failed():
			s.fail(s.db.Err())
		}
	})
	s.work.Go(func() { s.reap(ctx) })
	s.serve(s.plain)
	if s.secure != nil {
		s.serve(s.secure)
	}
	s.mu.Lock()
	s.ready = true
	s.mu.Unlock()
	return nil
}

// Dir returns the data directory, which is a temporary one if none was configured.
func (s *Simulator) Dir() string { return s.dir }

// URL returns the URL of the HTTP listener for a client on this machine. It may be called after Open.
func (s *Simulator) URL() string { return "http://" + shownAddress(s.plain.address()) }

// TLSURL returns the URL of the TLS listener, or "" if there is none.
func (s *Simulator) TLSURL() string {
	if s.secure == nil {
		return ""
	}
	return "https://" + shownAddress(s.secure.address())
}

// Handler returns the handler that the listeners serve, without their checks of browsers' requests. A program that
// calls it saves the way over the network.
func (s *Simulator) Handler() http.Handler { return s.handler }

// Stopped returns a channel that is closed when a listener or the database fails while the program serves. Err then
// returns the cause.
func (s *Simulator) Stopped() <-chan struct{} { return s.stopped }

// Err returns the first failure of a listener or of the database.
func (s *Simulator) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

func (s *Simulator) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.failure != nil {
		return
	}
	s.failure = err
	close(s.stopped)
}

func (s *Simulator) pending() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return []string{"the program is stopping"}
	case !s.ready:
		return []string{"the program is starting"}
	}
	return nil
}

// Close lets requests finish until the context ends, stops the timers and closes the data. Later calls do nothing.
func (s *Simulator) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	ports := []*port{s.plain, s.secure}
	for _, p := range s.own {
		ports = append(ports, p)
	}
	s.mu.Unlock()
	s.server.Stop()
	s.control.Stop()
	var closing sync.WaitGroup
	for _, p := range ports {
		if p != nil {
			closing.Go(func() { p.close(ctx) })
		}
	}
	closing.Wait()
	s.cancel()
	s.awaitWork(ctx)
	return errors.Join(s.faults.Flush(), s.conductor.close(), s.closeIDs(), s.closeData())
}

// awaitWork returns when all background work has ended, or when the context ends. What still runs then fails when the
// database is closed.
func (s *Simulator) awaitWork(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func (s *Simulator) closeData() error {
	return errors.Join(s.db.Close(), s.removeTemporary())
}

func (s *Simulator) removeTemporary() error {
	if !s.temporary || s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// expire tells reap that a world expires at the given time, which may be earlier than the time it waits for.
func (s *Simulator) expire(at time.Time) {
	for {
		select {
		case s.expiring <- at:
			return
		case other := <-s.expiring: // reap has not received it yet: send the earlier of both
			if other.Before(at) {
				at = other
			}
		}
	}
}

// removeExpired removes expired worlds and returns when the next world expires; zero if none does.
func (s *Simulator) removeExpired() (next time.Time) {
	s.conductor.expire(func(wall time.Time) {
		var err error
		if next, err = s.control.Expire(wall); err != nil {
			s.config.Log.Error().Err(err).Msg("expired worlds were not removed")
		}
	})
	return next
}

// reap removes worlds when they expire, until the context ends.
func (s *Simulator) reap(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.expiring:
		case <-timer.C:
		}
		next := s.removeExpired()
		if timer.Stop(); !next.IsZero() {
			timer.Reset(max(time.Until(next), time.Millisecond))
		}
	}
}
