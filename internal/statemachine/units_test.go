package statemachine_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// load is a resource whose transition takes a time in proportion to its size.
type load struct {
	ID    string  `json:"ID"`
	Weigh float64 `json:"weigh"`
}

func TestRule_UnitsMultiplyTheDelay(t *testing.T) {
	t.Parallel()
	loads := statemachine.Define(statemachine.Machine[load]{
		Kind: "test.load", Initial: []statemachine.State{"Up"}, Ends: []statemachine.State{"Down"},
		Key: func(l *load) string { return l.ID },
		Rules: []statemachine.Rule[load]{{
			From: []statemachine.State{"Up"}, On: "land", To: "Down", After: "carry",
			Units: func(_ *store.Tx, r *statemachine.Row[load]) float64 { return r.Body.Weigh },
		}},
		Delays: map[string]statemachine.DelayDefault{"carry": {Fast: "2s", Realistic: "1m"}},
	})
	db, err := store.Open(filepath.Join(t.TempDir(), "sim.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	engine, err := statemachine.New(db, statemachine.Fast, zerolog.Nop(), loads)
	require.NoError(t, err)
	require.NoError(t, engine.Base("b", 1, start, func(*store.Tx) error { return nil }))
	require.NoError(t, db.CreateWorld("w", "b", nil, nil))
	frozen := statemachine.Frozen
	require.NoError(t, engine.SetClock(t.Context(), "w", statemachine.ClockSetting{Mode: &frozen}))
	begun, err := engine.Now("w")
	require.NoError(t, err)

	for id, want := range map[string]time.Duration{"a": 0, "b": time.Second, "c": 6 * time.Second} {
		var due []statemachine.Timer
		require.NoError(t, engine.Update("w", "test", func(tx *store.Tx) error {
			row, err := loads.Create(tx, load{ID: id, Weigh: want.Seconds() / 2}, "Up")
			if err != nil {
				return err
			}
			due = statemachine.Pending(tx, 1)
			return loads.Remove(tx, &row)
		}))
		require.Equal(t, want, due[0].Due.Sub(begun), id)
	}
	for _, weigh := range []float64{1e300, -1} {
		require.NoError(t, engine.Update("w", "test", func(tx *store.Tx) error {
			row, err := loads.Create(tx, load{ID: "x", Weigh: weigh}, "Up")
			if err != nil {
				return err
			}
			due := statemachine.Pending(tx, 1)[0].Due
			require.False(t, due.Before(begun))
			require.Less(t, due.Year(), begun.Year()+101)
			return loads.Remove(tx, &row)
		}))
	}
}
