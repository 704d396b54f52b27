package statemachine

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"storagesim/internal/store"
	"storagesim/internal/strict"
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

// The lowest and the highest rate of a clock in relation to the wall clock.
const (
	minRate = 1e-9
	maxRate = 1e9
)

// checkRate returns an error for a rate that no clock can have.
func checkRate(rate float64) error {
	if !(rate >= minRate && rate <= maxRate) {
		return fmt.Errorf("%v: must be from %v to %v; 1 is real time, 60 a minute for each second", rate, minRate, maxRate)
	}
	return nil
}

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

// show returns the instant that the clock shows at a wall instant, in UTC and whole milliseconds. A clock stands at
// lastInstant, and shows Base until the wall instant Wall.
func (c Clock) show(wall time.Time) time.Time {
	switch {
	case c.Mode == Frozen:
		return c.Base
	case c.Base.IsZero():
		return inRange(wall.UTC().Truncate(resolution))
	}
	return shift(c.Base, max(nanoseconds(c.Wall, wall), 0)*c.Rate)
}

// wallAt returns the wall instant at which the clock will show t. It returns false if it never will: for a frozen
// clock, and if the instant is more than 9999 years away.
func (c Clock) wallAt(t time.Time) (time.Time, bool) {
	switch {
	case c.Mode == Frozen:
		return time.Time{}, false
	case c.Base.IsZero():
		return t, true
	}
	ahead := max(nanoseconds(c.Base, t), 0) / c.Rate
	if ahead > nanoseconds(firstInstant, lastInstant) {
		return time.Time{}, false
	}
	seconds, fraction := math.Modf(ahead / float64(time.Second))
	at := time.Unix(c.Wall.Unix()+int64(seconds), int64(c.Wall.Nanosecond())+int64(fraction*float64(time.Second))).UTC()
	// The division may have rounded down. An instant that is too early would wake the timer loop for nothing.
	for step := time.Microsecond; c.show(at).Before(t) && step < time.Hour; step *= 10 {
		at = at.Add(step)
	}
	return at, true
}

// at returns the clock, moved so that it shows t at the wall instant.
func (c Clock) at(t, wall time.Time) Clock {
	c.Base, c.Wall = inRange(t.UTC().Truncate(resolution)), wall
	return c
}

// ClockSetting is the request of PUT /_sim/clock. Members that are nil are not changed.
type ClockSetting struct {
	Mode *Mode      `json:"mode"`
	Rate *float64   `json:"rate"`
	Now  *time.Time `json:"now"`
}

// Check returns a *strict.Error for a setting that no clock can have.
func (s ClockSetting) Check() error {
	if s.Now != nil {
		if err := CheckInstant(*s.Now); err != nil {
			return &strict.Error{Path: "now", Detail: s.Now.Format(time.RFC3339Nano) + ": " + err.Error()}
		}
	}
	if s.Mode != nil && !slices.Contains(Mode("").Names(), string(*s.Mode)) {
		return &strict.Error{Path: "mode", Detail: fmt.Sprintf("%.80q is not a clock mode", *s.Mode),
			Valid: Mode("").Names()}
	}
	if s.Rate != nil {
		if err := checkRate(*s.Rate); err != nil {
			return &strict.Error{Path: "rate", Detail: err.Error()}
		}
	}
	return nil
}

// apply returns the clock with the setting. A clock may only be set forward: timers, tokens and events already hold
// instants that it has shown.
func (s ClockSetting) apply(c Clock, wall time.Time) (Clock, error) {
	if err := s.Check(); err != nil {
		return c, err
	}
	now := c.show(wall)
	if s.Now != nil {
		if s.Now.Before(now) {
			return c, &strict.Error{Path: "now", Detail: fmt.Sprintf(
				"%s: the clock already shows %s and does not go back; reset or restore the world for that",
				s.Now.UTC().Format(time.RFC3339Nano), now.Format(time.RFC3339Nano))}
		}
		now = *s.Now
	}
	if s.Mode != nil {
		c.Mode = *s.Mode
	}
	if s.Rate != nil {
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
