package record

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/redact"
)

// Player replays a recording. Read its Header, build a program on its clock, then call Play.
type Player struct {
	Header Header

	in    *bufio.Reader
	where int // the number of the last line that was read
	cut   bool

	line   *Line
	shown  atomic.Pointer[time.Time]
	paused map[uint64]*exchange // by the turn in which they started
	asked  map[uint64]*Request
	back   chan struct{} // the request that has the turn has ended it
}

// Program is the program that a recording is replayed against.
type Program struct {
	Handler http.Handler
	// Timers fires the due timers of a world. Expire deletes the worlds whose ttl has passed.
	Timers func(world string)
	Expire func(wall time.Time)
}

// Result is the result of a replay.
type Result struct {
	Requests   int         // with the recorded response
	Unanswered int         // without a response when the recording ended
	Cut        bool        // the last line is incomplete, as after a program was killed
	Difference *Difference // the first one; nil if there is none
}

// NewPlayer reads the first line of a recording.
func NewPlayer(r io.Reader) (*Player, error) {
	p := &Player{in: bufio.NewReaderSize(r, 1<<16), paused: map[uint64]*exchange{}, asked: map[uint64]*Request{},
		back: make(chan struct{})}
	text, err := p.next()
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, errors.New("the recording has no complete line")
	}
	if err := json.Unmarshal(text, &p.Header); err != nil || p.Header.Recording == 0 {
		return nil, errors.New("the first line is not that of a recording")
	}
	if p.Header.Recording != Format {
		return nil, fmt.Errorf("the recording has version %d of the format; this program reads version %d",
			p.Header.Recording, Format)
	}
	p.shown.Store(&p.Header.Started)
	return p, nil
}

// Now is the program's wall clock. It may be called while Play runs.
func (p *Player) Now() time.Time { return *p.shown.Load() }

// maxLine is the longest line, in bytes: more than the longest body, escaped.
const maxLine = 256 << 20

// next reads a complete line. It returns nil at the end.
func (p *Player) next() ([]byte, error) {
	var text []byte
	for {
		part, err := p.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case err == nil:
			p.where++
			return text, nil
		case errors.Is(err, io.EOF):
			p.cut = len(text) > 0
			return nil, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(text) > maxLine:
			return nil, fmt.Errorf("line %d is longer than %d bytes", p.where+1, maxLine)
		}
	}
}

// Play makes the turns of the recording, until the first difference. It returns an error if the recording is invalid.
func (p *Player) Play(ctx context.Context, program Program) (result Result, err error) {
	defer func() {
		for begun := range p.paused {
			p.abandon(begun)
		}
	}()
	for ctx.Err() == nil {
		text, err := p.next()
		if err != nil {
			return result, err
		}
		if text == nil {
			result.Unanswered, result.Cut = len(p.paused), p.cut
			return result, nil
		}
		line := &Line{}
		if err := json.Unmarshal(text, line); err != nil {
			return result, fmt.Errorf("line %d: %w", p.where, err)
		}
		if p.line != nil && line.Turn != p.line.Turn+1 || p.line == nil && line.Turn != 1 {
			return result, fmt.Errorf("line %d: turn %d is out of order; a line is missing", p.where, line.Turn)
		}
		p.line = line
		p.shown.Store(&line.Wall)
		if result.Difference, err = p.play(program); err != nil {
			return result, fmt.Errorf("line %d: %w", p.where, err)
		}
		if result.Difference != nil {
			return result, nil
		}
		if line.Response != nil {
			result.Requests++
		}
	}
	return result, ctx.Err()
}

// play makes one turn.
func (p *Player) play(program Program) (*Difference, error) {
	line := p.line
	var x *exchange
	var begun uint64
	switch {
	case line.Timers != "":
		program.Timers(line.Timers)
		return nil, nil
	case line.Expire:
		program.Expire(line.Wall)
		return nil, nil
	case line.Request != nil:
		begun = line.Turn
		req, err := line.Request.again()
		if err != nil {
			return nil, err
		}
		p.asked[begun] = line.Request
		x = p.start(program.Handler, req)
	case line.Resume != 0:
		begun = line.Resume
		if x = p.paused[begun]; x == nil {
			return nil, fmt.Errorf("no request that started in turn %d is waiting", begun)
		}
		delete(p.paused, begun)
		x.resume <- !line.Gone
	default:
		return nil, errors.New("the line has neither request, resume, timers nor expire")
	}
	<-p.back
	if p.paused[begun] == nil && line.Response == nil || p.paused[begun] != nil && line.Response != nil {
		return p.otherwise(begun, x), nil
	}
	if line.Response == nil {
		return nil, nil
	}
	d := differ(p.asked[begun], line.Response, x.response())
	delete(p.asked, begun)
	if d != nil {
		d.Line = p.where
	}
	return d, nil
}

// otherwise returns the difference of a request that waits and did not wait in the recording, or the reverse.
func (p *Player) otherwise(begun uint64, x *exchange) *Difference {
	d := &Difference{Line: p.where, Request: p.asked[begun], What: "whether the request waits", Recorded: "it waited",
		Replayed: x.response().String()}
	if p.line.Response != nil {
		d.Recorded, d.Replayed = p.line.Response.String(), "it waits"
	}
	return d
}

