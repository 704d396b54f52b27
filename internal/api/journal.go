package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"storagesim/internal/fault"
	"storagesim/internal/refusal"
)

// Exchange is one request and its answer as the journal keeps it.
type Exchange struct {
	ID           string        `json:"id"`
	World        string        `json:"world"`
	Cluster      string        `json:"cluster,omitempty"`
	Vendor       string        `json:"vendor"`
	Operation    string        `json:"operation,omitempty"` // "" for a path or method that no row has
	Method       string        `json:"method"`
	URL          string        `json:"url"`
	Host         string        `json:"host,omitempty"`
	Proto        string        `json:"proto,omitempty"` // HTTP/1.1, HTTP/2.0
	TLS          bool          `json:"tls,omitempty"`
	Header       http.Header   `json:"header"`
	Body         string        `json:"body,omitempty"`
	BodyCut      int           `json:"bodyCut,omitempty"` // bytes at its end that were not kept
	Status       int           `json:"status"`            // 0: no answer was sent
	AnswerHeader http.Header   `json:"answerHeader,omitempty"`
	Answer       string        `json:"answer,omitempty"`
	AnswerCut    int           `json:"answerCut,omitempty"`
	At           time.Time     `json:"at"`      // the world's clock
	Started      time.Time     `json:"started"` // the wall clock
	Took         time.Duration `json:"tookNs"`
	// RetryAfter is how many seconds of the world's clock the answer asked the client to wait.
	RetryAfter int    `json:"retryAfter,omitempty"`
	Fault      string `json:"fault,omitempty"`
	// Faults is what the fault rules about the operation had to say.
	Faults []fault.Verdict `json:"faults,omitempty"`
	// CauseKind says what sort of thing the request failed on; "" where it did not.
	CauseKind refusal.CauseKind `json:"causeKind,omitempty"`
	Cause     any               `json:"cause,omitempty"`
	// Finding is what the server found out about a refusal by itself.
	Finding *Finding `json:"finding,omitempty"`
	// Hint says what a request that no operation answers looks like, and where it should go.
	Hint string `json:"hint,omitempty"`

	size int64
}

// maxKept is how much of a body or of an answer the journal keeps.
const maxKept = 16 << 10

// kept is the beginning of a body as the journal keeps it, and how many bytes are left out.
func kept(body []byte) (text string, cut int) {
	if len(body) <= maxKept {
		return string(body), 0
	}
	n := maxKept
	for n > maxKept-utf8.UTFMax && !utf8.RuneStart(body[n]) {
		n--
	}
	return string(body[:n]), len(body) - n
}

// weigh is about how many bytes an exchange holds in memory.
func (x *Exchange) weigh() int64 {
	n := 512 + len(x.Body) + len(x.Answer) + len(x.URL) + len(x.Hint)
	for _, header := range [...]http.Header{x.Header, x.AnswerHeader} {
		for name, values := range header {
			n += len(name)
			for _, v := range values {
				n += len(v)
			}
		}
	}
	if x.Cause != nil || x.Finding != nil {
		n += weighCause(x.Cause, x.Finding)
	}
	for i := range x.Faults {
		n += 64 + len(x.Faults[i].Rule) + len(x.Faults[i].Why)
	}
	return int64(n)
}

// Journal keeps the latest exchanges, bounded by count and bytes. It is memory of the process, not of a world.
type Journal struct {
	mu       sync.Mutex
	ring     []Exchange
	first, n int
	bytes    int64
	maxBytes int64
	dropped  uint64

	listeners []func(Exchange)
}

// NewJournal keeps at most count exchanges of together at most bytes bytes.
func NewJournal(count int, bytes int64) *Journal {
	return &Journal{ring: make([]Exchange, max(count, 1)), maxBytes: bytes}
}

// Listen calls fn with every exchange that is added from then on, kept or not. fn must not block. Listen
// is for the time before anything is served.
func (j *Journal) Listen(fn func(Exchange)) { j.listeners = append(j.listeners, fn) }

// Add appends an exchange and drops the oldest ones that no longer fit. One that can never fit is itself dropped.
func (j *Journal) Add(x Exchange) {
	j.keep(x)
	for _, fn := range j.listeners {
		fn(x)
	}
}

