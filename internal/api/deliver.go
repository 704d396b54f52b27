package api

import (
	"crypto/tls"
	"net/http"
	"sync"
	"time"

	"storagesim/internal/fault"
)

// deliver sends the response of a request with an injection. It may abort the connection with the panic
// http.ErrAbortHandler. It calls record once, after it has set out to what was sent and before the client can notice
// that the connection ended.
func (s *Server) deliver(w http.ResponseWriter, r *Request, out *outcome, record func()) {
	record = sync.OnceFunc(record)
	defer record()
	h := out.inj.sending
	if out.inj.gone {
		out.resp = Response{}
		panic(http.ErrAbortHandler)
	}
	if h == nil {
		s.write(w, r, *out)
		return
	}
	switch h.Effect.Connection {
	case fault.Reset:
		out.resp = Response{}
		record()
		reset(w)
	case fault.Empty:
		out.resp = Response{}
		panic(http.ErrAbortHandler)
	case fault.Truncate:
		at := len(out.resp.Body) / 2
		if h.Effect.TruncateAt != nil {
			at = *h.Effect.TruncateAt
		}
		s.sendPart(w, r, out, at)
		panic(http.ErrAbortHandler)
	case fault.Stall:
		if h.Effect.TruncateAt == nil {
			out.resp = Response{}
		} else {
			s.sendPart(w, r, out, *h.Effect.TruncateAt)
		}
		s.stall(r, out.inj, h.Stall)
		panic(http.ErrAbortHandler)
	case fault.Drip:
		s.dribble(w, r, out, h)
	default:
		s.write(w, r, *out)
	}
}

// reset aborts the connection so that the client's system reports a reset: with RST over HTTP/1.1, with RST_STREAM over
// HTTP/2 (assumption 106).
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: net/http sends RST_STREAM
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // without close_notify
	}
	if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok { // *net.TCPConn, or one in memory
		_ = tcp.SetLinger(0) // if it fails, the connection is closed normally
	}
	_ = conn.Close()
}

// sendPart sends the header of the response and the first at bytes of its body, but never the whole body. It sends
// nothing if the response has no body.
func (s *Server) sendPart(w http.ResponseWriter, r *Request, out *outcome, at int) {
	at = max(min(at, len(out.resp.Body)-1), 0)
	if len(out.resp.Body) == 0 {
		out.resp = Response{}
		return
	}
	s.mark(w, r, *out)
	writeHead(w, out.resp)
	out.resp.Body = out.resp.Body[:at]
	_, _ = w.Write(out.resp.Body)
	_ = http.NewResponseController(w).Flush() // the client may have disconnected
}

// stall waits for d or, if d is 0, until the wait ends for another reason.
func (s *Server) stall(r *Request, inj *injection, d time.Duration) {
	if d == 0 {
		d = -1
	}
	s.wait(r, inj, d)
}

// dribble sends the body in small pieces with a pause after each. When the pauses end early, it sends the rest at once.
func (s *Server) dribble(w http.ResponseWriter, r *Request, out *outcome, h *fault.PhaseEffect) {
	s.mark(w, r, *out)
	writeHead(w, out.resp)
	flush := http.NewResponseController(w).Flush
	for body := out.resp.Body; len(body) > 0; {
		n := min(h.Effect.Dribble.Bytes, len(body))
		if s.ended(r, out.inj) {
			n = len(body)
		}
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		if body = body[n:]; len(body) == 0 {
			return // net/http flushes the last piece
		}
		_ = flush() // the next write reports the error
		if !s.wait(r, out.inj, h.Every) {
			panic(http.ErrAbortHandler)
		}
	}
}

// ended reports whether a wait of the request would end at once.
func (s *Server) ended(r *Request, inj *injection) bool {
	select {
	case <-r.over():
		return true
	case <-s.stopping:
		return true
	default:
		_, released := s.released(r, inj)
		return released
	}
}
