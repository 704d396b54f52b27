package apitest

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/control"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Cluster is the only cluster of a world made by Serve, for a vendor with clusters whose Seed makes none.
const Cluster = "local"

// Serve returns a server with one vendor and the world default. The world's clock is frozen and its transitions take no
// time. The vendor's Seed fills it from its section of a fixture, in JSON.
func Serve(tb testing.TB, v api.Vendor, section string) Target {
	tb.Helper()
	db, err := store.Open(filepath.Join(tb.TempDir(), "sim.db"), store.Options{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	engine, err := statemachine.New(db, statemachine.Instant, zerolog.Nop(), v.Machines...)
	require.NoError(tb, err)
	require.NoError(tb, engine.Base("apitest", 1, Start, func(tx *store.Tx) error {
		if v.Seed != nil {
			if err := v.Seed(tx, []byte(section)); err != nil {
				return err
			}
		}
		if v.Service.Clustered && statemachine.DefaultPartition(tx) == "" {
			return statemachine.AddPartition(tx, Cluster)
		}
		return nil
	}))
	require.NoError(tb, db.CreateWorld(api.DefaultWorld, "apitest", nil, nil))
	frozen, now := statemachine.Frozen, Start
	require.NoError(tb, engine.SetClock(tb.Context(), api.DefaultWorld,
		statemachine.ClockSetting{Mode: &frozen, Now: &now}))
	wall := func() time.Time { return Start }
	journal := api.NewJournal(10, 1<<20)
	server, err := api.NewServer(engine, journal, zerolog.Nop(), wall, v.Service)
	require.NoError(tb, err)
	router := chi.NewRouter()
	server.Mount(router)
	control.New(control.Config{DB: db, Engine: engine, Journal: journal, Vendors: []api.Vendor{v}, Log: zerolog.Nop(),
		Wall: wall}).Mount(router)
	const kept = "kept"
	return Target{
		Handler: router, Service: v.Service,
		State: func(tb testing.TB) string { return digest(tb, db, engine) },
		Keep:  func(tb testing.TB) { require.NoError(tb, db.Checkpoint(api.DefaultWorld, kept, nil)) },
		Back: func(tb testing.TB) {
			require.NoError(tb, db.Restore(api.DefaultWorld, kept, nil))
			engine.Rescan(api.DefaultWorld)
		},
	}
}

// digest encodes the world's resources with their states and timers, and its clock.
func digest(tb testing.TB, db *store.DB, engine *statemachine.Engine) string {
	tb.Helper()
	var text strings.Builder
	enc := json.NewEncoder(&text)
	require.NoError(tb, db.View(api.DefaultWorld, func(tx *store.Tx) error {
		for _, kind := range engine.Kinds() {
			if err := engine.Resources(tx, kind, statemachine.Partitions(tx), func(r statemachine.Resource) bool {
				return enc.Encode(r) == nil
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	clock, err := engine.Clock(api.DefaultWorld)
	require.NoError(tb, err)
	require.NoError(tb, enc.Encode(clock))
	return text.String()
}
