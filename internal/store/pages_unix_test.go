//go:build unix

package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// Whichever processor meets a page that is gone, it is an error in words, and the others are waited for.
func TestOpenFile_PagesGoAwayWhileItIsExamined(t *testing.T) {
	db := newStore(t)
	update(t, db, func(tx *store.Tx) {
		for i := range 4000 {
			require.NoError(t, put(tx, fmt.Sprintf("%0200d", i)))
		}
	})
	require.True(t, db.Settled())
	file, err := db.CopyTo(t.TempDir())
	require.NoError(t, err)
	errs, err := store.ExamineWithout(file, 5)
	require.NoError(t, err)
	gone := 0
	for _, err := range errs {
		if err != nil { // nobody looks at a free page
			require.ErrorContains(t, err, "it was changed while it was read")
			gone++
		}
	}
	require.Greater(t, gone, len(errs)/2)
}
