//go:build unix

package pagefile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store/pagefile"
)

// Each processor may meet the page that is gone. The others must have stopped before the file is unmapped.
func TestCheck_PagesAreFreedMeanwhile(t *testing.T) {
	errs, err := pagefile.CheckWithout(newFile(t), 5)
	require.NoError(t, err)
	gone := 0
	for _, err := range errs {
		if err != nil { // a free page is not read
			require.ErrorContains(t, err, "it was changed while it was read")
			gone++
		}
	}
	require.Greater(t, gone, len(errs)/2)
}
