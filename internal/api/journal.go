package api

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"storagesim/internal/fault"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Exchange is a request and its response in the journal.
type Exchange struct {
	ID string `json:"id"`
	// Open is set until the exchange has ended. Ended is set if its world has begun another life or was deleted since.
	Open         bool          `json:"open,omitempty"`
	Ended        bool          `json:"ended,omitempty"`
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
	Status       int           `json:"status"`            // 0 if no response was sent, or not yet
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
	// Lost is the operation's own response, if a fault lost it or sent another one. It is nil if the operation did not
	// run.
	Lost *Lost `json:"lost,omitempty"`
}

// Lost is a response that the client did not get.
type Lost struct {
	Committed bool   `json:"committed"` // the operation changed the world, and the change stays
	Status    int    `json:"status"`
	Answer    string `json:"answer,omitempty"`
	AnswerCut int    `json:"answerCut,omitempty"`
}

// Journal keeps the latest exchanges in memory, by the lives of worlds, bounded by count and bytes. When it is full it
// drops exchanges of lives that are over, then the oldest ones of the life that has most: a world that fills the
// journal does not drop the exchanges of another that has few. Its methods may be called concurrently.
type Journal struct {
	mu       sync.Mutex
	live     []*book
	over     []*book // of lives that have ended and still have exchanges, in the order of their ends
	strays   *book   // requests to worlds that do not exist
	count    int
	bytes    int64
	maxCount int
	maxBytes int64
	dropped  uint64
	last     uint64 // number of the last exchange
	reserved uint64 // the last number that reserve was called with
	reserve  func(until uint64)

	listeners []func(*Exchange)
}

// NewJournal returns a journal that keeps at most count exchanges, at least one, with a total size of at most bytes
// bytes.
func NewJournal(count int, bytes int64) *Journal {
	return &Journal{maxCount: max(count, 1), maxBytes: bytes, strays: &book{}}
}

// Listen registers fn, which is called with each exchange that ends later, kept or not. The exchange has no headers and
// no bodies. fn must not block and must not retain the exchange. Listen must be called before the first request is
// served.
func (j *Journal) Listen(fn func(*Exchange)) { j.listeners = append(j.listeners, fn) }

// LastID returns the number in the last exchange's id.
func (j *Journal) LastID() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// idBlock is the number of ids that ContinueAfter reserves at once.
const idBlock = 10_000

// ContinueAfter makes the ids continue after a number, so that the id of an exchange of an earlier process names no
// other one. Reserve is called before ids above the last reserved number are used; it must store the number that it is
// passed, for the next process. It is called before the first request is served.
func (j *Journal) ContinueAfter(last uint64, reserve func(until uint64)) {
	j.last, j.reserved, j.reserve = last, last, reserve
}

// next returns the number of the next exchange.
func (j *Journal) next() uint64 {
	j.last++
	if j.reserve != nil && j.last > j.reserved {
		j.reserved += idBlock
		j.reserve(j.reserved)
	}
	return j.last
}

// begin adds an exchange of a life, which is nil if the world does not exist. It sets its id. The record stays open
// until complete is called; request has the header and the body meanwhile.
func (j *Journal) begin(x *Exchange, life *store.Life, request *Request) *record {
	rec := &record{short: *x, open: request, size: recordSize + int64(len(x.URL))}
	rec.short.Open = true
	j.mu.Lock()
	defer j.mu.Unlock()
	rec.number = j.next()
	if rec.short.ID == "" {
		rec.short.ID = "req-" + strconv.FormatUint(rec.number, 10)
	}
	x.ID = rec.short.ID
	j.keep(j.bookOf(life), rec)
	return rec
}

// bookOf returns the book of a life.
func (j *Journal) bookOf(life *store.Life) *book {
	if life == nil {
		return j.strays
	}
	for _, list := range [][]*book{j.live, j.over} {
		for i := len(list) - 1; i >= 0; i-- {
			if list[i].life.Number == life.Number {
				return list[i]
			}
		}
	}
	b := &book{life: life}
	if life.Ended() {
		j.over = append(j.over, b)
	} else {
		j.live = append(j.live, b)
	}
	return b
}

// keep appends a record to a book, and drops what no longer fits.
func (j *Journal) keep(b *book, rec *record) {
	if rec.size > j.maxBytes {
		j.dropped++
		b.dropped++
		return
	}
	for j.count > 0 && j.count >= j.maxCount {
		j.dropOne()
	}
	rec.book = b
	b.records = append(b.records, rec)
	j.count++
	j.resize(rec, rec.size)
}

// resize adds to the size that is held, and drops what no longer fits.
func (j *Journal) resize(rec *record, added int64) {
	rec.book.bytes += added
	j.bytes += added
	for j.count > 0 && j.bytes > j.maxBytes {
		j.dropOne()
	}
}

// dropOne drops the exchange that the journal can best do without.
func (j *Journal) dropOne() {
	victim := j.strays
	if len(j.over) > 0 && (len(victim.records) == 0 || j.over[0].records[0].number < victim.records[0].number) {
		victim = j.over[0]
	}
	if len(victim.records) == 0 {
		for _, b := range j.live {
			if b.share(j) > victim.share(j) {
				victim = b
			}
		}
	}
	j.drop(victim.records[0])
}

// drop takes a record out and counts it. Whoever still holds it finds it empty.
func (j *Journal) drop(rec *record) {
	rec.book.dropped++
	j.dropped++
	j.take(rec)
	*rec = record{}
}

// take takes a record out of its book.
func (j *Journal) take(rec *record) {
	b := rec.book
	if at := b.search(rec.number); at == 0 {
		b.records[0] = nil
		b.records = b.records[1:]
	} else {
		b.records = slices.Delete(b.records, at, at+1)
	}
	b.bytes -= rec.size
	j.bytes -= rec.size
	j.count--
	rec.book = nil
	if len(b.records) == 0 {
		b.records = nil
		j.over = slices.DeleteFunc(j.over, func(other *book) bool { return other == b })
	}
}

// relocate moves an open exchange to the life that its body names.
func (j *Journal) relocate(rec *record, world string, life *store.Life) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rec.short.World = world
	if rec.book == nil {
		return
	}
	j.take(rec)
	b := j.bookOf(life)
	b.records = slices.Insert(b.records, b.search(rec.number), rec)
	rec.book = b
	b.bytes += rec.size
	j.bytes += rec.size
	j.count++
}

// complete ends an exchange. It does nothing but call the listeners if the journal has dropped it meanwhile.
func (j *Journal) complete(rec *record, x *Exchange, b bulk) {
	packed := pack(x, b)
	j.mu.Lock()
	if rec.book != nil {
		packed.number, packed.book = rec.number, rec.book
		added := packed.size - rec.size
		if rec.open = nil; packed.size > j.maxBytes {
			j.drop(rec)
		} else {
			*rec = packed
			j.resize(rec, added)
		}
	}
	j.mu.Unlock()
	for _, fn := range j.listeners {
		fn(x)
	}
}

// EndLives moves the books of lives that have ended. It must be called when a world was replaced or deleted.
func (j *Journal) EndLives() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.live = slices.DeleteFunc(j.live, func(b *book) bool {
		if !b.life.Ended() {
			return false
		}
		if len(b.records) > 0 {
			j.over = append(j.over, b)
		}
		return true
	})
}

// Size returns the number of exchanges in the journal, their size in memory in bytes, and the number dropped since all
// of it was last cleared.
func (j *Journal) Size() (entries int, bytes int64, dropped uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.count, j.bytes, j.dropped
}
