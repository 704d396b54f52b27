package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"storagesim/internal/store"
)

// record is an exchange in the journal. All strings of a complete one are parts of one string: the garbage collector
// then scans one object for each exchange, and the buffers that net/http read the request into can be freed.
type record struct {
	number uint64
	book   *book    // nil after the journal has dropped the record
	open   *Request // the request of an open exchange
	body   []byte   // its body, once it was read
	short  Exchange // without headers and bodies; its strings are parts of text
	text   string
	begin  int    // offset in text of the request header
	ends   [4]int // offsets in text of the ends of the request header, the response header, the bodies of both
	size   int64  // in memory, in bytes
}

// recordSize is the size of a record without its text, with what the allocator and its book add.
const recordSize = 512

// book has the exchanges of one life of a world, in the order of their beginnings.
type book struct {
	life    *store.Life
	records []*record
	bytes   int64
	dropped uint64
}

// share returns how much of the journal the book takes, from 0 to 1.
func (b *book) share(j *Journal) float64 {
	return max(float64(len(b.records))/float64(j.maxCount), float64(b.bytes)/float64(max(j.maxBytes, 1)))
}

// search returns the index of the first record whose number is not below number.
func (b *book) search(number uint64) int {
	at, _ := slices.BinarySearchFunc(b.records, number, func(rec *record, number uint64) int {
		return cmp.Compare(rec.number, number)
	})
	return at
}

// bulk holds the long parts of an exchange.
type bulk struct {
	header, answerHeader http.Header
	answered             *Response // if not nil, its headers are added to answerHeader
	body, answer, lost   []byte
}

// maxKept is the number of bytes of a request or response body that the journal keeps.
const maxKept = 16 << 10

// kept returns the beginning of body that the journal keeps, whole UTF-8 characters, and the number of bytes cut off.
func kept(body []byte) (beginning []byte, cut int) {
	if len(body) <= maxKept {
		return body, 0
	}
	n := maxKept
	for n > maxKept-utf8.UTFMax && !utf8.RuneStart(body[n]) {
		n--
	}
	return body[:n], len(body) - n
}

// texts returns the short strings of an exchange that come from the request.
func (x *Exchange) texts() [9]*string {
	return [...]*string{&x.ID, &x.World, &x.Cluster, &x.Method, &x.URL, &x.Host, &x.Proto, &x.Fault, &x.Hint}
}

// pack returns a complete record of x and b. It copies every string.
func pack(x *Exchange, b bulk) record {
	rec := record{short: *x}
	e := &rec.short
	e.Header, e.AnswerHeader, e.Body, e.Answer, e.Open = nil, nil, "", "", false
	rec.size = recordSize
	if e.Cause != nil || e.About != nil || e.Faults != nil || e.Lost != nil {
		rec.size += e.hold()
	}
	var text strings.Builder
	texts := e.texts()
	n := len(b.body) + len(b.answer) + len(b.lost)
	for _, part := range texts {
		n += len(*part)
	}
	b.each(func(name, value string) { n += len(name) + len(value) + 2 }, func() {})
	text.Grow(n)
	for _, part := range texts {
		text.WriteString(*part)
	}
	rec.begin = text.Len()
	b.each(func(name, value string) {
		text.WriteString(name)
		text.WriteByte('\n')
		text.WriteString(value)
		text.WriteByte('\n')
	}, func() { rec.ends[0] = text.Len() })
	rec.ends[1] = text.Len()
	text.Write(b.body)
	rec.ends[2] = text.Len()
	text.Write(b.answer)
	rec.ends[3] = text.Len()
	text.Write(b.lost)
	rec.text = text.String()
	at := 0
	for _, part := range texts {
		*part = rec.text[at : at+len(*part)]
		at += len(*part)
	}
	rec.size += allocated(len(rec.text))
	return rec
}

// allocated returns the memory of a string of n bytes: the allocator rounds up, to pages if it is long.
func allocated(n int) int64 {
	if n <= 32<<10 {
		return int64(n + n/16)
	}
	return int64(n+8191) &^ 8191
}

// each calls field for each header of the request, then between, then field for each header of the response.
func (b *bulk) each(field func(name, value string), between func()) {
	fields := func(h http.Header) {
		for name, values := range h {
			for _, value := range values {
				field(name, value)
			}
		}
	}
	fields(b.header)
	between()
	fields(b.answerHeader)
	if b.answered == nil || b.answered.Status == 0 {
		return
	}
	for name, value := range b.answered.Header {
		if b.answered.ContentType == "" || name != "Content-Type" {
			field(http.CanonicalHeaderKey(name), value)
		}
	}
	if b.answered.ContentType != "" {
		field("Content-Type", b.answered.ContentType)
	}
}

// unpack returns the whole exchange.
func (rec *record) unpack() Exchange {
	x := rec.short
	x.Ended = rec.book.life == nil || rec.book.life.Ended()
	if r := rec.open; r != nil {
		var body []byte
		x.Header, x.AnswerHeader = r.HTTP.Header.Clone(), http.Header{}
		body, x.BodyCut = kept(rec.body)
		x.Body = string(body)
		return x
	}
	x.Header, x.AnswerHeader = fieldsOf(rec.text[rec.begin:rec.ends[0]]), fieldsOf(rec.text[rec.ends[0]:rec.ends[1]])
	x.Body, x.Answer = rec.text[rec.ends[1]:rec.ends[2]], rec.text[rec.ends[2]:rec.ends[3]]
	if x.Lost != nil {
		lost := *x.Lost
		lost.Answer, x.Lost = rec.text[rec.ends[3]:], &lost
	}
	return x
}

// fieldsOf parses headers that pack wrote. Neither names nor values contain a newline.
func fieldsOf(text string) http.Header {
	h := http.Header{}
	for text != "" {
		var name, value string
		name, text, _ = strings.Cut(text, "\n")
		value, text, _ = strings.Cut(text, "\n")
		h[name] = append(h[name], value)
	}
	return h
}
