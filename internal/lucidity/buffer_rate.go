package lucidity

import (
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// How many calls about buffers are taken in how long (facts/dms-lucidlink-lucidity.md 2.4).
const (
	buffersPerWindow = 50
	bufferWindow     = time.Minute
)

// bufferRate is when the calls were taken that changed a buffer within the last window, the oldest first. Refused calls are
// not among them, nor are reads, which change nothing (assumption 353).
type bufferRate struct {
	Taken []time.Time `json:"taken"`
}

const bufferRateKey = "rate"

var bufferRates = store.NewTable("lucidity.bufferrate", func(*bufferRate) string { return bufferRateKey }, store.JSON[bufferRate]())

// bufferRateOf answers the calls that count now.
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

// RateCause is the limit behind a 429.
type RateCause struct {
	Limit  int       `json:"limit"`
	Window string    `json:"window"`
	Until  time.Time `json:"until"` // when the next call will be taken
}

// CauseKind is refusal.Limit.
func (RateCause) CauseKind() refusal.CauseKind { return refusal.Limit }

// WouldWork is what explain says.
func (c RateCause) WouldWork() string {
	return "the same request from " + c.Until.Format(time.RFC3339Nano) + " of the world's clock on; POST /_sim/clock/advance moves it there"
}

// withinRate refuses with ResourceExhausted while as many calls count as may.
func withinRate(rate bufferRate, now time.Time) error {
	if len(rate.Taken) < buffersPerWindow {
		return nil
	}
	until := rate.Taken[0].Add(bufferWindow)
	return refusal.New(refusal.ResourceExhausted, "Rate limit exceeded: at most %d requests per minute; the next one is possible in %s",
		buffersPerWindow, until.Sub(now)).Because(RateCause{buffersPerWindow, bufferWindow.String(), until})
}

// takeTurn counts a call, or refuses it as withinRate does.
func takeTurn(tx *store.Tx) error {
	rate, now := bufferRateOf(tx)
	if err := withinRate(rate, now); err != nil {
		return err
	}
	rate.Taken = append(rate.Taken, now)
	return bufferRates.Put(tx, &rate)
}
