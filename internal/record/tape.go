package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/api"
)

// Tape makes a recording. Make one with New, build the program on its clock, then call Open.
type Tape struct {
	real    func() time.Time
	started time.Time
	shown   atomic.Pointer[time.Time] // the wall clock during a turn; nil between turns
	at      func(world string) (time.Time, error)
	maxBody int64
	log     zerolog.Logger

	baton sync.Mutex // held during a turn; guards the fields below
	turn  uint64
	line  *Line
	file  *os.File
	err   error
}

// New returns a tape. Real is the wall clock; it must not go back.
func New(real func() time.Time, log zerolog.Logger) *Tape {
	t := &Tape{real: real, started: real(), log: log}
	t.shown.Store(&t.started)
	return t
}

// Now is the program's wall clock. It stands still during a turn, and until Open.
func (t *Tape) Now() time.Time {
	if shown := t.shown.Load(); shown != nil {
		return *shown
	}
	return t.real()
}

// Open creates the file and writes its first line. Only the owner can read the file, since it has tokens and passwords
// as they were sent. Open returns an error for a file that is not empty: it may be an earlier recording (assumption
// 341). At returns a world's clock. MaxBody is the longest request body that an operation reads, in bytes.
func (t *Tape) Open(path, program string, config any, maxBody int64, at func(world string) (time.Time, error)) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return fmt.Errorf("record: %s: the file is not empty; delete it or use another file", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("record: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	text, err := json.Marshal(config)
	if err == nil {
		err = errors.Join(file.Chmod(0o600), write(file,
			Header{Recording: Format, Program: program, Started: t.started, Config: text}))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("record: %w", err), file.Close())
	}
	t.file, t.at, t.maxBody = file, at, maxBody
	t.shown.Store(nil)
	return nil
}

// Close ends the recording. It returns an error if a part of it was not written.
func (t *Tape) Close() error {
	t.baton.Lock()
	defer t.baton.Unlock()
	if t.file == nil {
		return nil
	}
	err := errors.Join(t.err, t.file.Close())
	t.file = nil
	return err
}

// write appends a line in one call, so that a killed process leaves complete lines.
func write(w io.Writer, v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(text.Bytes())
	return err
}

// take waits for its turn and starts it. It numbers the line.
func (t *Tape) take(line *Line) {
	t.baton.Lock()
	t.turn++
	now := t.real()
	line.Turn, line.Wall, t.line = t.turn, now, line
	t.shown.Store(&now)
}

// give writes the turn's line and ends the turn. If the file cannot be written, the recording ends and the program
// continues.
func (t *Tape) give() {
	if t.file != nil && t.err == nil {
		if t.err = write(t.file, t.line); t.err != nil {
			t.err = fmt.Errorf("record: the recording ends at turn %d: %w", t.turn, t.err)
			t.log.Error().Err(t.err).Msg("nothing more is recorded")
		}
	}
	t.line = nil
	t.shown.Store(nil)
	t.baton.Unlock()
}

// Timers is a turn of the timer loop.
func (t *Tape) Timers(world string, fire func()) {
	t.take(&Line{Timers: world})
	defer t.give()
	fire()
}

// Expire is a turn that deletes the worlds whose ttl has passed.
func (t *Tape) Expire(remove func(wall time.Time)) {
	t.take(&Line{Expire: true})
	defer t.give()
	remove(t.Now())
}

// Listen opens a port with fn, during a turn.
func (t *Tape) Listen(fn func() (string, error)) (string, error) {
	address, err := fn()
	said := Listen{Address: address}
	if err != nil {
		said.Error = err.Error()
	}
	t.line.Listens = append(t.line.Listens, said)
	return address, err
}

func (t *Tape) pause(x *exchange, block func() bool) bool {
	t.give()
	stays := block()
	t.take(&Line{Resume: x.begun, Gone: !stays})
	return stays
}

func (t *Tape) took(x *exchange) time.Duration {
	t.line.Took = t.real().Sub(x.since)
	return t.line.Took
}

// finish writes the response into the turn's line and ends the turn.
func (t *Tape) finish(x *exchange) {
	a := x.response()
	if a.World = x.header.Get(api.HeaderWorld); a.World != "" {
		if at, err := t.at(a.World); err == nil { // a deleted world has no clock
			a.At = at
		}
	}
	t.line.Response = a
	t.give()
}

// Handler records the requests to next and its responses.
func (t *Tape) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		line := &Line{Request: t.read(req)}
		x := &exchange{turns: t, client: w, http2: req.ProtoMajor == 2, header: http.Header{},
			process: req.URL.Path == metrics}
		t.take(line)
		x.begun, x.since = line.Turn, line.Wall
		done := false
		defer func() {
			if x.ended(!done); x.end == Stream {
				return
			}
			t.finish(x)
			if done && x.end == "" {
				_ = x.deliver() // the client may have closed the connection
			}
		}()
		next.ServeHTTP(x, req)
		done = true
	})
}

// read describes a request. It reads the body before the turn, so that a slow client does not block others.
func (t *Tape) read(req *http.Request) *Request {
	r := &Request{
		Method: req.Method, URL: req.RequestURI, Host: req.Host, Header: req.Header.Clone(), Length: req.ContentLength,
		TLS: req.TLS != nil, HTTP2: req.ProtoMajor == 2, Listener: api.ListenerPlace(req.Context()),
	}
	if req.Body == nil || req.ContentLength == 0 {
		return r
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, t.maxBody+1))
	r.Body = body
	if err != nil {
		r.BodyError = err.Error()
	}
	req.Body = again(r)
	return r
}

// again returns the body of a recorded request.
func again(r *Request) io.ReadCloser {
	if r.BodyError == "" {
		return io.NopCloser(bytes.NewReader(r.Body))
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(r.Body), broken{errors.New(r.BodyError)}))
}

// broken is the end of a body that was not read completely.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
