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

// The modes. Auto runs like real; in it, the second read of a thing that is in a transient state first jumps to that
// thing's next timer, so that waiters finish at once.
const (
	Real   Mode = "real"
	Frozen Mode = "frozen"
	Auto   Mode = "auto"
)

// Names lists the modes.
func (Mode) Names() []string { return []string{string(Real), string(Frozen), string(Auto)} }

// maxRate bounds how much faster than the wall a clock may run.
const maxRate = 1e6

// Clock is a world's clock as it lies in the world's layers: at the wall instant Wall it showed Base.
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

// clockOf reads the clock of the transaction's world; one that was never set shows the wall's time.
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

// show is what the clock shows at a wall instant: whole milliseconds, in UTC.
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

// wallAt is the wall instant at which the clock will show t; false for a clock that will not by itself.
func (c Clock) wallAt(t time.Time) (time.Time, bool) {
	switch {
	case c.Mode == Frozen:
		return time.Time{}, false
	case c.Base.IsZero():
		return t, true
	}
	return c.Wall.Add(time.Duration(float64(t.Sub(c.Base)) / c.Rate)), true
}

// at is the same clock moved to show t at the wall instant.
func (c Clock) at(t, wall time.Time) Clock {
	c.Base, c.Wall = t.UTC().Truncate(time.Millisecond), wall
	return c
}

// ClockSetting is what PUT /_sim/clock takes: any of its members, nil ones stay as they are.
type ClockSetting struct {
	Mode *Mode      `json:"mode"`
	Rate *float64   `json:"rate"`
	Now  *time.Time `json:"now"`
}

// apply answers the clock as the setting makes it. A clock may only be set forward: timers, tokens and events already
// carry what it has shown.
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

// ClockReading is what GET /_sim/clock answers.
type ClockReading struct {
	Mode   Mode       `json:"mode"`
	Rate   float64    `json:"rate"`
	Now    time.Time  `json:"now"`
	Timers int        `json:"timers"`
	Next   *time.Time `json:"next,omitempty"`
}
