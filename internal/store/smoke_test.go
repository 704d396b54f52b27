package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	type row struct{ ID, Name string }
	tab := NewTable("rows", func(r *row) string { return r.ID }, JSON[row](), Index[row]{Name: "name", Keys: func(r *row) []string { return []string{r.Name} }, Unique: true})
	p := filepath.Join(t.TempDir(), "db")
	db, err := Open(p, Options{})
	require.NoError(t, err)
	require.NoError(t, db.Base("small", func(tx *Tx) error {
		for i := range 5000 {
			if err := tab.Insert(tx, &row{fmt.Sprint("b", i), fmt.Sprint("n", i)}); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, db.CreateWorld("w", "small", nil))
	for i := range 40 {
		require.NoError(t, db.Update("w", func(tx *Tx) error {
			_ = tx.NewUUID()
			return tab.Put(tx, &row{fmt.Sprint("b", i), fmt.Sprint("x", i)})
		}))
		require.NoError(t, db.Checkpoint("w", fmt.Sprint(i%3)))
	}
	require.NoError(t, db.Fork("w", "", "v", nil))
	require.NoError(t, db.Reset("w"))
	require.NoError(t, db.Verify(tab))
	require.NoError(t, db.View("v", func(tx *Tx) error {
		n := 0
		for range tab.All(tx, "", "") {
			n++
		}
		require.Equal(t, 5000, n)
		for k := range tab.KeysBy(tx, "name", "x7") {
			require.Equal(t, "b7", k)
		}
		return nil
	}))
	require.NoError(t, db.Close())
	db, err = Open(p, Options{})
	require.NoError(t, err)
	require.NoError(t, db.Verify(tab))
	require.NoError(t, db.Close())
}
