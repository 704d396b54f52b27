package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"

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
	At           time.Time     `json:"at,omitzero"` // the world's clock, where it was looked at
	Started      time.Time     `json:"started"`     // the wall clock
	Took         time.Duration `json:"tookNs"`
	// RetryAfter is how many seconds of the world's clock the answer asked the client to wait.
	RetryAfter int    `json:"retryAfter,omitempty"`
	Fault      string `json:"fault,omitempty"`
	// Faults is what the fault rules about the operation had to say.
	Faults []fault.Verdict `json:"faults,omitempty"`
	// CauseKind says what sort of thing the request failed on; "" where it did not.
	CauseKind refusal.CauseKind `json:"causeKind,omitempty"`
	Cause     any               `json:"cause,omitempty"`
	// About is what the server found out about a refusal by itself.
	About *About `json:"finding,omitempty"`
	// Hint says what a request that no operation answers looks like, and where it should go.
	Hint string `json:"hint,omitempty"`
}

// Journal keeps the latest exchanges, bounded by count and bytes. It is memory of the process, not of a world.
type Journal struct {
	mu       sync.Mutex
	ring     []entry
	first, n int
	bytes    int64
	maxBytes int64
	dropped  uint64

	listeners []func(*Exchange)
}

// NewJournal keeps at most count exchanges of together at most bytes bytes.
func NewJournal(count int, bytes int64) *Journal {
	return &Journal{ring: make([]entry, max(count, 1)), maxBytes: bytes}
}

// Listen calls fn with every exchange that is added from then on, kept or not, but without its headers and bodies. fn must
// not block, and not keep it. Listen is for the time before anything is served.
func (j *Journal) Listen(fn func(*Exchange)) { j.listeners = append(j.listeners, fn) }

// Add appends an exchange and drops the oldest ones that no longer fit. One that can never fit is itself dropped.
func (j *Journal) Add(x Exchange) {
	j.add(&x, bulk{header: x.Header, answerHeader: x.AnswerHeader, body: []byte(x.Body), answer: []byte(x.Answer)})
}

func (j *Journal) add(x *Exchange, b bulk) {
	j.keep(pack(x, b))
	for _, fn := range j.listeners {
		fn(x)
	}
}

func (j *Journal) keep(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.size > j.maxBytes {
		j.dropped++
		return
	}
	for j.n > 0 && (j.n == len(j.ring) || j.bytes+e.size > j.maxBytes) {
		old := &j.ring[j.first]
		j.bytes -= old.size
		*old = entry{}
		j.first = (j.first + 1) % len(j.ring)
		j.n--
		j.dropped++
	}
	j.ring[(j.first+j.n)%len(j.ring)] = e
	j.n++
	j.bytes += e.size
}

// List answers the exchanges that keep accepts, oldest first, at most the last limit of them, and how many were ever
// dropped. keep sees them without their headers and bodies.
func (j *Journal) List(limit int, keep func(*Exchange) bool) (list []Exchange, dropped uint64) {
	found, dropped := j.find(limit, keep)
	for i := len(found) - 1; i >= 0; i-- {
		list = append(list, found[i].unpack())
	}
	return list, dropped
}

// find is List, the newest first.
func (j *Journal) find(limit int, keep func(*Exchange) bool) (found []entry, dropped uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := j.n - 1; i >= 0 && len(found) < limit; i-- {
		e := &j.ring[(j.first+i)%len(j.ring)]
		if keep(&e.short) {
			found = append(found, *e)
		}
	}
	return found, j.dropped
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
		URL: requestURI(r.HTTP), Status: out.resp.Status,
		At: out.at, Started: started, Took: took, Fault: out.fault, CauseKind: out.kind, About: out.about, Hint: out.hint,
		Host: r.HTTP.Host, Proto: r.HTTP.Proto, TLS: r.HTTP.TLS != nil,
	}
	if out.cause != nil {
		x.Cause = out.cause
	}
	b := bulk{header: r.HTTP.Header, answered: &out.resp}
	b.body, x.BodyCut = kept(r.body)
	b.answer, x.AnswerCut = kept(out.resp.Body)
	if wait := out.resp.Header["Retry-After"]; wait != "" {
		x.RetryAfter, _ = strconv.Atoi(wait) // a date would be 0: nobody sends one
	}
	if r.Operation != nil {
		x.Operation = r.Operation.ID()
	}
	if out.inj != nil {
		x.Faults = out.inj.Verdicts
	}
	s.journal.add(&x, b)
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

// requestURI is what the request line said.
func requestURI(req *http.Request) string {
	if req.RequestURI != "" {
		return req.RequestURI
	}
	return req.URL.RequestURI()
}
