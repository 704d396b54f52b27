package statemachine

import (
	"sync"
	"time"
)

// agenda holds for each world the wall instant at which its next timer is due. It is only a hint that wakes the timer
// loop: which timers fire is read from the world.
type agenda struct {
	mu    sync.Mutex
	next  map[string]time.Time
	rests map[string]rest // of worlds whose timers could not be fired
	wake  chan struct{}
}

// rest is a pause of the timer loop in a world.
type rest struct {
	until time.Time
	pause time.Duration
}

// The pauses after timers of a world could not be fired, for example because the disk is full. Each is twice as long as
// the one before.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

func (a *agenda) init() {
	a.next, a.rests = make(map[string]time.Time), make(map[string]rest)
	a.wake = make(chan struct{}, 1)
}

// add sets a world's next instant if it is earlier than the present one.
func (a *agenda) add(world string, at time.Time) {
	a.mu.Lock()
	known, ok := a.next[world]
	earlier := !ok || at.Before(known)
	if earlier {
		a.next[world] = at
	}
	_, rests := a.rests[world]
	a.mu.Unlock()
	if earlier && !rests {
		a.signal()
	}
}

// set replaces a world's next instant. The zero time removes it.
func (a *agenda) set(world string, at time.Time) {
	a.mu.Lock()
	known, ok := a.next[world]
	if at.IsZero() {
		delete(a.next, world)
	} else {
		a.next[world] = at
	}
	earlier := !at.IsZero() && (!ok || at.Before(known))
	_, rests := a.rests[world]
	a.mu.Unlock()
	if earlier && !rests {
		a.signal()
	}
}

// failed makes the loop leave out the world for a pause.
func (a *agenda) failed(world string, wall time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pause := firstPause
	if r, ok := a.rests[world]; ok {
		pause = min(2*r.pause, lastPause)
	}
	a.rests[world] = rest{until: wall.Add(pause), pause: pause}
}

// recovered ends the pauses of a world.
func (a *agenda) recovered(world string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.rests, world)
}

func (a *agenda) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// due returns the worlds whose instant is not after wall, and the earliest instant of the others.
func (a *agenda) due(wall time.Time) (worlds []string, next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for world, at := range a.next {
		if r, ok := a.rests[world]; ok && r.until.After(at) {
			at = r.until
		}
		if !at.After(wall) {
			worlds = append(worlds, world)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return worlds, next
}
