package statemachine_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
)

func TestClock_NeverDecreasesAtAnyRate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bases := []time.Time{statemachine.FirstInstant, start, statemachine.LastInstant.Add(-time.Hour),
		statemachine.LastInstant}
	walls := []time.Time{start, start.AddDate(-2000, 0, 0), time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC)}
	for range 2000 {
		c := statemachine.Clock{Mode: statemachine.Real, Rate: math.Pow(10, random.Float64()*18-9),
			Base: bases[random.IntN(len(bases))], Wall: walls[random.IntN(len(walls))]}
		shown, wall := c.Base, c.Wall.Add(-time.Hour)
		for range 50 {
			wall = wall.Add(time.Duration(math.Pow(10, random.Float64()*18)))
			now := c.Show(wall)
			require.False(t, now.Before(shown), "%+v at %s shows %s after %s", c, wall, now, shown)
			require.NoError(t, statemachine.CheckInstant(now))
			shown = now
		}
		due := c.Base.Add(time.Duration(random.Int64N(1 << 62)))
		if at, ok := c.WallAt(due); ok && !due.After(statemachine.LastInstant) {
			require.False(t, c.Show(at).Before(due), "%+v at %s shows %s instead of %s", c, at, c.Show(at), due)
		}
	}
}

func TestClock_Show(t *testing.T) {
	for name, c := range map[string]struct {
		clock  statemachine.Clock
		passed time.Duration
		want   time.Time
	}{
		"rate 1e6 after 292 years": {clock: statemachine.Clock{Rate: 1e6, Base: start}, passed: 154 * time.Minute,
			want: time.UnixMilli(start.UnixMilli() + 154*60*1e9).UTC()},
		"rate 1e9 ends": {clock: statemachine.Clock{Rate: 1e9, Base: start}, passed: time.Hour,
			want: statemachine.LastInstant},
		"rate 1e-9": {clock: statemachine.Clock{Rate: 1e-9, Base: start}, passed: 1e18,
			want: start.Add(time.Second)},
		"before its setting": {clock: statemachine.Clock{Rate: 1, Base: start}, passed: -time.Hour, want: start},
		"one of years behind": {clock: statemachine.Clock{Rate: 60, Base: start}, passed: time.Second,
			want: start.Add(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			c.clock.Mode, c.clock.Wall = statemachine.Real, start
			require.Equal(t, c.want, c.clock.Show(start.Add(c.passed)))
		})
	}
}

func TestWall_NeverGoesBack(t *testing.T) {
	system := start
	wall := statemachine.NewWall(func() time.Time { return system })
	require.Equal(t, start, wall.Now())
	system = start.Add(-time.Hour)
	require.Equal(t, start, wall.Now().UTC())
	system = system.Add(time.Minute)
	require.Equal(t, start.Add(time.Minute), wall.Now().UTC(), "it goes on at the same pace")
	system = start.Add(time.Hour)
	require.Equal(t, system, wall.Now(), "it is right again when the system's clock is")
}

func TestSetClock_RefusesWhatNoClockShows(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	instant := func(text string) *time.Time {
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return &at
	}
	rate := func(r float64) *float64 { return &r }
	for want, s := range map[string]statemachine.ClockSetting{
		"now: 10000-01-01T01:00:00.999+01:00": {Now: func() *time.Time {
			at := statemachine.LastInstant.Add(time.Second).In(time.FixedZone("", 3600))
			return &at
		}()},
		"now: 0000-12-31T23:59:59Z":       {Now: instant("0000-12-31T23:59:59Z")},
		"now: 9999-12-31T23:59:59-01:00":  {Now: instant("9999-12-31T23:59:59-01:00")},
		"rate: 1e-10: must be from 1e-09": {Rate: rate(1e-10)},
		"rate: +Inf":                      {Rate: rate(math.Inf(1))},
		"rate: NaN":                       {Rate: rate(math.NaN())},
		"rate: 0":                         {Rate: rate(0)},
	} {
		require.ErrorContains(t, b.engine.SetClock(t.Context(), "w", s), want)
	}
}
