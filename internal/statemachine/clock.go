package statemachine

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"storagesim/internal/store"
	"storagesim/internal/varint"
)

// Mode is how a world's clock moves.
type Mode string

// The modes. Auto runs like real, but the second read of a resource in a transient state first jumps to the resource's
// next timer, so a client that polls finishes at once.
const (
	Real   Mode = "real"
	Frozen Mode = "frozen"
	Auto   Mode = "auto"
)

// Names lists the modes.
func (Mode) Names() []string { return []string{string(Real), string(Frozen), string(Auto)} }

// maxRate is the highest rate of a clock in relation to the wall clock.
const maxRate = 1e6

// Clock is a world's clock: at the wall instant Wall it showed Base.
type Clock struct {
	Mode Mode
	Rate float64
	Base time.Time
	Wall time.Time
}

const clockKey = "clock"

// The clock is read at the beginning of every transaction.
var clocks = store.NewTable("clock", func(*Clock) string { return clockKey }, store.Codec[Clock]{
	Append: func(dst []byte, c *Clock) ([]byte, error) {
		dst = varint.AppendBytes(dst, string(c.Mode))
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(c.Rate))
		return appendTime(appendTime(dst, c.Base), c.Wall), nil
	},
	Decode: func(src []byte, c *Clock) error {
		r := varint.NewReader(src)
		c.Mode = Mode(r.Text())
		c.Rate = math.Float64frombits(r.Uint64())
		c.Base, c.Wall = readTime(&r), readTime(&r)
		return r.End()
	},
})

// clockOf returns the clock of the transaction's world. A clock that was never set shows the time of the wall clock.
func clockOf(tx *store.Tx) Clock {
	root := tx.In("")
	if !clocks.Has(root, clockKey) {
		return Clock{Mode: Real, Rate: 1}
	}
	c, err := clocks.Get(root, clockKey)
	if err != nil {
		return Clock{Mode: Real, Rate: 1}
	}
	return c
}

// show returns the instant that the clock shows at a wall instant, in UTC and whole milliseconds.
func (c Clock) show(wall time.Time) time.Time {
	switch {
	case c.Mode == Frozen:
		return c.Base
	case c.Base.IsZero():
		return wall.UTC().Truncate(time.Millisecond)
	}
	passed := time.Duration(float64(wall.Sub(c.Wall)) * c.Rate)
	return c.Base.Add(passed).UTC().Truncate(time.Millisecond)
}

// wallAt returns the wall instant at which the clock will show t. It returns false for a frozen clock.
func (c Clock) wallAt(t time.Time) (time.Time, bool) {
	switch {
	case c.Mode == Frozen:
		return time.Time{}, false
	case c.Base.IsZero():
		return t, true
	}
	return c.Wall.Add(time.Duration(float64(t.Sub(c.Base)) / c.Rate)), true
}

// at returns the clock, moved so that it shows t at the wall instant.
func (c Clock) at(t, wall time.Time) Clock {
	c.Base, c.Wall = t.UTC().Truncate(time.Millisecond), wall
	return c
}

// ClockSetting is the request of PUT /_sim/clock. Members that are nil are not changed.
type ClockSetting struct {
	Mode *Mode      `json:"mode"`
	Rate *float64   `json:"rate"`
	Now  *time.Time `json:"now"`
}

// apply returns the clock with the setting. A clock may only be set forward: timers, tokens and events already hold
// instants that it has shown.
func (s ClockSetting) apply(c Clock, wall time.Time) (Clock, error) {
	now := c.show(wall)
	if s.Now != nil {
		if s.Now.Before(now) {
			return c, fmt.Errorf("now %s: the clock already shows %s and does not go back; reset or restore the world for that",
				s.Now.UTC().Format(time.RFC3339Nano), now.Format(time.RFC3339Nano))
		}
		if s.Now.Sub(now) > maxDelay {
			return c, fmt.Errorf("now %s: more than %s ahead of the clock", s.Now.UTC().Format(time.RFC3339), maxDelay)
		}
		now = *s.Now
	}
	if s.Mode != nil {
		switch *s.Mode {
		case Real, Frozen, Auto:
			c.Mode = *s.Mode
		default:
			return c, fmt.Errorf("mode %q: must be real, frozen or auto", *s.Mode)
		}
	}
	if s.Rate != nil {
		if !(*s.Rate > 0 && *s.Rate <= maxRate) {
			return c, fmt.Errorf("rate %v: must be above 0 and at most %v", *s.Rate, maxRate)
		}
		c.Rate = *s.Rate
	}
	return c.at(now, wall), nil
}

// ClockReading is the response of GET /_sim/clock.
type ClockReading struct {
	Mode   Mode       `json:"mode"`
	Rate   float64    `json:"rate"`
	Now    time.Time  `json:"now"`
	Timers int        `json:"timers"`
	Next   *time.Time `json:"next,omitempty"`
}
