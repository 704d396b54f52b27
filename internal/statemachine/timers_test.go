package statemachine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func TestAdvance_FiresInDueOrder(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	require.Empty(t, b.advance(time.Second))
	b.create("b", "c")
	require.Equal(t, "Warming", b.state("a"))
	require.Equal(t, []string{"2s a shine Warming>Shining", "3s b shine Warming>Shining", "3s c shine Warming>Shining"},
		b.advance(10*time.Second))
	now, err := b.engine.Now("w")
	require.NoError(t, err)
	require.Equal(t, start.Add(11*time.Second), now)
}

func TestAdvance_FiresTimersScheduledOnTheWay(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	b.advance(2 * time.Second)
	b.update(func(tx *store.Tx) error {
		row, err := b.lamps.Get(tx, "a")
		require.NoError(t, err)
		return b.lamps.Fire(tx, &row, "dim")
	})
	require.Equal(t, []string{"3s a brighten Dimmed>Shining"}, b.advance(time.Hour))
}

func TestAdvance_Next(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a", "b")
	done, err := b.engine.Advance(t.Context(), "w", statemachine.Advance{Next: true})
	require.NoError(t, err)
	require.Equal(t, []string{"2s a shine Warming>Shining", "2s b shine Warming>Shining"}, lines(done.Fired))
	require.Equal(t, start.Add(2*time.Second), done.Now)
	done, err = b.engine.Advance(t.Context(), "w", statemachine.Advance{Next: true})
	require.NoError(t, err)
	require.Empty(t, done.Fired)
	require.Equal(t, start.Add(2*time.Second), done.Now)
}

func TestAdvance_Until(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	done, err := b.engine.Advance(t.Context(), "w",
		statemachine.Advance{Until: &statemachine.Until{Kind: "test.lamp", ID: "a", State: shining}})
	require.NoError(t, err)
	require.Equal(t, start.Add(2*time.Second), done.Now)

	_, err = b.engine.Advance(t.Context(), "w",
		statemachine.Advance{Until: &statemachine.Until{Kind: "test.lamp", ID: "a", State: dimmed}})
	var not *statemachine.NotReachedError
	require.ErrorAs(t, err, &not)
	require.Equal(t, shining, not.State)

	_, err = b.engine.Advance(t.Context(), "w",
		statemachine.Advance{Until: &statemachine.Until{Kind: "test.lmap", ID: "a", State: dimmed}})
	var unknown *statemachine.UnknownKindError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, []string{"test.lamp"}, unknown.Valid)
}

func TestTimer_RowInAnotherState(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	b.update(func(tx *store.Tx) error {
		row, err := b.lamps.Get(tx, "a")
		require.NoError(t, err)
		return b.lamps.Fire(tx, &row, "die")
	})
	require.Empty(t, b.advance(time.Hour))
	require.Equal(t, "Dead", b.state("a"))
}

func TestTimer_AfterRestart(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	b.warmUpTakes("held")
	b.create("h")
	b.reopen(statemachine.Fast)
	require.Equal(t, []string{"2s a shine Warming>Shining"}, b.advance(time.Hour))
	require.Equal(t, "Warming", b.state("h"))
	b.reopen(statemachine.Fast)
	b.update(func(tx *store.Tx) error {
		r, err := b.engine.Release(tx, "test.lamp", []string{""}, "h")
		require.Equal(t, shining, r.State)
		return err
	})
	require.NoError(t, b.db.Verify(b.engine.Verifiers()...))
}

func TestClock_Real(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.create("a")
	b.pass(1999 * time.Millisecond)
	require.Equal(t, "Warming", b.state("a"))
	b.pass(time.Millisecond)
	require.Equal(t, "Shining", b.state("a"), "timers that are due fire before a read")
}

func TestClock_Rate(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	rate := 10.0
	require.NoError(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Rate: &rate}))
	b.create("a")
	b.pass(199 * time.Millisecond)
	require.Equal(t, "Warming", b.state("a"))
	b.pass(time.Millisecond)
	require.Equal(t, "Shining", b.state("a"))
}

func TestClock_FrozenDoesNotMove(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	b.pass(time.Hour)
	require.Equal(t, "Warming", b.state("a"))
}

func TestAuto_SecondReadJumps(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Auto)
	b.create("a")
	require.Equal(t, "Warming", b.state("a"))
	require.Equal(t, "Shining", b.state("a"))
	now, err := b.engine.Now("w")
	require.NoError(t, err)
	require.Equal(t, start.Add(2*time.Second), now)
}

func TestClock_DoesNotGoBack(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	earlier := start.Add(-time.Second)
	require.ErrorContains(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Now: &earlier}),
		"does not go back")
	bad, rate := statemachine.Mode("fast"), -1.0
	require.ErrorContains(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Mode: &bad}),
		"is not a clock mode")
	require.ErrorContains(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Rate: &rate}),
		"must be from 1e-09 to 1e+09")
}

func TestSetClock_FiresDueTimers(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	later := start.Add(time.Minute)
	require.NoError(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Now: &later}))
	require.Equal(t, "Shining", b.state("a"))
}

func TestSetClock_FrozenAtTheGivenInstant(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.engine.SetWall(func() time.Time {
		b.pass(time.Millisecond)
		return b.now()
	})
	frozen, later := statemachine.Frozen, start.Add(time.Hour)
	require.NoError(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Mode: &frozen, Now: &later}))
	now, err := b.engine.Now("w")
	require.NoError(t, err)
	require.Equal(t, later, now)
}

func TestDelay_Reads(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.warmUpTakes("reads:3")
	b.create("a")
	for range 3 {
		require.Equal(t, "Warming", b.state("a"))
	}
	require.Equal(t, "Shining", b.state("a"))
}

