package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdle_BeginsOnceAfterWork(t *testing.T) {
	const mib = 1 << 20
	var p idle
	for i, look := range []struct {
		allocated uint64
		begins    bool
	}{
		{3 * mib, false},    // the start
		{3*mib + 10, false}, // too little to return
		{300 * mib, false},  // load
		{700 * mib, false},
		{700*mib + 10, true}, // idle
		{700*mib + 20, false},
		{701*mib + 10, false},
		{720 * mib, false},
		{720 * mib, true},
	} {
		require.Equal(t, look.begins, p.begins(look.allocated), "look %d", i)
	}
}
