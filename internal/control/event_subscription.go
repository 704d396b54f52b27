package control

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"storagesim/internal/strict"
)

// subscription is one listener's queue. What does not fit is counted, and the oldest goes first.
type subscription struct {
	bus   *eventBus
	world string
	kinds []string // of eventTypes; empty: all
	wake  chan struct{}

	mu      sync.Mutex
	queue   []event
	dropped uint64
	over    bool // the world is no more
}

// subscribe begins a subscription. With after, an id that the hub has given, it begins with what came since as far as
// that is kept; lost says whether something is missing, and missing how many events of all worlds, 0 where that is not known.
func (b *eventBus) subscribe(world string, kinds []string, after string) (s *subscription, missing uint64, lost bool, err error) {
	epoch, seq, err := readEventID(after)
	if err != nil {
		return nil, 0, false, err
	}
	s = &subscription{bus: b, world: world, kinds: kinds, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.subs) >= maxSubscribers {
		return nil, 0, false, &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf("there are %d streams of events and no more are allowed", len(b.subs))}
	}
	b.subs[s] = true
	b.alive.Store(true)
	switch {
	case after == "":
		return s, 0, false, nil
	case epoch != b.epoch || seq > b.seq:
		return s, 0, true, nil // of an earlier process
	case seq < b.seq && len(b.ring) == 0:
		return s, 0, true, nil
	case len(b.ring) > 0 && b.ring[0].seq > seq+1:
		lost = true
		missing = b.ring[0].seq - seq - 1
	}
	for _, e := range b.ring {
		if e.seq > seq {
			s.offer(e)
		}
	}
	return s, missing, lost, nil
}

// leave ends the subscription.
func (s *subscription) leave() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	delete(s.bus.subs, s)
	s.bus.idle = s.bus.wall()
}

// offer queues an event if the subscriber wants it.
func (s *subscription) offer(e event) {
	if e.world != s.world || len(s.kinds) > 0 && !slices.Contains(s.kinds, e.kind) {
		return
	}
	s.mu.Lock()
	if len(s.queue) == s.bus.queue {
		s.queue = slices.Delete(s.queue, 0, 1)
		s.dropped++
	}
	s.queue = append(s.queue, e)
	s.mu.Unlock()
	s.signal()
}

func (s *subscription) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.signal()
}

func (s *subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take empties the queue, and tells how many were dropped before what it answers.
func (s *subscription) take() (events []event, dropped uint64, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, dropped, over = s.queue, s.dropped, s.over
	s.queue, s.dropped = nil, 0
	return events, dropped, over
}

// eventID names an event for Last-Event-ID.
func (b *eventBus) eventID(seq uint64) string { return b.epoch + "-" + strconv.FormatUint(seq, 10) }

func readEventID(id string) (epoch string, seq uint64, err error) {
	if id == "" {
		return "", 0, nil
	}
	epoch, number, _ := strings.Cut(id, "-")
	if seq, err = strconv.ParseUint(number, 10, 64); err != nil || epoch == "" {
		return "", 0, &strict.Error{Path: "Last-Event-ID", Detail: fmt.Sprintf("%.80q is not an id of this stream", id)}
	}
	return epoch, seq, nil
}
