package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"

	"storagesim/internal/redact"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Stream is a response of any length that is generated while it is sent. A handler that returns a *Stream can no longer
// refuse the request. The body is written after the operation's transaction, so that no transaction is open while a
// client reads slowly.
type Stream struct {
	ContentType string
	Filename    string // the file name in Content-Disposition
	// Write writes the body. It calls view, any number of times, to read the world. An error aborts the connection, so
	// that the client does not take an incomplete body for a complete one.
	Write func(w io.Writer, view View) error
}

// View calls fn with a read transaction of its own in the request's world and cluster. It may call fn more than once.
type View func(fn func(tx *store.Tx) error) error

// head returns the response without its body. The journal keeps it.
func (st *Stream) head() Response {
	return Response{
		Status: http.StatusOK, ContentType: st.ContentType,
		Header: map[string]string{"Content-Disposition": fmt.Sprintf("attachment; filename=%q", st.Filename)},
	}
}

// replaces reports whether something other than the operation's response is sent.
func (i *injection) replaces() bool { return i != nil && (i.gone || i.sending != nil) }

func (s *Server) view(svc *Service, r *Request) View {
	return func(fn func(tx *store.Tx) error) error {
		return s.engine.View(r.World, r.ID, func(tx *store.Tx) error {
			if err := r.inLife(tx); err != nil {
				return err
			}
			if svc.Clustered {
				tx = tx.In(r.Cluster)
			}
			return fn(tx)
		})
	}
}

// stream sends a stream. If writing the body fails it aborts the connection with the panic http.ErrAbortHandler.
func (s *Server) stream(w http.ResponseWriter, svc *Service, r *Request, out *outcome, record func()) {
	s.mark(w, r, *out)
	h := w.Header()
	for name, value := range out.resp.Header {
		h.Set(name, value)
	}
	h.Set("Content-Type", out.resp.ContentType)
	w.WriteHeader(out.resp.Status)
	err := s.writeBody(w, svc, r, out.stream)
	record()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// writeBody writes the body of a stream and logs an error that the client did not cause by disconnecting.
func (s *Server) writeBody(w io.Writer, svc *Service, r *Request, st *Stream) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error().Str("op", r.Operation.ID()).Str("request_id", r.ID).Str("panic", redact.Line(fmt.Sprint(p))).
				Bytes("stack", debug.Stack()).Msg("stream panicked")
			err = errBrokenStream
		}
	}()
	err = st.Write(w, s.view(svc, r))
	if err != nil && r.HTTP.Context().Err() == nil && !errors.Is(err, store.ErrNoWorld) && !errors.Is(err, errTooLong) &&
		refusal.Of(err) == nil {
		s.log.Error().Str("error", redact.Line(err.Error())).Str("op", r.Operation.ID()).
			Str("request_id", r.ID).Msg("stream broke off")
	}
	return err
}

var errBrokenStream = errors.New("the stream broke off")

// maxHeldStream is the largest stream, in bytes, that is held in memory so that a fault can change all of it.
const maxHeldStream = 16 << 20

// hold reads a stream into memory so that a fault can change it. A stream longer than maxHeldStream remains a stream.
func (s *Server) hold(svc *Service, r *Request, out *outcome) {
	b := &boundedBuffer{most: maxHeldStream}
	if err := s.writeBody(b, svc, r, out.stream); err != nil {
		return
	}
	out.resp.Body, out.stream = b.Bytes(), nil
}

var errTooLong = errors.New("the stream is too long to hold in memory")

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
