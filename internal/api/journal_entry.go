package api

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// entry is an exchange in the journal. All its strings are parts of one string: the garbage collector then scans one
// object for each exchange, and the buffers that net/http read the request into can be freed.
type entry struct {
	short Exchange // without headers and bodies; its strings are parts of text
	text  string
	begin int    // offset in text of the request header
	ends  [3]int // offsets in text of the ends of the request header, the response header and the request body
	size  int64  // estimated size in memory, in bytes
}

// bulk holds the long parts of an exchange.
type bulk struct {
	header, answerHeader http.Header
	answered             *Response // if not nil, its headers are added to answerHeader
	body, answer         []byte
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
func (x *Exchange) texts() [6]*string {
	return [...]*string{&x.ID, &x.World, &x.Cluster, &x.URL, &x.Host, &x.Fault}
}

// pack returns an entry for x and b. It copies every string of the request; of x it shares only Cause, About and
// Faults.
func pack(x *Exchange, b bulk) entry {
	e := entry{short: *x}
	e.short.Header, e.short.AnswerHeader, e.short.Body, e.short.Answer = nil, nil, "", ""
	var text strings.Builder
	texts := e.short.texts()
	n := len(b.body) + len(b.answer)
	for _, part := range texts {
		n += len(*part)
	}
	b.each(func(name, value string) { n += len(name) + len(value) + 2 }, func() {})
	text.Grow(n)
	for _, part := range texts {
		text.WriteString(*part)
	}
	e.begin = text.Len()
	b.each(func(name, value string) {
		text.WriteString(name)
		text.WriteByte('\n')
		text.WriteString(value)
		text.WriteByte('\n')
	}, func() { e.ends[0] = text.Len() })
	e.ends[1] = text.Len()
	text.Write(b.body)
	e.ends[2] = text.Len()
	text.Write(b.answer)
	e.text = text.String()
	at := 0
	for _, part := range texts {
		*part = e.text[at : at+len(*part)]
		at += len(*part)
	}
	e.size = e.memorySize()
	return e
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
func (e *entry) unpack() Exchange {
	x := e.short
	x.Header, x.AnswerHeader = fieldsOf(e.text[e.begin:e.ends[0]]), fieldsOf(e.text[e.ends[0]:e.ends[1]])
	x.Body, x.Answer = e.text[e.ends[1]:e.ends[2]], e.text[e.ends[2]:]
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

// memorySize estimates how many bytes the entry holds in memory.
func (e *entry) memorySize() int64 {
	n := 512 + len(e.text) + len(e.short.Hint)
	if e.short.Cause != nil || e.short.About != nil {
		n += memorySize(e.short.Cause, e.short.About)
	}
	for i := range e.short.Faults {
		n += 64 + len(e.short.Faults[i].Rule) + len(e.short.Faults[i].Why)
	}
	return int64(n)
}