// start runs the handler in a new goroutine until it ends or waits. Only one handler runs at a time.
func (p *Player) start(handler http.Handler, req *http.Request) *exchange {
	ctx, cancel := context.WithCancel(req.Context())
	x := &exchange{turns: p, http2: req.ProtoMajor == 2, begun: p.line.Turn, since: p.line.Wall, header: http.Header{},
		process: req.URL.Path == metrics,
		cancel:  cancel, resume: make(chan bool)}
	go func() {
		done := false
		defer func() {
			if !done {
				_ = recover() // net/http would close the connection
			}
			x.ended(!done)
			cancel()
			p.back <- struct{}{}
		}()
		handler.ServeHTTP(x, req.WithContext(ctx))
		done = true
	}()
	return x
}

func (p *Player) pause(x *exchange, _ func() bool) bool {
	p.paused[x.begun] = x
	p.back <- struct{}{}
	return <-x.resume
}

// abandon ends a request that has no more lines in the recording.
func (p *Player) abandon(begun uint64) {
	x := p.paused[begun]
	delete(p.paused, begun)
	x.cancel()
	close(x.resume) // as if the client had closed the connection
	<-p.back
	if p.paused[begun] != nil {
		p.abandon(begun)
	}
}

func (p *Player) took(*exchange) time.Duration { return p.line.Took }

// Listen returns the recorded result of opening a port.
func (p *Player) Listen(func() (string, error)) (string, error) {
	if len(p.line.Listens) == 0 {
		return "", errors.New("no port was opened here in the recording")
	}
	said := p.line.Listens[0]
	p.line.Listens = p.line.Listens[1:]
	if said.Error != "" {
		return "", errors.New(said.Error)
	}
	return said.Address, nil
}

// again returns the request as net/http would pass it to a handler.
func (r *Request) again() (*http.Request, error) {
	target, err := url.ParseRequestURI(r.URL)
	if r.Method == http.MethodConnect {
		target, err = &url.URL{Host: r.URL}, nil
	}
	if err != nil {
		return nil, err
	}
	req := &http.Request{
		Method: r.Method, URL: target, RequestURI: r.URL, Host: r.Host, Header: r.Header.Clone(), ContentLength: r.Length,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, RemoteAddr: "127.0.0.1:1",
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if r.HTTP2 {
		req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/2.0", 2, 0
	}
	if r.TLS {
		req.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	if r.Length != 0 {
		req.Body = again(r)
	}
	return req.WithContext(api.WithListener(context.Background(), r.Listener)), nil
}

// Difference is a response that differs from the recorded one.
type Difference struct {
	Line     int // of the file
	Request  *Request
	What     string // what differs: the status, a header, the body
	Recorded string
	Replayed string
}

// differ compares the recorded response with that of the replay. It returns nil if they are the same.
func differ(r *Request, was, is *Response) *Difference {
	d := &Difference{Request: r, Recorded: was.String(), Replayed: is.String()}
	switch {
	case was.End == Gone:
		if was.Status == is.Status && bytes.HasPrefix(is.Body, was.Body) {
			return nil
		}
		d.What = "what the client read before it closed the connection"
	case was.End != is.End:
		d.What = "how the response ended"
	case was.Status != is.Status:
		d.What = "the status"
	case !sameHeader(was.Header, is.Header):
		d.What = "a header"
	case !bytes.Equal(was.Body, is.Body) || was.Size != is.Size || was.SHA256 != is.SHA256:
		d.What = fmt.Sprintf("the body, from byte %d on", common(was.Body, is.Body))
	default:
		return nil
	}
	return d
}

// sameHeader compares a recorded header with a replayed one. Recordings of earlier versions have no Date.
func sameHeader(a, b http.Header) bool {
	if _, ok := a["Date"]; !ok && b["Date"] != nil {
		b = maps.Clone(b)
		delete(b, "Date")
	}
	if len(a) != len(b) {
		return false
	}
	for name, values := range a {
		other, ok := b[name]
		if !ok || fmt.Sprintf("%q", values) != fmt.Sprintf("%q", other) {
			return false
		}
	}
	return true
}

// common returns the length of the common prefix.
func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// String returns the response in the form of HTTP/1.1, without secrets.
func (a *Response) String() string {
	var r redact.Redactor
	var b bytes.Buffer
	if a.Status == 0 {
		b.WriteString("no response\n")
	} else {
		fmt.Fprintf(&b, "%d %s\n", a.Status, http.StatusText(a.Status))
	}
	_ = r.Header(a.Header).Write(&b) // never fails
	if len(a.Body) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSuffix(r.Text(string(a.Body)), "\n"))
	}
	if a.SHA256 != "" {
		fmt.Fprintf(&b, "(of %d bytes, SHA-256 %s)\n", a.Size, a.SHA256)
	}
	if a.End != "" {
		fmt.Fprintf(&b, "(%s)\n", a.End)
	}
	return b.String()
}
