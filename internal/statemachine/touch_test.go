package statemachine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Measured values change without making a client's ETag stale; configured values do not.
func TestTouch_KeepsVersionAndState(t *testing.T) {
	t.Parallel()
	b := newBench(t, statemachine.Fast)
	require.NoError(t, b.engine.Update("w", "maker", func(tx *store.Tx) error {
		_, err := b.lamps.Create(tx, lamp{ID: "l"}, shining)
		return err
	}))
	change := func(keep func(*store.Tx, *statemachine.Row[lamp]) error) (after statemachine.Row[lamp]) {
		t.Helper()
		require.NoError(t, b.engine.Update("w", "meter", func(tx *store.Tx) error {
			row, err := b.lamps.Get(tx, "l")
			if err != nil {
				return err
			}
			row.Body.Broken, row.Body.Version = !row.Body.Broken, "overwritten"
			return keep(tx, &row)
		}))
		require.NoError(t, b.engine.View("w", "reader", func(tx *store.Tx) (err error) {
			after, err = b.lamps.Get(tx, "l")
			return err
		}))
		return after
	}

	touched := change(b.lamps.Touch)
	require.Equal(t, lamp{ID: "l", State: "Shining", Version: "1", Broken: true}, touched.Body)
	require.Equal(t, statemachine.Life{State: shining, Version: 1, Stamp: 1, Since: start, By: "maker"}, touched.Life)

	saved := change(b.lamps.Save)
	require.Equal(t, "2", saved.Body.Version, "Save increases the version")
}
