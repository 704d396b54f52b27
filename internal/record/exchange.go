package record

import (
	"bufio"
	"errors"
	"maps"
	"mime"
	"net"
	"net/http"
	"time"
)

// turns is who lets requests go on: a Tape while a recording is made, a Player while it is played.
type turns interface {
	// pause ends the turn, has block done, and takes another turn. It answers what block did: false when the client went
	// away. A Player does not wait for block, but answers what the recording says.
	pause(x *exchange, block func() bool) bool
	// took answers what the journal says of a request's duration.
	took(x *exchange) time.Duration
}

// exchange stands between a handler and the client. It holds back what is answered until the turn is over; an answer that
// is longer than maxHeld, or flushed, is sent in pieces, with a turn after each.
type exchange struct {
	turns  turns
	client http.ResponseWriter // nil in a replay
	http2  bool
	begun  uint64 // the turn in which it began
	since  time.Time

	header  http.Header
	status  int
	head    http.Header // as it was when it was written
	process bool        // what it answers is about the process: only status and headers are recorded
	sent    bool        // the head is on its way
	held    []byte
	body    digest
	end     string
	cancel  func() // ends the request's context; of a replay
	resume  chan bool
}

// metrics is the path whose answers are about the process.
const metrics = "/metrics"

// maxHeld is how much of an answer is held back, in bytes.
const maxHeld = 1 << 20

var errGone = errors.New("the client went away")

// Header is of http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader is of http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status, x.head = status, maps.Clone(x.header)
	}
}

// Write is of http.ResponseWriter. Its error says that the client went away.
func (x *exchange) Write(p []byte) (int, error) {
	if x.end == Gone || x.end == Stream && x.client == nil {
		return 0, errGone
	}
	x.WriteHeader(http.StatusOK)
	if x.end == Stream {
		return x.client.Write(p)
	}
	x.body.add(p)
	x.held = append(x.held, p...)
	if len(x.held) > maxHeld {
		return len(p), x.send(false)
	}
	return len(p), nil
}

// FlushError is of http.ResponseController.
func (x *exchange) FlushError() error {
	x.WriteHeader(http.StatusOK)
	kind, _, _ := mime.ParseMediaType(x.head.Get("Content-Type"))
	switch {
	case x.end == Stream && x.client != nil:
		return http.NewResponseController(x.client).Flush()
	case x.end == Gone || x.end == Stream:
		return errGone
	case kind == "text/event-stream":
		return x.detach()
	}
	return x.send(true)
}

// Flush is of http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// detach lets an event stream go: its turn is over, and it takes no other one.
func (x *exchange) detach() error {
	x.end, x.body = Stream, digest{}
	if x.client == nil {
		x.cancel()
		return errGone
	}
	x.turns.(*Tape).finish(x)
	if err := x.deliver(); err != nil {
		return err
	}
	return http.NewResponseController(x.client).Flush()
}

// send gives what is held to the client, between two turns.
func (x *exchange) send(flush bool) error {
	stays := x.turns.pause(x, func() bool {
		err := x.deliver()
		if err == nil && flush {
			err = http.NewResponseController(x.client).Flush()
		}
		return err == nil
	})
	x.sent, x.held = true, x.held[:0]
	if !stays {
		x.end = Gone
		return errGone
	}
	return nil
}

// deliver writes what is held.
func (x *exchange) deliver() error {
	if !x.sent {
		x.sent = true
		maps.Copy(x.client.Header(), x.head)
		x.client.WriteHeader(x.status)
	}
	_, err := x.client.Write(x.held)
	x.held = nil
	return err
}

// Hijack is of http.Hijacker. The connection is taken over only to be reset.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if x.client == nil {
		if x.http2 {
			return nil, nil, http.ErrNotSupported
		}
		x.end = Reset
		conn, other := net.Pipe()
		return conn, nil, other.Close()
	}
	conn, rw, err := http.NewResponseController(x.client).Hijack()
	if err == nil {
		x.end = Reset
	}
	return conn, rw, err
}

// SetReadDeadline is of http.ResponseController.
func (x *exchange) SetReadDeadline(t time.Time) error {
	if x.client == nil {
		return nil
	}
	return http.NewResponseController(x.client).SetReadDeadline(t)
}

// Wait has block done while others have their turns, and answers what it did: false when the client went away. A replay
// does not wait.
func (x *exchange) Wait(block func() bool) bool { return x.turns.pause(x, block) }

// Took answers how long the request has taken so far.
func (x *exchange) Took() time.Duration { return x.turns.took(x) }

// answer is what the client saw, or will see.
func (x *exchange) answer() *Answer {
	a := &Answer{Status: x.status, Header: x.head, End: x.end}
	if x.process && a.Header != nil {
		a.Header = a.Header.Clone()
		a.Header.Del("Content-Length")
		return a
	}
	x.body.in(a)
	return a
}

// ended notes how the handler has ended. A panic is the end of the connection; what was held is never sent.
func (x *exchange) ended(panicked bool) {
	switch {
	case !panicked:
		if x.end == "" {
			x.WriteHeader(http.StatusOK)
		}
	case x.end == "":
		x.end = Aborted
		if !x.sent {
			x.status, x.head, x.body = 0, nil, digest{}
		}
	}
}
