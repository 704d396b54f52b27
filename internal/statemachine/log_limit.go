package statemachine

import (
	"sync"
	"time"
)

// The limits of the log: the time between two equal messages, and the number of messages that are compared.
const (
	logEvery    = time.Minute
	logMessages = 1024
)

// logLimit lets each message through once a minute, so that an error that repeats does not fill the log.
type logLimit struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// allow reports whether the message may be logged.
func (l *logLimit) allow(message string, wall time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.last[message]; ok && wall.Sub(last) < logEvery {
		return false
	}
	if len(l.last) >= logMessages {
		for m, last := range l.last {
			if wall.Sub(last) >= logEvery {
				delete(l.last, m)
			}
		}
	}
	if l.last == nil {
		l.last = map[string]time.Time{}
	}
	if len(l.last) >= logMessages {
		return false
	}
	l.last[message] = wall
	return true
}
