package control

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/strict"
)

// The bounds of the stream of events.
const (
	maxRing        = 4096        // events kept for those who come back
	maxSubscribers = 64          // at a time
	comeBack       = time.Minute // real time for which events are kept after the last subscriber has left
	maxEventText   = 4096        // bytes of a URL in an event
)

// The types of events, in the order of control-api.md.
const (
	requestEvent    = "request"
	transitionEvent = "transition"
	faultEvent      = "fault"
	clockEvent      = "clock"
	droppedEvent    = "dropped" // events were lost; not one of those that can be chosen
)

var eventTypes = [...]string{requestEvent, transitionEvent, faultEvent, clockEvent}

// event is something that happened in a world.
type event struct {
	seq   uint64
	kind  string
	world string
	data  []byte // one line of JSON
}

// hub hands what happens in worlds to those who want to know. It is memory of the process, as the journal is: the events
// have no place in a world's layers, since a restore does not make them unhappen. While nobody subscribes, an event
// costs one atomic load; watchers cost what they do themselves.
type hub struct {
	wall  func() time.Time
	epoch string // of this process, so that numbers of an earlier one are not taken for its own
	queue int    // events that wait for one subscriber at most
	alive atomic.Bool

	mu       sync.Mutex
	seq      uint64
	ring     []event // oldest first
	subs     map[*subscription]bool
	idle     time.Time // when the last subscriber left
	watching atomic.Pointer[[]*watcher]
}

func newHub(wall func() time.Time, queue int) *hub {
	return &hub{wall: wall, queue: max(queue, 1), epoch: strconv.FormatInt(wall().UnixNano(), 36), subs: map[*subscription]bool{}}
}

// attach has the hub told what happens, from now on.
func (h *hub) attach(c *Config) {
	c.Journal.Listen(h.requested)
	c.Engine.Listen(h.moved)
	c.Engine.OnClock(h.clockSet)
	c.Engine.OnReplaced(func(world string) {
		h.notify(world, "", 0)
		if !h.alive.Load() {
			return
		}
		reading, err := c.Engine.Clock(world)
		if err != nil {
			h.ended(world)
			return
		}
		h.publish(clockEvent, world, clockMoved{World: world, Mode: reading.Mode, Rate: reading.Rate, Now: reading.Now, Replaced: true})
	})
}

// requestSeen is the data of a request: what the journal has more, GET /_sim/requests/{id} tells.
type requestSeen struct {
	ID         string    `json:"id"`
	World      string    `json:"world"`
	Cluster    string    `json:"cluster,omitempty"`
	Vendor     string    `json:"vendor"`
	Operation  string    `json:"operation,omitempty"`
	Method     string    `json:"method"`
	URL        string    `json:"url"`
	Status     int       `json:"status"` // 0: no answer was sent
	At         time.Time `json:"at"`     // the world's clock
	RetryAfter int       `json:"retryAfter,omitempty"`
	Fault      string    `json:"fault,omitempty"`
}

// faultFired is the data of a fault that hit a request.
type faultFired struct {
	Fault     string    `json:"fault"` // as the header X-Sim-Fault has it
	World     string    `json:"world"`
	Request   string    `json:"request"`
	Operation string    `json:"operation,omitempty"`
	Status    int       `json:"status"`
	At        time.Time `json:"at"`
}

// transitionSeen is the data of a transition.
type transitionSeen struct {
	World string `json:"world"`
	statemachine.Transition
}

// clockMoved is the data of a clock that was set, advanced or, where the world's state was replaced, came with it.
type clockMoved struct {
	World    string            `json:"world"`
	Mode     statemachine.Mode `json:"mode"`
	Rate     float64           `json:"rate"`
	Now      time.Time         `json:"now"`
	Replaced bool              `json:"replaced,omitempty"`
}

func (h *hub) requested(x *api.Exchange) {
	h.notify(x.World, x.Operation, x.Status)
	if !h.alive.Load() {
		return
	}
	url := x.URL
	if len(url) > maxEventText {
		url = strings.ToValidUTF8(url[:maxEventText], "") + "…"
	}
	h.publish(requestEvent, x.World, requestSeen{ID: x.ID, World: x.World, Cluster: x.Cluster, Vendor: x.Vendor, Operation: x.Operation,
		Method: x.Method, URL: url, Status: x.Status, At: x.At, RetryAfter: x.RetryAfter, Fault: x.Fault})
	if x.Fault != "" {
		h.publish(faultEvent, x.World, faultFired{Fault: x.Fault, World: x.World, Request: x.ID, Operation: x.Operation,
			Status: x.Status, At: x.At})
	}
}

