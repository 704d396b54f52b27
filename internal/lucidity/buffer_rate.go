package lucidity

import (
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// The limit of calls about buffers (facts/dms-lucidlink-lucidity.md 2.4).
const (
	buffersPerWindow = 50
	bufferWindow     = time.Minute
)

// bufferRate holds the times of the calls within the last window, the oldest first. Only calls that change a buffer
// count; refused calls and reads do not (assumption 353).
type bufferRate struct {
	Taken []time.Time `json:"taken"`
}

const bufferRateKey = "rate"

var bufferRates = store.NewTable("lucidity.bufferrate",
	func(*bufferRate) string { return bufferRateKey }, store.JSON[bufferRate]())

// bufferRateOf returns the current time, and the calls that count towards the rate limit at that time.
func bufferRateOf(tx *store.Tx) (bufferRate, time.Time) {
	rate, err := bufferRates.Get(tx, bufferRateKey)
	if err != nil {
		return bufferRate{}, tx.Now
	}
	for len(rate.Taken) > 0 && !rate.Taken[0].After(tx.Now.Add(-bufferWindow)) {
		rate.Taken = rate.Taken[1:]
	}
	return rate, tx.Now
}

// RateCause is the limit that caused a 429.
type RateCause struct {
	Limit  int       `json:"limit"`
	Window string    `json:"window"`
	Until  time.Time `json:"until"` // when the next call will be accepted
}

// CauseKind returns refusal.Limit.
func (RateCause) CauseKind() refusal.CauseKind { return refusal.Limit }

// WouldWork returns the advice of explain.
func (c RateCause) WouldWork() string {
	return "the same request at " + c.Until.Format(time.RFC3339Nano) +
		" on the world's clock or later; POST /_sim/clock/advance advances it"
}

// withinRate refuses with ResourceExhausted if the limit is reached.
func withinRate(rate bufferRate, now time.Time) error {
	if len(rate.Taken) < buffersPerWindow {
		return nil
	}
	until := rate.Taken[0].Add(bufferWindow)
	return refusal.New(refusal.ResourceExhausted,
		"Rate limit exceeded: at most %d requests per minute; the next one is possible in %s",
		buffersPerWindow, until.Sub(now)).Because(RateCause{buffersPerWindow, bufferWindow.String(), until})
}

// takeTurn counts a call. It refuses as withinRate does.
func takeTurn(tx *store.Tx) error {
	rate, now := bufferRateOf(tx)
	if err := withinRate(rate, now); err != nil {
		return err
	}
	rate.Taken = append(rate.Taken, now)
	return bufferRates.Put(tx, &rate)
}