func (j *Journal) keep(x Exchange) {
	size := x.weigh()
	x.size = size
	j.mu.Lock()
	defer j.mu.Unlock()
	if size > j.maxBytes {
		j.dropped++
		return
	}
	for j.n > 0 && (j.n == len(j.ring) || j.bytes+size > j.maxBytes) {
		old := &j.ring[j.first]
		j.bytes -= old.size
		*old = Exchange{}
		j.first = (j.first + 1) % len(j.ring)
		j.n--
		j.dropped++
	}
	j.ring[(j.first+j.n)%len(j.ring)] = x
	j.n++
	j.bytes += size
}

// List answers the exchanges that keep accepts, oldest first, at most the last limit of them, and how many were ever
// dropped.
func (j *Journal) List(limit int, keep func(*Exchange) bool) (list []Exchange, dropped uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := j.n - 1; i >= 0 && len(list) < limit; i-- {
		x := &j.ring[(j.first+i)%len(j.ring)]
		if keep(x) {
			list = append(list, *x)
		}
	}
	for a, b := 0, len(list)-1; a < b; a, b = a+1, b-1 {
		list[a], list[b] = list[b], list[a]
	}
	return list, j.dropped
}

// Size answers how many exchanges the journal holds, about how many bytes they take, and how many it dropped since it was
// last emptied.
func (j *Journal) Size() (entries int, bytes int64, dropped uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.n, j.bytes, j.dropped
}

// Clear empties the journal.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.ring)
	j.first, j.n, j.bytes, j.dropped = 0, 0, 0, 0
}

// record writes the exchange to the journal and the log.
func (s *Server) record(vendor string, r *Request, out outcome, started time.Time) {
	took := s.wall().Sub(started)
	if conducted, ok := r.out.(interface{ Took() time.Duration }); ok {
		took = conducted.Took() // the wall clock stands still in a turn
	}
	x := Exchange{
		ID: r.ID, World: r.World, Cluster: r.Cluster, Vendor: vendor, Method: r.HTTP.Method,
		URL: requestURI(r.HTTP), Header: r.HTTP.Header, Status: out.resp.Status,
		At: out.at, Started: started, Took: took, Fault: out.fault, CauseKind: out.kind, Finding: out.finding, Hint: out.hint,
		Host: r.HTTP.Host, Proto: r.HTTP.Proto, TLS: r.HTTP.TLS != nil, AnswerHeader: out.resp.headers(),
	}
	if out.cause != nil {
		x.Cause = out.cause
	}
	x.Body, x.BodyCut = kept(r.body)
	x.Answer, x.AnswerCut = kept(out.resp.Body)
	if wait := out.resp.Header["Retry-After"]; wait != "" {
		x.RetryAfter, _ = strconv.Atoi(wait) // a date would be 0: nobody sends one
	}
	if r.Operation != nil {
		x.Operation = r.Operation.ID()
	}
	if out.inj != nil {
		x.Faults = out.inj.Verdicts
	}
	s.journal.Add(x)
	if s.observe != nil {
		s.observe(vendor, r.Operation, x.Status, x.Fault != "", took)
	}
	level := zerolog.DebugLevel
	if out.hint != "" {
		s.log.Info().Str("request_id", r.ID).Str("world", r.World).Str("vendor", vendor).Int("status", x.Status).
			Msg(x.Method + " " + x.URL + ": " + out.hint)
	}
	if out.resp.Status >= http.StatusInternalServerError && out.fault == "" && out.cause == nil {
		level = zerolog.WarnLevel
	}
	if e := s.log.WithLevel(level); e.Enabled() {
		e.Str("op", x.Operation).Str("request_id", r.ID).Str("world", r.World).Int("status", x.Status).
			Dur("dur", took).Str("fault", out.fault).Msg(r.HTTP.Method + " " + r.HTTP.URL.Path)
	}
}

// headers are those that the operation chose.
func (resp *Response) headers() http.Header {
	if resp.Status == 0 {
		return nil
	}
	h := make(http.Header, len(resp.Header)+1)
	for name, value := range resp.Header {
		h.Set(name, value)
	}
	if resp.ContentType != "" {
		h.Set("Content-Type", resp.ContentType)
	}
	return h
}

// requestURI is what the request line said.
func requestURI(req *http.Request) string {
	if req.RequestURI != "" {
		return req.RequestURI
	}
	return req.URL.RequestURI()
}
