package statemachine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// run starts the timer loop. The function that it returns waits until a lamp shines, stops the loop and returns the
// world of the lamp.
func (b *bench) run() (wait func() string) {
	fired := make(chan string, 1)
	b.engine.Listen(func(world string, moved []statemachine.Transition) {
		if moved[0].Event == "shine" {
			fired <- world
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		b.engine.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-stopped
	}
	b.Cleanup(stop)
	return func() string {
		b.Helper()
		defer stop()
		select {
		case world := <-fired:
			return world
		case <-time.After(time.Minute):
			require.Fail(b, "no timer fired")
			return ""
		}
	}
}

// The timer loop of a clock that runs ten times as fast waits a tenth of the time.
func TestRun_WakesByTheRateOfTheClock(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	rate := 10.0
	require.NoError(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Rate: &rate}))
	b.create("a") // shines after 2s of the world's clock
	b.pass(200 * time.Millisecond)
	require.Equal(t, "w", b.run()())
}

func TestRun_FiresTimersFromBeforeARestart(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.create("a")
	b.reopen(statemachine.Fast)
	b.pass(2 * time.Second)
	require.Equal(t, "w", b.run()())
}

// A timer may be due before the last one that fired, in a state that was created at an earlier instant.
func TestTimer_DueBeforeTheLastThatFiredStillFires(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	require.Equal(t, []string{"2s a shine Warming>Shining"}, b.advance(2*time.Second))
	b.update(func(tx *store.Tx) error {
		row, err := b.lamps.Create(tx, lamp{ID: "b"}, shining)
		require.NoError(t, err)
		return b.lamps.After(tx, &row, "putout", start.Add(time.Second))
	})
	require.Equal(t, "gone", b.state("b"))
}
