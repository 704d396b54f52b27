package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"

	"storagesim/internal/store"
)

// Stream is an answer of any length, made while it is sent. A handler that answers a *Stream has refused what there is to
// refuse; the body is written after the operation's transaction has ended, so that none is open while a client reads
// slowly.
type Stream struct {
	ContentType string
	Filename    string // what a browser would call it: in Content-Disposition
	// Write writes the body. What it reads of the world it reads by view, as often as it likes, and writes nothing in there.
	// Its error ends the connection, so that nobody takes what was sent for the whole.
	Write func(w io.Writer, view View) error
}

// View reads the request's world and cluster in a transaction of its own. fn may run twice.
type View func(fn func(tx *store.Tx) error) error

// head is what the journal keeps of the answer, and what is sent before the body.
func (st *Stream) head() Response {
	return Response{
		Status: http.StatusOK, ContentType: st.ContentType,
		Header: map[string]string{"Content-Disposition": fmt.Sprintf("attachment; filename=%q", st.Filename)},
	}
}

// replaces says that what is sent is no longer what the operation answered.
func (i *injection) replaces() bool { return i != nil && (i.gone || i.sending != nil) }

func (s *Server) view(svc *Service, r *Request) View {
	return func(fn func(tx *store.Tx) error) error {
		return s.engine.View(r.World, r.ID, func(tx *store.Tx) error {
			if svc.Clustered {
				tx = tx.In(r.Cluster)
			}
			return fn(tx)
		})
	}
}

// stream sends an answer that is a stream. Where it breaks off, the connection is ended by a panic that net/http knows.
func (s *Server) stream(w http.ResponseWriter, svc *Service, r *Request, out *outcome, record func()) {
	mark(w, r, *out)
	h := w.Header()
	for name, value := range out.resp.Header {
		h.Set(name, value)
	}
	h.Set("Content-Type", out.resp.ContentType)
	w.WriteHeader(out.resp.Status)
	err := s.pour(w, svc, r, out.stream)
	record()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// pour writes the body. A client that went away is no news; anything else is logged.
func (s *Server) pour(w io.Writer, svc *Service, r *Request, st *Stream) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error().Str("op", r.Operation.ID()).Str("request_id", r.ID).Interface("panic", p).
				Bytes("stack", debug.Stack()).Msg("stream panicked")
			err = errBrokenStream
		}
	}()
	err = st.Write(w, s.view(svc, r))
	if err != nil && r.HTTP.Context().Err() == nil && !errors.Is(err, store.ErrNoWorld) && !errors.Is(err, errTooLong) {
		s.log.Error().Err(err).Str("op", r.Operation.ID()).Str("request_id", r.ID).Msg("stream broke off")
	}
	return err
}

var errBrokenStream = errors.New("the stream broke off")

// maxHeldStream is how much of a stream is held in memory, in bytes, so that a fault can act on the whole of it.
const maxHeldStream = 16 << 20

// hold makes a whole answer of a stream that a fault is going to act on. One that is too long stays a stream.
func (s *Server) hold(svc *Service, r *Request, out *outcome) {
	b := &boundedBuffer{most: maxHeldStream}
	if err := s.pour(b, svc, r, out.stream); err != nil {
		return
	}
	out.resp.Body, out.stream = b.Bytes(), nil
}

var errTooLong = errors.New("the stream is too long to be held")

type boundedBuffer struct {
	bytes.Buffer

	most int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, errTooLong
	}
	return b.Buffer.Write(p)
}
