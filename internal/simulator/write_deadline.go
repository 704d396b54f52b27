package simulator

import (
	"net/http"
	"os"
	"time"
)

// maxPiece is how many bytes a client must take within the limit of withWriteDeadline.
const maxPiece = 64 << 10

// withWriteDeadline ends responses that their client does not read: each piece of a response must be sent within the
// limit. A response of any length may take any time otherwise. A limit of 0 is none. The outbox bounds the memory of
// the bodies; it may be nil.
func withWriteDeadline(next http.Handler, limit time.Duration, box *outbox) http.Handler {
	if limit <= 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		d := deadlineWriter{ResponseWriter: w, limit: limit, http2: req.ProtoMajor == 2, outbox: box}
		defer d.release() // also if a handler aborts the response by a panic
		next.ServeHTTP(&d, req)
		d.extend() // net/http sends what is buffered
	})
}

// deadlineWriter is a writer that sets the deadline of each write.
type deadlineWriter struct {
	http.ResponseWriter

	limit  time.Duration
	http2  bool
	outbox *outbox
	parcel *parcel // the body in the outbox, if it is there
}

func (d *deadlineWriter) release() {
	if d.parcel != nil {
		d.outbox.release(d.parcel)
		d.parcel = nil
	}
}

// Unwrap returns the writer below, for http.ResponseController.
func (d *deadlineWriter) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// Write implements http.ResponseWriter.
func (d *deadlineWriter) Write(p []byte) (n int, err error) {
	for first := true; first || len(p) > 0; first = false {
		piece := p[:min(len(p), maxPiece)]
		if !d.extend() {
			return n, os.ErrDeadlineExceeded
		}
		sent, err := d.ResponseWriter.Write(piece)
		if n += sent; err != nil {
			return n, err
		}
		d.clear()
		p = p[len(piece):]
	}
	return n, nil
}

// FlushError implements the method that http.ResponseController calls.
func (d *deadlineWriter) FlushError() error {
	d.extend()
	defer d.clear()
	return http.NewResponseController(d.ResponseWriter).Flush()
}

// extend sets the deadline of what is written next. It returns false if the response was cut off.
func (d *deadlineWriter) extend() bool {
	now := time.Now()
	if d.parcel != nil {
		d.parcel.mu.Lock() // a cut in between would be undone
		defer d.parcel.mu.Unlock()
		if d.parcel.over {
			return false
		}
		d.parcel.progress = now
	}
	d.set(now.Add(d.limit))
	return true
}

// clear removes the deadline over HTTP/2, where it would end a stream that is idle between two writes.
func (d *deadlineWriter) clear() {
	if d.http2 {
		d.set(time.Time{})
	}
}

func (d *deadlineWriter) set(at time.Time) {
	if w, ok := d.ResponseWriter.(interface{ SetWriteDeadline(at time.Time) error }); ok {
		_ = w.SetWriteDeadline(at) // a connection that is closed has no deadline
	}
}