func (h *hub) moved(world string, moves []statemachine.Transition) {
	h.notify(world, "", 0)
	if !h.alive.Load() {
		return
	}
	for _, m := range moves {
		h.publish(transitionEvent, world, transitionSeen{World: world, Transition: m})
	}
}

func (h *hub) clockSet(world string, c statemachine.Clock, now time.Time) {
	h.notify(world, "", 0)
	if h.alive.Load() {
		h.publish(clockEvent, world, clockMoved{World: world, Mode: c.Mode, Rate: c.Rate, Now: now})
	}
}

// publish numbers an event, keeps it in the ring and queues it for those who want it.
func (h *hub) publish(kind, world string, data any) {
	text := mustJSON(data)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.subs) == 0 && h.wall().Sub(h.idle) > comeBack {
		h.ring = nil
		h.alive.Store(false)
		return
	}
	h.seq++
	e := event{seq: h.seq, kind: kind, world: world, data: text}
	if len(h.ring) == maxRing {
		h.ring = slices.Delete(h.ring, 0, maxRing/4) // a quarter at a time, so that the moving is rare
	}
	h.ring = append(h.ring, e)
	for s := range h.subs {
		s.offer(e)
	}
}

// ended tells the subscribers of a world that it is no more.
func (h *hub) ended(world string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		if s.world == world {
			s.end()
		}
	}
}

// watcher is told what happens in a world, at once and in full.
type watcher struct {
	world string
	fn    func(operation string, status int)
}

// watch calls fn whenever something happens in a world: with the operation and the status of a request, with "" of
// anything else. fn must not block.
func (h *hub) watch(world string, fn func(operation string, status int)) (stop func()) {
	w := &watcher{world: world, fn: fn}
	h.change(func(list []*watcher) []*watcher { return append(list, w) })
	return func() {
		h.change(func(list []*watcher) []*watcher {
			return slices.DeleteFunc(list, func(other *watcher) bool { return other == w })
		})
	}
}

// change replaces the list of watchers by a changed copy.
func (h *hub) change(fn func([]*watcher) []*watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*watcher
	if now := h.watching.Load(); now != nil {
		list = slices.Clone(*now)
	}
	if list = fn(list); len(list) == 0 {
		h.watching.Store(nil)
		return
	}
	h.watching.Store(&list)
}

func (h *hub) notify(world, operation string, status int) {
	list := h.watching.Load()
	if list == nil {
		return
	}
	for _, w := range *list {
		if w.world == world {
			w.fn(operation, status)
		}
	}
}

// subscription is one listener's queue. What does not fit is counted, and the oldest goes first.
type subscription struct {
	hub   *hub
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
func (h *hub) subscribe(world string, kinds []string, after string) (s *subscription, missing uint64, lost bool, err error) {
	epoch, seq, err := readEventID(after)
	if err != nil {
		return nil, 0, false, err
	}
	s = &subscription{hub: h, world: world, kinds: kinds, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.subs) >= maxSubscribers {
		return nil, 0, false, &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf("there are %d streams of events and no more are allowed", len(h.subs))}
	}
	h.subs[s] = true
	h.alive.Store(true)
	switch {
	case after == "":
		return s, 0, false, nil
	case epoch != h.epoch || seq > h.seq:
		return s, 0, true, nil // of an earlier process
	case seq < h.seq && len(h.ring) == 0:
		return s, 0, true, nil
	case len(h.ring) > 0 && h.ring[0].seq > seq+1:
		lost = true
		missing = h.ring[0].seq - seq - 1
	}
	for _, e := range h.ring {
		if e.seq > seq {
			s.offer(e)
		}
	}
	return s, missing, lost, nil
}

// leave ends the subscription.
func (s *subscription) leave() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.subs, s)
	s.hub.idle = s.hub.wall()
}

// offer queues an event if the subscriber wants it.
func (s *subscription) offer(e event) {
	if e.world != s.world || len(s.kinds) > 0 && !slices.Contains(s.kinds, e.kind) {
		return
	}
	s.mu.Lock()
	if len(s.queue) == s.hub.queue {
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
func (h *hub) eventID(seq uint64) string { return h.epoch + "-" + strconv.FormatUint(seq, 10) }

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

// droppedNotice is the data of the event that tells what a subscriber has lost; without a count it is not known.
type droppedNotice struct {
	Count uint64 `json:"count,omitempty"`
	Why   string `json:"why"`
}

func (n droppedNotice) text() []byte {
	text, _ := json.Marshal(n) // strings and numbers always marshal
	return text
}
