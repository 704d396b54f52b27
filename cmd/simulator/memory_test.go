package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPause_EndsOnceAfterWork(t *testing.T) {
	const mib = 1 << 20
	var p pause
	for i, look := range []struct {
		allocated uint64
		over      bool
	}{
		{3 * mib, false},    // it starts
		{3*mib + 10, false}, // and has made nothing worth giving back
		{300 * mib, false},  // it works
		{700 * mib, false},
		{700*mib + 10, true}, // nobody asks any more
		{700*mib + 20, false},
		{701*mib + 10, false},
		{720 * mib, false},
		{720 * mib, true},
	} {
		require.Equal(t, look.over, p.over(look.allocated), "look %d", i)
	}
}
