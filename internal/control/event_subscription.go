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

// subscription is the event queue of one client. If the queue is full, the oldest event is dropped and counted.
type subscription struct {
	bus   *eventBus
	world string   // "" for all worlds
	kinds []string // of eventTypes; empty for all
	wake  chan struct{}

	mu      sync.Mutex
	queue   []event
	dropped uint64
	over    bool // the life of the world has ended
}

// subscribe adds a subscription. After, if not empty, is the id of the last event that the client received; the
// subscription then starts with the stored events after it. Lost reports whether events are no longer stored, and
// missing is their number across all worlds, 0 if unknown.
func (b *eventBus) subscribe(world string, kinds []string, after string) (s *subscription, missing uint64, lost bool,
	err error) {
	epoch, seq, err := readEventID(after)
	if err != nil {
		return nil, 0, false, err
	}
	s = &subscription{bus: b, world: world, kinds: kinds, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.hasRoom(world); err != nil {
		return nil, 0, false, err
	}
	b.subs[s] = true
	b.alive.Store(true)
	switch {
	case after == "":
		return s, 0, false, nil
	case epoch != b.epoch || seq > b.seq:
		return s, 0, true, nil // an id of an earlier process
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

// hasRoom returns a problem if no more subscriptions to the world may be open; "" is all worlds.
func (b *eventBus) hasRoom(world string) error {
	same := 0
	for s := range b.subs {
		if s.world == world {
			same++
		}
	}
	of := fmt.Sprintf("of the world %q", world)
	if world == "" {
		of = "of all worlds (world=*)"
	}
	switch {
	case same >= maxWorldSubscribers:
		return &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf(
			"%d event streams %s are open, which is the limit for one world; close one", same, of)}
	case len(b.subs) >= maxSubscribers:
		return &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf(
			"%d event streams are open, which is the limit for all worlds together; close one", len(b.subs))}
	}
	return nil
}

// leave ends the subscription.
func (s *subscription) leave() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	delete(s.bus.subs, s)
	s.bus.idle = s.bus.wall()
}

// offer queues an event if it matches the world and the types of the subscription.
func (s *subscription) offer(e event) {
	if s.world != "" && e.world != s.world || len(s.kinds) > 0 && !slices.Contains(s.kinds, e.kind) {
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

// take empties the queue. It returns the events and the number of events that were dropped before them.
func (s *subscription) take() (events []event, dropped uint64, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, dropped, over = s.queue, s.dropped, s.over
	s.queue, s.dropped = nil, 0
	return events, dropped, over
}

// eventID returns the id of an event, for Last-Event-ID.
func (b *eventBus) eventID(seq uint64) string { return b.epoch + "-" + strconv.FormatUint(seq, 10) }

func readEventID(id string) (epoch string, seq uint64, err error) {
	if id == "" {
		return "", 0, nil
	}
	epoch, number, _ := strings.Cut(id, "-")
	if seq, err = strconv.ParseUint(number, 10, 64); err != nil || epoch == "" {
		return "", 0, &strict.Error{Path: "Last-Event-ID", Detail: fmt.Sprintf("%.80q is not an event id of this simulator",
			id)}
	}
	return epoch, seq, nil
}
