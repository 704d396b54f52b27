package statemachine

import (
	"sync/atomic"
	"time"
)

// Wall is a wall clock that never goes back, also if the system's clock is set back. Then it continues from the last
// time that it returned. As soon as the system's clock has reached that time again, both are the same.
type Wall struct {
	read  func() time.Time
	last  atomic.Int64 // in nanoseconds of the Unix time
	ahead atomic.Int64 // of the system's clock, in nanoseconds
}

// NewWall returns a wall clock that reads the system's clock by read, such as time.Now.
func NewWall(read func() time.Time) *Wall { return &Wall{read: read} }

// Now returns the time.
func (w *Wall) Now() time.Time {
	for {
		ahead, last, now := w.ahead.Load(), w.last.Load(), w.read()
		at := now.UnixNano()
		if at < last {
			at += ahead
		} else if ahead != 0 && w.ahead.CompareAndSwap(ahead, 0) {
			ahead = 0
		}
		if at < last {
			// Another goroutine may have read the clock a moment later. More than that is a step back.
			if back := last - at; back > int64(time.Second) {
				w.ahead.CompareAndSwap(ahead, ahead+back)
			}
			at = last
		}
		if w.last.CompareAndSwap(last, at) {
			return now.Add(time.Duration(at - now.UnixNano()))
		}
	}
}
