package simulator

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// The limits of an outbox.
const (
	maxWaiting  = 64 << 20 // bytes of bodies that wait for their clients
	staleAfter  = time.Second
	reserveTime = 5 * time.Second
)

// outbox bounds the memory of the response bodies that wait for clients to read them. One connection can have hundreds
// of requests over HTTP/2, and without a bound each would hold its body for as long as a client may take to read.
//
// If there is no room for another body, the responses of which the client has read nothing for staleAfter are cut off,
// the one that waits longest first.
type outbox struct {
	most int
	wait time.Duration // the longest time that a response waits for room

	mu    sync.Mutex
	held  int // bytes
	list  []*parcel
	freed chan struct{} // closed and replaced when a body has left
}

// parcel is a body that waits.
type parcel struct {
	size int
	cut  func() // ends the response

	mu       sync.Mutex
	progress time.Time // when the client has read a piece
	over     bool      // it was cut off
}

func newOutbox(most int) *outbox {
	return &outbox{most: most, wait: reserveTime, freed: make(chan struct{})}
}

// reserve waits until there is room for a body, at most for o.wait. It returns nil if there is none. A body that is
// larger than the outbox waits until it is empty.
func (o *outbox) reserve(ctx context.Context, size int, cut func()) *parcel {
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	for {
		p, freed := o.admit(size, cut)
		if p != nil {
			return p
		}
		pause := time.NewTimer(staleAfter / 10)
		select {
		case <-freed:
		case <-pause.C: // responses may be stale now
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
		pause.Stop()
	}
}

func (o *outbox) admit(size int, cut func()) (p *parcel, freed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.held > 0 && o.held+size > o.most {
		o.cutStale(now, o.held+size-o.most)
		return nil, o.freed
	}
	p = &parcel{size: size, cut: cut, progress: now}
	o.held += size
	o.list = append(o.list, p)
	return p, nil
}

// cutStale cuts off stale responses with at least the given number of bytes, the oldest first. Their memory is free
// when their handlers have ended.
func (o *outbox) cutStale(now time.Time, bytes int) {
	for _, p := range o.list {
		if bytes <= 0 {
			return
		}
		p.mu.Lock()
		if stale := now.Sub(p.progress) >= staleAfter; stale || p.over {
			bytes -= p.size
			if !p.over {
				p.over = true
				p.cut() // the handler cannot have ended: it leaves the list first
			}
		}
		p.mu.Unlock()
	}
}

// release frees the memory of a body.
func (o *outbox) release(p *parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, other := range o.list {
		if other == p {
			o.list = append(o.list[:i], o.list[i+1:]...)
			break
		}
	}
	o.held -= p.size
	close(o.freed)
	o.freed = make(chan struct{})
}

// Reserve waits until the body of a response may be held in memory until the client has read it. It returns false if
// too many others wait.
func (d *deadlineWriter) Reserve(req *http.Request, size int) bool {
	if d.outbox == nil || d.parcel != nil {
		return true
	}
	d.parcel = d.outbox.reserve(req.Context(), size, func() { d.set(time.Now().Add(-time.Hour)) })
	return d.parcel != nil
}
