package api

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/redact"
)

// begin adds a request to the journal, as open, and sets its id.
func (s *Server) begin(vendor string, r *Request, started time.Time) *record {
	x := r.exchange(vendor, started)
	rec := s.journal.begin(&x, r.life, r)
	r.ID = x.ID
	return rec
}

// exchange returns what is known about the exchange from its beginning.
func (r *Request) exchange(vendor string, started time.Time) Exchange {
	x := Exchange{
		ID: r.ID, World: r.World, Cluster: r.Cluster, Vendor: vendor, Method: r.HTTP.Method, URL: requestURI(r.HTTP),
		Started: started, Host: r.HTTP.Host, Proto: r.HTTP.Proto, TLS: r.HTTP.TLS != nil,
	}
	if r.Operation != nil {
		x.Operation = r.Operation.ID()
	}
	return x
}

// bodyRead adds the body to an open exchange.
func (j *Journal) bodyRead(rec *record, body []byte) {
	if len(body) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if rec.book != nil {
		rec.body = body
	}
}

// record completes the exchange in the journal and writes it to the log.
func (s *Server) record(vendor string, r *Request, rec *record, out outcome, started time.Time) {
	took := s.wall().Sub(started)
	if conducted, ok := r.out.(interface{ Took() time.Duration }); ok {
		took = conducted.Took() // a conducted request has its own measure: the wall clock stands still meanwhile
	}
	x := r.exchange(vendor, started)
	x.Status, x.At, x.Took, x.Fault, x.CauseKind = out.resp.Status, out.at, took, out.fault, out.kind
	x.About, x.Hint = out.about, out.hint
	if out.cause != nil {
		x.Cause = out.cause
	}
	b := bulk{header: r.HTTP.Header, answered: &out.resp}
	b.body, x.BodyCut = kept(r.body)
	b.answer, x.AnswerCut = kept(out.resp.Body)
	if out.lost != nil {
		lost := Lost{Committed: out.lost.committed, Status: out.lost.resp.Status}
		b.lost, lost.AnswerCut = kept(out.lost.resp.Body)
		x.Lost = &lost
	}
	if wait := out.resp.Header["Retry-After"]; wait != "" {
		x.RetryAfter = retrySeconds(wait, out.at)
	}
	if out.inj != nil {
		x.Faults = out.inj.Verdicts
	}
	s.journal.complete(rec, &x, b)
	if s.observe != nil {
		s.observe(vendor, r.Operation, x.Status, x.Fault != "", took)
	}
	s.logExchange(&x, &out)
}

func (s *Server) logExchange(x *Exchange, out *outcome) {
	level := zerolog.DebugLevel
	if x.Operation == "" && s.log.GetLevel() <= zerolog.InfoLevel {
		s.log.Info().Str("request_id", x.ID).Str("world", x.World).Str("vendor", x.Vendor).Int("status", x.Status).
			Msg(redact.Line(x.Method) + " " + redact.URL(x.URL) + ": " +
				redact.Line(cmp.Or(out.hint, s.nearestRoute(x.Vendor, x.Method, x.URL))))
	}
	if x.Status >= http.StatusInternalServerError && out.fault == "" && out.cause == nil {
		level = zerolog.WarnLevel
	}
	if e := s.log.WithLevel(level); e.Enabled() {
		at, _, _ := strings.Cut(x.URL, "?")
		e.Str("op", x.Operation).Str("request_id", x.ID).Str("world", x.World).Int("status", x.Status).
			Dur("dur", x.Took).Str("fault", out.fault).Msg(redact.Line(x.Method + " " + at))
	}
}

// requestURI returns the target of the request line.
func requestURI(req *http.Request) string {
	if req.RequestURI != "" {
		return req.RequestURI
	}
	return req.URL.RequestURI()
}

// retrySeconds returns the seconds of a header Retry-After, which is a number or, if a fault rule says so, a date on
// the world's clock.
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
