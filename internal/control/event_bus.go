package control

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/redact"
	"storagesim/internal/statemachine"
)

// The limits of event streams.
const (
	maxRing             = 4096        // events stored for clients that reconnect
	maxSubscribers      = 512         // open at the same time
	maxWorldSubscribers = 32          // those of one world, and those of all worlds (world=*)
	comeBack            = time.Minute // real time for which events are stored after the last subscription ends
	maxEventText        = 4096        // maximum bytes of a URL in an event
)

// eventBus distributes the events of all worlds to subscriptions and watchers. Like the journal, it is process memory
// and not part of a world's state: restoring a world does not undo its events. Without subscribers an event costs one
// atomic load.
type eventBus struct {
	wall  func() time.Time
	epoch string // identifies this process, so that ids of an earlier process are not mistaken for its own
	queue int    // maximum number of events that wait for one subscriber
	alive atomic.Bool

	mu       sync.Mutex
	seq      uint64
	ring     []event // oldest first
	subs     map[*subscription]bool
	idle     time.Time // since when there is no subscriber
	watching atomic.Pointer[[]*watcher]
}

func newEventBus(wall func() time.Time, queue int) *eventBus {
	return &eventBus{wall: wall, queue: max(queue, 1), epoch: strconv.FormatInt(wall().UnixNano(), 36),
		subs: map[*subscription]bool{}}
}

// attach registers the bus with the journal and the engine.
func (b *eventBus) attach(c *Config) {
	c.Journal.Listen(b.requested)
	c.Engine.Listen(b.moved)
	c.Engine.OnClock(b.clockSet)
	c.Engine.OnReplaced(func(world string) {
		b.notify(world, "", 0)
		if !b.alive.Load() {
			return
		}
		reading, err := c.Engine.Clock(world)
		if err != nil {
			b.ended(world)
			return
		}
		b.publish(clockEvent, world, clockMoved{World: world, Mode: reading.Mode, Rate: reading.Rate, Now: reading.Now,
			Replaced: true})
		b.ended(world)
	})
}

func (b *eventBus) requested(x *api.Exchange) {
	b.notify(x.World, x.Operation, x.Status)
	if !b.alive.Load() {
		return
	}
	url := redact.URL(x.URL)
	if len(url) > maxEventText {
		url = strings.ToValidUTF8(url[:maxEventText], "") + "…"
	}
	b.publish(requestEvent, x.World, requestSeen{ID: x.ID, World: x.World, Cluster: x.Cluster, Vendor: x.Vendor,
		Operation: x.Operation,
		Method:    x.Method, URL: url, Status: x.Status, At: x.At, RetryAfter: x.RetryAfter, Fault: x.Fault})
	if x.Fault != "" {
		b.publish(faultEvent, x.World, faultFired{Fault: x.Fault, World: x.World, Request: x.ID, Operation: x.Operation,
			Status: x.Status, At: x.At})
	}
}

func (b *eventBus) moved(world string, moves []statemachine.Transition) {
	b.notify(world, "", 0)
	if !b.alive.Load() {
		return
	}
	for _, m := range moves {
		b.publish(transitionEvent, world, transitionSeen{World: world, Transition: m})
	}
}

func (b *eventBus) clockSet(world string, c statemachine.Clock, now time.Time) {
	b.notify(world, "", 0)
	if b.alive.Load() {
		b.publish(clockEvent, world, clockMoved{World: world, Mode: c.Mode, Rate: c.Rate, Now: now})
	}
}

// publish numbers an event, stores it in the ring and offers it to all subscriptions.
func (b *eventBus) publish(kind, world string, data any) {
	text, err := json.Marshal(data)
	if err != nil { // an event never ends the program
		text, _ = json.Marshal(map[string]string{"error": err.Error()}) // a string always marshals
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.subs) == 0 && b.wall().Sub(b.idle) > comeBack {
		b.ring = nil
		b.alive.Store(false)
		return
	}
	b.seq++
	e := event{seq: b.seq, kind: kind, world: world, data: text}
	if len(b.ring) == maxRing {
		b.ring = slices.Delete(b.ring, 0, maxRing/4) // a quarter at a time, so that copying is rare
	}
	b.ring = append(b.ring, e)
	for s := range b.subs {
		s.offer(e)
	}
}

// ended ends the subscriptions to a world whose life has ended.
func (b *eventBus) ended(world string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		if s.world == world {
			s.end()
		}
	}
}

// watcher is a function that is called for every event of a world.
type watcher struct {
	world string
	fn    func(operation string, status int)
}

// watch calls fn for every event of a world: with the operation and the status of a request, and with "" and 0 for any
// other event. Fn must not block.
func (b *eventBus) watch(world string, fn func(operation string, status int)) (stop func()) {
	w := &watcher{world: world, fn: fn}
	b.change(func(list []*watcher) []*watcher { return append(list, w) })
	return func() {
		b.change(func(list []*watcher) []*watcher {
			return slices.DeleteFunc(list, func(other *watcher) bool { return other == w })
		})
	}
}

// change replaces the list of watchers with a changed copy.
func (b *eventBus) change(fn func([]*watcher) []*watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []*watcher
	if now := b.watching.Load(); now != nil {
		list = slices.Clone(*now)
	}
	if list = fn(list); len(list) == 0 {
		b.watching.Store(nil)
		return
	}
	b.watching.Store(&list)
}

func (b *eventBus) notify(world, operation string, status int) {
	list := b.watching.Load()
	if list == nil {
		return
	}
	for _, w := range *list {
		if w.world == world {
			w.fn(operation, status)
		}
	}
}
