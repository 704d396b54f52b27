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

// turns gives requests their turns: a Tape during a recording, a Player during a replay.
type turns interface {
	// pause ends the turn, calls block, and takes another turn. It returns the result of block: false if the client has
	// closed the connection. A Player does not call block and returns what was recorded.
	pause(x *exchange, block func() bool) bool
	// took returns the duration of a request for the journal.
	took(x *exchange) time.Duration
}

// exchange is the http.ResponseWriter of a recorded or replayed request. It holds the response back until the turn
// ends. A response that is longer than maxHeld, or flushed, is sent in parts, with a new turn after each.
type exchange struct {
	turns  turns
	client http.ResponseWriter // nil in a replay
	http2  bool
	begun  uint64 // the turn in which the request started
	since  time.Time

	header  http.Header
	status  int
	head    http.Header // the header at the time of WriteHeader
	process bool        // the response is about the process: only its status and headers are recorded
	sent    bool        // the status and the headers were sent
	held    []byte
	body    digest
	end     string
	cancel  func() // cancels the request's context in a replay
	resume  chan bool
}

// metrics is the path of the call whose response is about the process.
const metrics = "/metrics"

// maxHeld is how much of a response is held back, in bytes.
const maxHeld = 1 << 20

var errGone = errors.New("the client closed the connection")

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status, x.head = status, maps.Clone(x.header)
	}
}

// Write implements http.ResponseWriter. It returns an error if the client has closed the connection.
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

// FlushError implements the method that http.ResponseController uses.
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

// Flush implements http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// detach ends the turn of an event stream. The stream takes no other turn.
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

// send sends what is held back to the client, between two turns.
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

// deliver writes what is held back.
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

// Hijack implements http.Hijacker. The simulator only hijacks a connection to reset it.
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

// SetReadDeadline implements the method that http.ResponseController uses.
func (x *exchange) SetReadDeadline(t time.Time) error {
	if x.client == nil {
		return nil
	}
	return http.NewResponseController(x.client).SetReadDeadline(t)
}

// Wait calls block while other requests take their turns, and returns its result: false if the client has closed the
// connection. A replay does not wait.
func (x *exchange) Wait(block func() bool) bool { return x.turns.pause(x, block) }

// Took returns how long the request has taken so far.
func (x *exchange) Took() time.Duration { return x.turns.took(x) }

// response returns the response as the client gets it.
func (x *exchange) response() *Response {
	a := &Response{Status: x.status, Header: x.head, End: x.end}
	if x.process && a.Header != nil {
		a.Header = a.Header.Clone()
		a.Header.Del("Content-Length")
		return a
	}
	x.body.in(a)
	return a
}

// ended notes how the handler ended. After a panic the connection is closed, and what is held back is never sent.
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
