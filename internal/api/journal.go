package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/fault"
	"storagesim/internal/redact"
	"storagesim/internal/refusal"
)

// Exchange is a request and its response in the journal.
type Exchange struct {
	ID           string        `json:"id"`
	World        string        `json:"world"`
	Cluster      string        `json:"cluster,omitempty"`
	Vendor       string        `json:"vendor"`
	Operation    string        `json:"operation,omitempty"` // "" if the path or the method is unknown
	Method       string        `json:"method"`
	URL          string        `json:"url"`
	Host         string        `json:"host,omitempty"`
	Proto        string        `json:"proto,omitempty"` // HTTP/1.1, HTTP/2.0
	TLS          bool          `json:"tls,omitempty"`
	Header       http.Header   `json:"header"`
	Body         string        `json:"body,omitempty"`
	BodyCut      int           `json:"bodyCut,omitempty"` // number of bytes cut off at the end of Body
	Status       int           `json:"status"`            // 0 if no response was sent
	AnswerHeader http.Header   `json:"answerHeader,omitempty"`
	Answer       string        `json:"answer,omitempty"`
	AnswerCut    int           `json:"answerCut,omitempty"`
	At           time.Time     `json:"at,omitzero"` // by the world's clock; zero if the request opened no world
	Started      time.Time     `json:"started"`     // by the wall clock
	Took         time.Duration `json:"tookNs"`
	// RetryAfter is the value of the response header Retry-After, in seconds of the world's clock.
	RetryAfter int `json:"retryAfter,omitempty"`
	// Fault lists the fault rules that had an effect, separated by commas, or is "header" for a fault that the request
	// asked for.
	Fault string `json:"fault,omitempty"`
	// Faults holds the verdict of each fault rule for the operation.
	Faults []fault.Verdict `json:"faults,omitempty"`
	// CauseKind classifies why the request was refused; "" if it was not.
	CauseKind refusal.CauseKind `json:"causeKind,omitempty"`
	Cause     any               `json:"cause,omitempty"`
	// About describes what a refused request was about.
	About *About `json:"finding,omitempty"`
	// Hint names the operation that a request to an unknown route was probably meant for.
	Hint string `json:"hint,omitempty"`
}

// Journal keeps the latest exchanges of all worlds in memory, bounded by count and bytes. Its methods may be called
// concurrently.
type Journal struct {
	mu       sync.Mutex
	ring     []entry
	first, n int
	bytes    int64
	maxBytes int64
	dropped  uint64

	listeners []func(*Exchange)
}

// NewJournal returns a journal that keeps at most count exchanges, at least one, with a total size of at most bytes
// bytes.
func NewJournal(count int, bytes int64) *Journal {
	return &Journal{ring: make([]entry, max(count, 1)), maxBytes: bytes}
}

// Listen registers fn, which is called with each exchange that is added later, kept or not. The exchange has no headers
// and no bodies. fn must not block and must not retain the exchange. Listen must be called before the first request is
// served.
func (j *Journal) Listen(fn func(*Exchange)) { j.listeners = append(j.listeners, fn) }

// Add appends an exchange and drops the oldest ones that no longer fit. It drops x itself if x is larger than the
// journal.
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

// List returns the latest exchanges for which keep returns true, at most limit of them and oldest first, and the number
// of exchanges dropped since the journal was last cleared. The exchanges passed to keep have no headers and no bodies.
func (j *Journal) List(limit int, keep func(*Exchange) bool) (list []Exchange, dropped uint64) {
	found, dropped := j.find(limit, keep)
	for i := len(found) - 1; i >= 0; i-- {
		list = append(list, found[i].unpack())
	}
	return list, dropped
}

// find is like List, but returns the newest exchange first.
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

// Size returns the number of exchanges in the journal, their estimated size in bytes, and the number dropped since the
// journal was last cleared.
func (j *Journal) Size() (entries int, bytes int64, dropped uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.n, j.bytes, j.dropped
}

// Clear removes all exchanges and resets the number of dropped ones.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.ring)
	j.first, j.n, j.bytes, j.dropped = 0, 0, 0, 0
}

// record adds the exchange to the journal and writes it to the log.
func (s *Server) record(vendor string, r *Request, out outcome, started time.Time) {
	took := s.wall().Sub(started)
	if conducted, ok := r.out.(interface{ Took() time.Duration }); ok {
		took = conducted.Took() // a conducted request has its own measure: the wall clock stands still meanwhile
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
		x.RetryAfter = retrySeconds(wait, out.at)
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
			Msg(redact.Line(x.Method) + " " + redact.URL(x.URL) + ": " + redact.Line(out.hint))
	}
	if out.resp.Status >= http.StatusInternalServerError && out.fault == "" && out.cause == nil {
		level = zerolog.WarnLevel
	}
	if e := s.log.WithLevel(level); e.Enabled() {
		e.Str("op", x.Operation).Str("request_id", r.ID).Str("world", r.World).Int("status", x.Status).
			Dur("dur", took).Str("fault", out.fault).Msg(redact.Line(r.HTTP.Method + " " + r.HTTP.URL.Path))
	}
}

// requestURI returns the target of the request line.
func requestURI(req *http.Request) string {
	if req.RequestURI != "" {
		return req.RequestURI
	}
	return req.URL.RequestURI()
}

// retrySeconds returns the seconds of a header Retry-After, which is a number or, if a fault rule says so, a date on the
// world's clock.
func retrySeconds(value string, now time.Time) int {
	seconds, err := strconv.Atoi(value)
	if err == nil {
		return seconds
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return int(at.Sub(now).Round(time.Second) / time.Second)
}
