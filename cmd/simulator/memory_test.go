package main

import (
	"math"
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

// The memory limit is one and a half times the live heap, but at least 192 MiB, and does not follow small changes.
func TestMemoryLimit(t *testing.T) {
	const mib = 1 << 20
	limit := int64(math.MaxInt64)
	for _, step := range []struct{ live, want int64 }{
		{10, 192}, {128, 192}, {200, 300}, {210, 300}, {230, 345}, {300, 450}, {290, 450}, {90, 192},
	} {
		limit = limitFor(step.live*mib, limit)
		require.Equal(t, step.want*mib, limit, "a live heap of %d MiB", step.live)
	}
}
