package statemachine_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// gauge is a thing with a member that is measured, not made.
type gauge struct {
	ID      string `json:"id"`
	ETag    string `json:"etag"`
	Reading int64  `json:"reading"`
}

func TestMachine_TouchKeepsVersionAndState(t *testing.T) {
	t.Parallel()
	m := statemachine.Define(statemachine.Machine[gauge]{
		Kind: "test.gauge", Initial: []statemachine.State{"On"}, Ends: []statemachine.State{"On"},
		Key: func(g *gauge) string { return g.ID },
		Mirror: func(g *gauge, l statemachine.Life) {
			g.ETag = strconv.FormatUint(l.Version, 10)
		},
	})
	db, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.CreateWorld("w", "", nil))
	engine, err := statemachine.New(db, statemachine.Fast, zerolog.Nop(), m)
	require.NoError(t, err)

	change := func(by string, keep func(tx *store.Tx, row *statemachine.Row[gauge]) error, reading int64) (after statemachine.Row[gauge]) {
		t.Helper()
		require.NoError(t, engine.Update("w", by, func(tx *store.Tx) error {
			row, err := m.Get(tx, "g")
			if err != nil {
				return err
			}
			row.Body.Reading, row.Body.ETag = reading, "not mine to choose"
			return keep(tx, &row)
		}))
		require.NoError(t, engine.View("w", by, func(tx *store.Tx) (err error) {
			after, err = m.Get(tx, "g")
			return err
		}))
		return after
	}
	require.NoError(t, engine.Update("w", "maker", func(tx *store.Tx) error {
		_, err := m.Create(tx, gauge{ID: "g"}, "On")
		return err
	}))

	touched := change("meter", m.Touch, 7)
	require.Equal(t, gauge{ID: "g", ETag: "1", Reading: 7}, touched.Body)
	require.Equal(t, uint64(1), touched.Life.Version)
	require.Equal(t, "maker", touched.Life.By)

	saved := change("editor", m.Save, 8)
	require.Equal(t, gauge{ID: "g", ETag: "2", Reading: 8}, saved.Body, "Save is what moves the version")
}
