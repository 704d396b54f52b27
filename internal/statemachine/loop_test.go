package statemachine_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// logText is a log that several goroutines write to.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) count(of string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), of)
}

// inBubble runs fn in a bubble, in which real time passes only while all goroutines wait. The timer loop of the bench
// runs meanwhile.
func inBubble(t *testing.T, fn func(b *bench, log *logText)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		log := &logText{}
		b := &bench{TB: t, dir: dir, lamps: lamps()}
		db, err := store.Open(filepath.Join(dir, "sim.db"), store.Options{})
		require.NoError(t, err)
		b.db = db
		b.engine, err = statemachine.New(db, statemachine.Fast, zerolog.New(log), b.lamps)
		require.NoError(t, err)
		require.NoError(t, b.engine.Base("empty", 7, time.Now(), func(*store.Tx) error { return nil }))
		for _, world := range []string{"w", "other"} {
			require.NoError(t, db.CreateWorld(world, "empty", nil, nil))
		}
		b.engine.BeforeWrites(func(world string) error {
			if b.full.Load() && world == "w" {
				return errors.New("no space left on device")
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { b.engine.Run(ctx) })
		synctest.Wait()
		fn(b, log)
		stop()
		loop.Wait()
		require.NoError(t, db.Close())
	})
}

// sleep lets the time of a bubble pass, and returns when all its goroutines wait again.
func sleep(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the clock of a bubble
	synctest.Wait()
}

func TestRun_SleepsWhileNothingIsDue(t *testing.T) {
	for name, c := range map[string]struct {
		rate  float64
		delay string
		most  int64 // wake-ups in an hour
	}{
		"no timer":              {rate: 1, delay: "held", most: 2},
		"in years":              {rate: 1, delay: "876000h", most: 70},
		"in billions of years":  {rate: 1e-9, delay: "876000h", most: 3},
		"beyond time.Duration":  {rate: 0.001, delay: "8760h", most: 70},
		"a thousandth per year": {rate: 1e-9, delay: "10ms", most: 70},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench, _ *logText) {
				require.NoError(t, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Rate: &c.rate}))
				b.warmUpTakes(c.delay)
				b.create("a")
				before := b.engine.Wakeups()
				sleep(time.Hour)
				require.LessOrEqual(t, b.engine.Wakeups()-before, c.most)
			})
		})
	}
}

func TestRun_PausesAWorldWhoseTimersCannotBeFired(t *testing.T) {
	inBubble(t, func(b *bench, log *logText) {
		b.create("a")
		require.NoError(t, b.engine.Update("other", "test", func(tx *store.Tx) error {
			_, err := b.lamps.Create(tx, lamp{ID: "b"}, warming)
			return err
		}))
		b.full.Store(true)
		before := b.engine.Wakeups()
		sleep(10 * time.Minute)
		require.Less(t, b.engine.Wakeups()-before, int64(50))
		require.InDelta(t, 10, log.count("no space left"), 2, "the same error is logged once a minute")
		require.NoError(t, b.db.View("other", func(tx *store.Tx) error {
			row, err := b.lamps.Get(tx, "b")
			require.Equal(t, shining, row.Life.State, "other worlds go on")
			return err
		}))
		b.full.Store(false)
		sleep(2 * time.Minute)
		require.NoError(t, b.db.View("w", func(tx *store.Tx) error {
			row, err := b.lamps.Get(tx, "a")
			require.Equal(t, shining, row.Life.State)
			return err
		}))
	})
}

func TestRun_PanicOfAMachineDropsTheTimer(t *testing.T) {
	inBubble(t, func(b *bench, log *logText) {
		b.create("explosive", "a")
		sleep(time.Minute)
		require.Equal(t, 1, log.count("timer could not be fired and was dropped"))
		require.Equal(t, 1, log.count("panic: boom"))
		require.Contains(t, log.text.String(), "fireTimer", "the stack is logged")
		require.Equal(t, "Shining", b.state("a"))
		require.Equal(t, "Warming", b.state("explosive"))
	})
}

// A clock that moves faster than its timers can fire shows the instant of the first timer that is left.
func TestUpdate_ClockTooFastForItsTimers(t *testing.T) {
	b := newJobBench(t)
	wall, rate, running := start, 1e9, statemachine.Real
	b.engine.SetWall(func() time.Time {
		wall = wall.Add(10 * time.Microsecond) // almost three hours of the world
		return wall
	})
	setting := statemachine.ClockSetting{Mode: &running, Rate: &rate}
	require.NoError(t, b.engine.SetClock(t.Context(), "w", setting))
	require.NoError(t, b.engine.Update("w", "test", func(tx *store.Tx) error {
		_, err := b.jobs.Create(tx, job{ID: "endless", Progress: math.MinInt32}, "Queued") // a timer every hour
		return err
	}))
	var shown time.Time
	for range 2 {
		require.NoError(t, b.engine.Update("w", "test", func(tx *store.Tx) error {
			require.False(t, tx.Now.Before(shown), "it showed %s and shows %s", shown, tx.Now)
			shown = tx.Now
			return nil
		}))
		now, err := b.engine.Now("w")
		require.NoError(t, err)
		require.False(t, now.Before(shown), "it showed %s and shows %s", shown, now)
		shown = now
	}
}
