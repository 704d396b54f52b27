package statemachine_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// timeWalk makes random changes of a world's clock and compares what the clock shows with what it showed before.
type timeWalk struct {
	*bench
	random *rand.Rand
	shown  time.Time // in this life of the world
	mode   statemachine.Mode
	made   int
	kept   bool // there is a checkpoint
}

// The sum of parallel advances is exact, and time never decreases within a life of the world, at the edges of years,
// rates and delays.
func TestTime_RandomWalk(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &timeWalk{bench: newBench(t, statemachine.Fast), random: rand.New(rand.NewPCG(seed, 9)),
				mode: statemachine.Real}
			w.engine.SetWall(func() time.Time {
				w.pass(time.Millisecond)
				return w.now()
			})
			steps := []func(){w.set, w.advance, w.advance, w.passTime, w.createLamp, w.createLamp, w.read, w.checkpoint,
				w.restore}
			for range 60 {
				steps[w.random.IntN(len(steps))]()
				w.check()
			}
			require.NoError(t, w.db.Verify(w.engine.Verifiers()...))
		})
	}
}

func (w *timeWalk) check() {
	w.Helper()
	now := w.worldNow()
	require.NoError(w, statemachine.CheckInstant(now))
	require.False(w, now.Before(w.shown), "the clock showed %s and shows %s", w.shown, now)
	w.shown = now
}

// duration returns a duration from a millisecond to a hundred years, with the same chance for each magnitude.
func (w *timeWalk) duration() time.Duration {
	d := time.Duration(math.Pow(10, 6+w.random.Float64()*12.5))
	return max(d.Truncate(time.Millisecond), time.Millisecond)
}

func (w *timeWalk) set() {
	modes := []statemachine.Mode{statemachine.Real, statemachine.Frozen, statemachine.Auto}
	rate := math.Pow(10, w.random.Float64()*18-9)
	s := statemachine.ClockSetting{Mode: &modes[w.random.IntN(len(modes))], Rate: &rate}
	switch w.random.IntN(4) {
	case 0:
		at := statemachine.Later(w.worldNow(), w.duration())
		s.Now = &at
	case 1:
		at := statemachine.LastInstant.Add(-w.duration())
		if at.After(w.worldNow()) {
			s.Now = &at
		}
	}
	if err := w.engine.SetClock(w.Context(), "w", s); err != nil {
		require.ErrorContains(w, err, "does not go back", "the clock may have passed the instant meanwhile")
		return
	}
	w.mode = *s.Mode
}

// advance makes several advances in parallel.
func (w *timeWalk) advance() {
	before := w.worldNow()
	var wait sync.WaitGroup
	var mu sync.Mutex
	var sum time.Duration
	for range 1 + w.random.IntN(5) {
		by := w.duration() / 16
		by = max(by.Truncate(time.Millisecond), time.Millisecond)
		wait.Go(func() {
			done, err := w.engine.Advance(w.Context(), "w", statemachine.Advance{By: by})
			if errors.As(err, new(*statemachine.RangeError)) {
				return
			}
			assert.NoError(w, err) //nolint:testifylint // not the goroutine of the test
			assert.False(w, done.Now.Before(before))
			mu.Lock()
			defer mu.Unlock()
			sum += by
		})
	}
	wait.Wait()
	if w.mode == statemachine.Frozen {
		require.Equal(w, before.Add(sum), w.worldNow(), "the advances add up to %s", sum)
	}
}

func (w *timeWalk) passTime() {
	w.pass(time.Duration(math.Pow(10, w.random.Float64()*14)))
	w.engine.FireDue("w")
}

func (w *timeWalk) createLamp() {
	w.warmUpTakes(w.duration().String())
	w.made++
	w.create(fmt.Sprint(w.made))
}

func (w *timeWalk) read() {
	require.NoError(w, w.engine.View("w", "test", func(tx *store.Tx) error {
		require.False(w, tx.Now.Before(w.shown))
		for _, row := range w.lamps.Table().All(tx, "", "") {
			require.False(w, row.Life.Since.After(tx.Now))
			w.lamps.Observed(tx, &row)
		}
		return nil
	}))
}

func (w *timeWalk) checkpoint() {
	_, err := w.engine.Checkpoint("w", "c")
	require.NoError(w, err)
	w.kept = true
}

// restore begins a new life of the world.
func (w *timeWalk) restore() {
	if !w.kept {
		return
	}
	require.NoError(w, w.engine.Restore("w", "c"))
	reading, err := w.engine.Clock("w")
	require.NoError(w, err)
	w.shown, w.mode = time.Time{}, reading.Mode
}
