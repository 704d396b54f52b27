package storagesim

import (
	"testing"
	"testing/synctest"
	"time"

	"storagesim/internal/memnet"
)

// bubbleStart is the time at which f of a Bubble begins. The bubble itself begins in the year 2000, before the dates in
// fixtures.
var bubbleStart = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Bubble runs f in a bubble of testing/synctest, with a simulator of its own on a network in memory. The time of the
// test, the client's time.Sleep and timeouts, and the world's clock are one fake clock: it jumps ahead when all
// goroutines wait. So a client that polls for twenty minutes does it in some milliseconds.
//
// The clock begins on 2026-01-01. Client of the world reaches the simulator; another client needs DialContext of the
// world in its transport. As in every bubble, f must not call t.Run or t.Parallel, and the goroutines that it starts
// must end; the simulator closes the connections that are left.
func Bubble(t *testing.T, f func(t *testing.T, w *World), opts ...Option) {
	t.Helper()
	s := settingsOf(t, opts)
	if s.from.program != nil {
		t.Fatal("storagesim: Bubble cannot start from a checkpoint, which is in a simulator outside of the bubble")
	}
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		time.Sleep(time.Until(bubbleStart)) //nolint:forbidigo // on the fake clock
		network := &memnet.Network{}
		config := configOf(s.profile)
		config.Bind = network.Listen
		p, err := newProgram(config)
		if err != nil {
			t.Fatalf("storagesim: the simulator does not start: %v", err)
		}
		p.dial = network.DialContext
		t.Cleanup(func() { p.close(t) })
		f(t, p.newWorld(t, s))
	})
}
