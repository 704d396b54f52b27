package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// bufferSize is how many bytes can be on the way in one direction.
const bufferSize = 64 << 10

// conn is one end of a connection.
type conn struct {
	local, remote *net.TCPAddr
	in, out       *half

	mu    sync.Mutex
	abort bool // Close resets the connection
}

// half is one direction of a connection.
type half struct {
	mu      sync.Mutex
	changed sync.Cond
	buffer  []byte
	ended   bool  // the writer will write no more
	left    bool  // the reader will read no more
	broken  error // the connection was reset
	// readBy and writeBy are the deadlines.
	readBy, writeBy deadline
}

// deadline is an instant after which a read or a write fails, and the timer that wakes those that wait for it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// pair returns both ends of a connection.
func pair(client, server *net.TCPAddr) (a, b *conn) {
	there, back := newHalf(), newHalf()
	return &conn{local: client, remote: server, in: back, out: there},
		&conn{local: server, remote: client, in: there, out: back}
}

func newHalf() *half {
	h := &half{}
	h.changed.L = &h.mu
	return h
}

// set changes a deadline of h, and wakes those that wait, since it may be over already.
func (h *half) set(d *deadline, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stop(d)
	if d.at = at; !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.changed.Broadcast()
		})
	}
	h.changed.Broadcast()
}

func (h *half) stop(d *deadline) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) over() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// read copies what is in the buffer. It waits while there is nothing.
func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.left:
			return 0, net.ErrClosed
		case h.readBy.over():
			return 0, os.ErrDeadlineExceeded
		case h.broken != nil:
			return 0, h.broken
		case len(p) == 0:
			return 0, nil
		case len(h.buffer) > 0:
			n := copy(p, h.buffer)
			h.buffer = append(h.buffer[:0], h.buffer[n:]...)
			h.changed.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

// write appends to the buffer. It waits while the buffer is full.
func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.ended:
			return n, net.ErrClosed
		case h.writeBy.over():
			return n, os.ErrDeadlineExceeded
		case h.broken != nil:
			return n, h.broken
		case h.left:
			return n, syscall.EPIPE
		}
		took := min(len(p), bufferSize-len(h.buffer))
		h.buffer = append(h.buffer, p[:took]...)
		n, p = n+took, p[took:]
		if took > 0 {
			h.changed.Broadcast()
		}
		if len(p) == 0 {
			return n, nil
		}
		h.changed.Wait()
	}
}

// end marks the half as one that its writer, its reader or both have left. With an error, it is reset: what is on the
// way is lost.
func (h *half) end(writer, reader bool, broken error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended, h.left = h.ended || writer, h.left || reader
	if broken != nil && h.broken == nil {
		h.broken, h.buffer = broken, nil
	}
	if h.left {
		h.buffer = nil
		h.stop(&h.readBy)
	}
	if h.ended {
		h.stop(&h.writeBy)
	}
	h.changed.Broadcast()
}

// Read returns io.EOF after the peer has closed, and syscall.ECONNRESET after it has reset the connection.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

// Close ends both directions. The peer still reads what was written, unless SetLinger(0) was called.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var broken error
	if c.abort {
		broken = syscall.ECONNRESET
	}
	c.out.end(true, false, broken)
	c.in.end(false, true, broken)
	return nil
}

// CloseWrite ends the direction from this end to the peer.
func (c *conn) CloseWrite() error {
	c.out.end(true, false, nil)
	return nil
}

// SetLinger with 0 makes Close reset the connection. Other values have no effect.
func (c *conn) SetLinger(seconds int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abort = seconds == 0
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(at time.Time) error {
	return errors.Join(c.SetReadDeadline(at), c.SetWriteDeadline(at))
}

func (c *conn) SetReadDeadline(at time.Time) error {
	c.in.set(&c.in.readBy, at)
	return nil
}

func (c *conn) SetWriteDeadline(at time.Time) error {
	c.out.set(&c.out.writeBy, at)
	return nil
}

// wrap returns the error as package net does. io.EOF stays as it is.
func (c *conn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
