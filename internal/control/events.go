package control

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"storagesim/internal/strict"
)

// writeWithin is the real time after which a blocked write ends the stream.
const writeWithin = 30 * time.Second

// streamEvents streams the events of the world, or with world=* those of all worlds, from now on, or after
// Last-Event-ID, as text/event-stream (WHATWG HTML 9.2). The stream ends when the world's life ends, the program stops
// or the client disconnects.
func streamEvents(c *Control, r *call) (stream, error) {
	kinds, err := readTypes(r.query.Get("type"))
	if err != nil {
		return stream{}, err
	}
	scope, err := c.scope(r)
	if err != nil {
		return stream{}, err
	}
	world := cmp.Or(r.query.Get("world"), r.world())
	if scope.All {
		world = ""
	}
	sub, missing, lost, err := c.events.subscribe(world, kinds, r.http.Header.Get("Last-Event-ID"))
	if err != nil {
		return stream{}, err
	}
	return stream{contentType: "text/event-stream", write: func(w http.ResponseWriter) {
		defer sub.leave()
		out := eventWriter{w: w, control: http.NewResponseController(w), bus: c.events}
		_ = out.control.SetReadDeadline(time.Time{}) // the server's limit is for requests, not for streams
		if lost {
			out.dropped(missing, "the events are no longer available")
		}
		c.writeEvents(r.http.Context(), sub, &out)
	}}, nil
}

// readTypes parses a comma-separated list of event types. It accepts the plural of a type.
func readTypes(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var kinds []string
	for name := range strings.SplitSeq(text, ",") {
		kind := strings.TrimSuffix(strings.TrimSpace(name), "s")
		if !slices.Contains(eventTypes[:], kind) {
			return nil, &strict.Error{Path: "type", Detail: fmt.Sprintf("%q is not an event type", name), Valid: eventTypes[:]}
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// writeEvents writes events and heartbeats until the stream ends.
func (c *Control) writeEvents(ctx context.Context, sub *subscription, out *eventWriter) {
	if sub.world == "" {
		out.comment("events of all worlds")
	} else {
		out.comment("events of the world " + sub.world)
	}
	for out.send() {
		beat, cancel := context.WithTimeout(ctx, c.Heartbeat)
		select {
		case <-c.stopping:
			cancel()
			return
		case <-sub.wake:
		case <-beat.Done():
			out.comment("heartbeat")
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		events, dropped, over := sub.take()
		if dropped > 0 {
			out.dropped(dropped, "the client reads too slowly")
		}
		for i := range events {
			out.event(&events[i])
		}
		if over {
			out.comment("the world " + sub.world + " was deleted, reset, restored or replaced")
			out.send()
			return
		}
	}
}

// eventWriter buffers and writes the lines of the stream.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	bus     *eventBus
	buf     bytes.Buffer
}

func (o *eventWriter) comment(text string) { fmt.Fprintf(&o.buf, ": %s\n\n", text) }

func (o *eventWriter) dropped(count uint64, why string) {
	fmt.Fprintf(&o.buf, "event: %s\ndata: %s\n\n", droppedEvent, droppedNotice{Count: count, Why: why}.text())
}

func (o *eventWriter) event(e *event) {
	fmt.Fprintf(&o.buf, "id: %s\nevent: %s\ndata: %s\n\n", o.bus.eventID(e.seq), e.kind, e.data)
}

// send writes the buffer. It returns false if the client has disconnected or has not read for writeWithin.
func (o *eventWriter) send() bool {
	err := o.control.SetWriteDeadline(o.bus.wall().Add(writeWithin))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return false
	}
	_, err = o.w.Write(o.buf.Bytes())
	o.buf.Reset()
	if err != nil || o.control.Flush() != nil {
		return false
	}
	_ = o.control.SetWriteDeadline(time.Time{}) // over HTTP/2, the deadline would end an idle stream
	return true
}
