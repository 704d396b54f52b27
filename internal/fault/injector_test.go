package fault_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/fault"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// newInjector returns an injector and an engine with the world "w".
func newInjector(t *testing.T) (*fault.Injector, *statemachine.Engine) {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "sim.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	engine, err := statemachine.New(db, statemachine.Instant, zerolog.Nop())
	require.NoError(t, err)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, engine.Base("empty", 7, now, func(*store.Tx) error { return nil }))
	require.NoError(t, db.CreateWorld("w", "empty", nil, nil))
	return fault.New(db, engine, func() fault.Targets { return *targets() }, zerolog.Nop(),
		func() time.Time { return now }), engine
}

func TestInjector_ChecksARuleOnce(t *testing.T) {
	in, engine := newInjector(t)
	checks := in.CountChecks()
	rule := fault.Rule{ID: "r", Match: fault.Match{Operation: targets().Operations[0].ID},
		Effect: fault.Effect{Status: 500}, Force: true}
	update := func(fn func(tx *store.Tx) error) {
		t.Helper()
		require.NoError(t, engine.Update("w", "test", fn))
	}
	candidates := func() int {
		var d fault.Decision
		return len(in.Armed("w").Candidates(&d, rule.Match.Operation, "", nil, time.Time{}))
	}
	put := func(tx *store.Tx) error {
		_, err := in.Put(tx, rule)
		return err
	}

	update(put)
	require.Equal(t, 1, candidates())
	require.NoError(t, in.SyncVersions("w"))
	update(func(tx *store.Tx) error {
		list, _ := in.List(tx)
		require.Len(t, list, 1)
		return nil
	})
	require.Equal(t, 1, *checks, "put, armed, listed")

	rule.Effect.Status = 503
	update(put)
	require.Equal(t, 1, candidates())
	require.Equal(t, 2, *checks, "another rule with the same ID")

	update(func(tx *store.Tx) error {
		return in.Replace(tx, []fault.Rule{rule, {Effect: fault.Effect{Malformed: true}}})
	})
	require.Equal(t, 2, candidates())
	require.Equal(t, 4, *checks)

	update(func(tx *store.Tx) error { return in.Delete(tx, "r") })
	require.Equal(t, 1, candidates())
	require.Equal(t, 4, *checks)

	engine.Rescan("w")
	require.Equal(t, 1, candidates())
	require.Equal(t, 5, *checks, "the world's state was replaced")
}
