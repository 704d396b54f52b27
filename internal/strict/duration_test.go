package strict_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/strict"
)

func TestIsLongDuration(t *testing.T) {
	for text, long := range map[string]bool{
		"2562047h48m": true, "876000000h": true, "99999999999999999999s": true, "1h99999999999999999999ns": true,
		"-876000000h": true,
		"2562047h47m": false, "90s": false, "1h30m": false, "": false, "soon": false, "90": false, "1d": false,
		"876000000h soon": false,
	} {
		_, err := time.ParseDuration(text)
		require.Equal(t, long, strict.IsLongDuration(text, err), text)
	}
	_, err := time.ParseDuration(strict.LongestDuration)
	require.NoError(t, err)
}