func TestDelay_Instant(t *testing.T) {
	b := newBench(t, statemachine.Instant)
	b.update(func(tx *store.Tx) error {
		row, err := b.lamps.Create(tx, lamp{ID: "a"}, warming)
		require.Equal(t, "Shining", row.Body.State)
		require.Equal(t, "2", row.Body.Version)
		return err
	})
}

func TestDelay_RolledBackTransactionLeavesNoTimer(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	err := b.engine.Update("w", "test", func(tx *store.Tx) error {
		if _, err := b.lamps.Create(tx, lamp{ID: "a"}, warming); err != nil {
			return err
		}
		return fmt.Errorf("no")
	})
	require.EqualError(t, err, "no")
	reading, err := b.engine.Clock("w")
	require.NoError(t, err)
	require.Zero(t, reading.Timers)
}

func TestMachine_UnlessAndDivert(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.update(func(tx *store.Tx) error {
		_, err := b.lamps.Create(tx, lamp{ID: "broken", Broken: true}, warming)
		require.NoError(t, err)
		row, err := b.lamps.Create(tx, lamp{ID: "doomed"}, warming)
		require.NoError(t, err)
		return b.lamps.Divert(tx, &row, "die")
	})
	require.Equal(t, []string{"2s broken die Warming>Dead", "2s doomed die Warming>Dead"}, b.advance(time.Minute))
}

func TestFire_IllegalEventListsPossibleEvents(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.create("a")
	err := b.engine.Update("w", "test", func(tx *store.Tx) error {
		_, err := b.engine.Fire(tx, "test.lamp", []string{""}, "lamp a", "dim")
		return err
	})
	require.EqualError(t, err,
		`test.lamp a is Warming; the event "dim" is not possible in this state (possible events: shine, blink, die)`)
	err = b.engine.Update("w", "test", func(tx *store.Tx) error {
		_, err := b.engine.Fire(tx, "test.lamp", []string{""}, "nobody", "dim")
		return err
	})
	require.ErrorIs(t, err, store.ErrNotFound)
}

// The timer loop fires timers without any request. The world's clock was never set, and the row is created after the
// loop has read what is due in all worlds, so that only the commit itself can wake the loop.
func TestRun_FiresWithoutARequest(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.warmUpTakes("20ms")
	moved := make(chan statemachine.Transition, 8)
	b.engine.Listen(func(_ string, moves []statemachine.Transition) {
		for _, m := range moves {
			moved <- m
		}
	})
	looping := make(chan struct{})
	looks := sync.OnceFunc(func() { close(looping) })
	b.engine.SetWall(func() time.Time { // only the loop calls it before the row is created
		looks()
		return time.Now()
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.engine.Run(ctx) }()
	receive(t, looping)
	b.create("a")
	require.Equal(t, statemachine.Event("create"), receive(t, moved).Event)
	require.Equal(t, statemachine.Event("shine"), receive(t, moved).Event)
	stop()
	receive(t, done)
}

// receive returns the next value from a channel, or the zero value if it is closed.
func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(time.Minute):
		require.FailNow(t, "nothing received within a minute")
	}
	return v
}

func TestAdvance_WriteSessions(t *testing.T) {
	for name, c := range map[string]struct {
		rows []string
		want int
	}{
		"nothing due": {want: 1},
		"one timer":   {rows: []string{"a"}, want: 2},
		"two timers":  {rows: []string{"a", "b"}, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, statemachine.Fast)
			b.clock(statemachine.Frozen)
			b.create(c.rows...)
			sessions := b.engine.CountSessions()
			require.Len(t, b.advance(time.Minute), len(c.rows))
			require.Equal(t, c.want, *sessions)
		})
	}
}

func TestSetClock_WriteSessions(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	sessions := b.engine.CountSessions()
	later := start.Add(time.Minute)
	require.NoError(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Now: &later}))
	require.Equal(t, 2, *sessions)
	require.Equal(t, "Shining", b.state("a"))
}

// A checkpoint contains the clock and the pending timers: a restored world takes the same course again.
func TestCheckpoint_ContainsClockAndTimers(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	require.NoError(t, b.db.Checkpoint("w", "before", nil))
	for range 3 {
		require.Equal(t, []string{"2s a shine Warming>Shining"}, b.advance(time.Minute))
		require.NoError(t, b.db.Restore("w", "before", nil))
		b.engine.Rescan("w")
		now, err := b.engine.Now("w")
		require.NoError(t, err)
		require.Equal(t, start, now)
		require.Equal(t, "Warming", b.state("a"))
	}
}

func TestStay_LeavesNoTimer(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("stubborn")
	require.Empty(t, b.advance(time.Minute))
	require.Equal(t, "Warming", b.state("stubborn"))
	reading, err := b.engine.Clock("w")
	require.NoError(t, err)
	require.Zero(t, reading.Timers)
}

// A row that a release leaves in its state has no pending timer any more.
func TestRelease_StayLeavesNoTimer(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("stubborn")
	require.NoError(t, b.engine.Update("w", "test", func(tx *store.Tx) error {
		_, err := b.engine.Release(tx, "test.lamp", []string{""}, "stubborn")
		return err
	}))
	require.Equal(t, "Warming", b.state("stubborn"))
	reading, err := b.engine.Clock("w")
	require.NoError(t, err)
	require.Zero(t, reading.Timers)
}

// A timer of a kind that the program does not have, for example in the data of another version, does not block others.
func TestTimers_UnknownKind(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.create("a")
	b.update(func(tx *store.Tx) error { return statemachine.PutForeignTimer(tx, tx.Now.Add(time.Second)) })
	b.pass(time.Minute)
	require.Equal(t, "Shining", b.state("a"))
	require.Zero(t, b.pending())
}
