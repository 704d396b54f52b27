package lightbits

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// start is the first time of the frozen clock in a test's world.
var start = time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC)

// cluster is the partition of the test's world.
const cluster = "local"

// setup configures the server of a test.
type setup struct {
	auth    api.AuthMode
	profile statemachine.Profile
	seeds   []func(s *Service, tx *store.Tx) error
}

type option func(*setup)

func withAuth(mode api.AuthMode) option { return func(o *setup) { o.auth = mode } }

func withProfile(p statemachine.Profile) option { return func(o *setup) { o.profile = p } }

// withSeed adds to the cluster, which has the policy no-limit-policy and the projects system and default.
func withSeed(fn func(s *Service, tx *store.Tx) error) option {
	return func(o *setup) { o.seeds = append(o.seeds, fn) }
}

// server is a Lightbits API on one cluster of one world with a frozen clock.
type server struct {
	t       *testing.T
	service *Service
	engine  *statemachine.Engine
	db      *store.DB
	handler http.Handler

	file    string
	profile statemachine.Profile
	log     bytes.Buffer // of the engine: timers that failed to fire
}

func newServer(t *testing.T, options ...option) *server {
	t.Helper()
	o := setup{profile: statemachine.Fast}
	for _, set := range options {
		set(&o)
	}
	s := &server{t: t, service: New(Options{Auth: o.auth}), file: filepath.Join(t.TempDir(), "sim.db"),
		profile: o.profile}
	s.open()
	t.Cleanup(func() { require.NoError(t, s.db.Close()) })
	require.NoError(t, s.engine.Base("test", 1, start, func(tx *store.Tx) error {
		if err := statemachine.AddPartition(tx, cluster); err != nil {
			return err
		}
		tx = tx.In(cluster)
		if err := s.service.seedPolicy(tx, Policy{Name: unlimitedPolicy,
			QoSRateLimitPolicy: &QoSRateLimitPolicy{PolicyVisibility: VisibilityGlobal}}); err != nil {
			return err
		}
		for _, name := range []string{systemProject, defaultProject} {
			if err := s.service.seedProject(tx, name, ""); err != nil {
				return err
			}
		}
		for _, seed := range o.seeds {
			if err := seed(s.service, tx); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, s.db.CreateWorld(api.DefaultWorld, "test", nil, nil))
	frozen := statemachine.Frozen
	require.NoError(t, s.engine.SetClock(s.t.Context(), api.DefaultWorld,
		statemachine.ClockSetting{Mode: &frozen, Now: &start}))
	return s
}

// open opens the server's file and serves it.
func (s *server) open() {
	s.t.Helper()
	var err error
	s.db, err = store.Open(s.file, store.Options{})
	require.NoError(s.t, err)
	s.engine, err = statemachine.New(s.db, s.profile, zerolog.New(&s.log), s.service.Machines()...)
	require.NoError(s.t, err)
	served, err := api.NewServer(s.engine, api.NewJournal(100, 1<<20), zerolog.Nop(), func() time.Time { return start },
		s.service.API())
	require.NoError(s.t, err)
	router := chi.NewRouter()
	served.Mount(router)
	s.handler = router
}

// reopen restarts the server: only what is in the file remains.
func (s *server) reopen() {
	s.t.Helper()
	require.NoError(s.t, s.db.Close())
	s.service = New(Options{Auth: s.service.auth})
	s.open()
}

// admin is a token that the lenient mode accepts as a cluster administrator's.
const admin = "opaque"

// do sends a request with a token, or without one if it is "". header has more header lines, as "Name: value".
func (s *server) do(method, path, token, body string, header ...string) (status int, answer string) {
	s.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

// run runs a subtest, to which the helpers of the server report.
func (s *server) run(name string, fn func(t *testing.T)) {
	s.t.Helper()
	outer := s.t
	outer.Run(name, func(t *testing.T) {
		s.t = t
		defer func() { s.t = outer }()
		fn(t)
	})
}

// advance moves the clock and fires what is due.
func (s *server) advance(d time.Duration) {
	s.t.Helper()
	_, err := s.engine.Advance(s.t.Context(), api.DefaultWorld, statemachine.Advance{By: d})
	require.NoError(s.t, err)
}

// update changes the cluster, not through the API.
func (s *server) update(fn func(tx *store.Tx) error) {
	s.t.Helper()
	require.NoError(s.t, s.engine.Update(api.DefaultWorld, "test",
		func(tx *store.Tx) error { return fn(tx.In(cluster)) }))
}

// view reads the cluster, not through the API.
func (s *server) view(fn func(tx *store.Tx) error) {
	s.t.Helper()
	require.NoError(s.t, s.engine.View(api.DefaultWorld, "test",
		func(tx *store.Tx) error { return fn(tx.In(cluster)) }))
}
