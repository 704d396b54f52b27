package statemachine

import (
	"fmt"
	"math"
	"time"
)

// resolution is the resolution of all clocks and timers.
const resolution = time.Millisecond

// The first and the last instant of every clock, timer and schedule. RFC 3339 expresses nothing outside of the years 1
// to 9999, and the zero time.Time stands for no instant.
var (
	firstInstant = time.Date(1, 1, 1, 0, 0, 0, int(resolution), time.UTC)
	lastInstant  = time.Date(9999, 12, 31, 23, 59, 59, int(time.Second-resolution), time.UTC)
)

// CheckInstant returns an error for an instant that no clock can show.
func CheckInstant(t time.Time) error {
	if t.Before(firstInstant) || t.After(lastInstant.Add(resolution-1)) {
		return fmt.Errorf("must be an instant from %s to %s, such as 2026-06-01T00:00:00Z",
			firstInstant.Format(time.RFC3339Nano), lastInstant.Format(time.RFC3339Nano))
	}
	return nil
}

// Later returns the instant d after t, or the last instant that a clock can show if that is earlier.
func Later(t time.Time, d time.Duration) time.Time { return inRange(t.Add(d)) }

// inRange returns t, or the nearest instant that a clock can show.
func inRange(t time.Time) time.Time {
	switch {
	case t.Before(firstInstant):
		return firstInstant
	case t.After(lastInstant):
		return lastInstant
	}
	return t
}

// whole rounds an instant up to the resolution.
func whole(t time.Time) time.Time {
	if down := t.Truncate(resolution); !down.Equal(t) {
		return down.Add(resolution)
	}
	return t
}

// exact bounds the nanoseconds that shift adds as a time.Duration.
const exact = float64(1 << 62)

// shift returns the instant a number of nanoseconds after t, rounded down to the resolution, and never one after
// lastInstant. It never returns an earlier instant for a larger number. t must be a multiple of the resolution.
func shift(t time.Time, nanoseconds float64) time.Time {
	if nanoseconds < exact {
		return inRange(t.Add(time.Duration(nanoseconds)).UTC().Truncate(resolution))
	}
	left := float64(lastInstant.UnixMilli() - t.UnixMilli())
	return time.UnixMilli(t.UnixMilli() + int64(min(nanoseconds/float64(resolution), left))).UTC()
}

// nanoseconds returns the time from one instant to another. Unlike time.Time.Sub it has no limit of 292 years.
func nanoseconds(from, to time.Time) float64 {
	if d := to.Sub(from); d != math.MaxInt64 && d != math.MinInt64 {
		return float64(d)
	}
	return float64(to.Unix()-from.Unix())*float64(time.Second) + float64(to.Nanosecond()-from.Nanosecond())
}
