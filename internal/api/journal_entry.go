package api

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// entry is an exchange as the journal holds it. All its texts are one, so that a journal of ten thousand exchanges is as many
// things to the collector, and what net/http read them from can go.
type entry struct {
	short Exchange // its texts are parts of text; headers and bodies are only there
	text  string
	// ends are where in text the header, the answer's header and the body end; the answer is the rest.
	ends [3]int
	// begin is where the header begins.
	begin int
	size  int64 // about how many bytes it holds in memory
}

// bulk is what an exchange says at length.
type bulk struct {
	header, answerHeader http.Header
	answered             *Response // whose headers are meant, where there is one; those of an answer that was sent
	body, answer         []byte
}

// maxKept is how much of a body or of an answer the journal keeps.
const maxKept = 16 << 10

// kept is the beginning of a body as the journal keeps it, and how many bytes are left out.
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

// texts are the short texts of an exchange that a request brings along.
func (x *Exchange) texts() [6]*string {
	return [...]*string{&x.ID, &x.World, &x.Cluster, &x.URL, &x.Host, &x.Fault}
}

// pack makes an entry. It keeps nothing of the bulk, and of the exchange only what is made for it: cause, finding, verdicts.
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
	e.size = e.weigh()
	return e
}

// each calls field with the headers of the request and then, after between, with those of the answer that the operation chose.
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

// unpack makes the exchange of it again.
func (e *entry) unpack() Exchange {
	x := e.short
	x.Header, x.AnswerHeader = fieldsOf(e.text[e.begin:e.ends[0]]), fieldsOf(e.text[e.ends[0]:e.ends[1]])
	x.Body, x.Answer = e.text[e.ends[1]:e.ends[2]], e.text[e.ends[2]:]
	return x
}

// fieldsOf reads what pack wrote: neither names nor values have a line's end.
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

// weigh is about how many bytes it holds in memory.
func (e *entry) weigh() int64 {
	n := 512 + len(e.text) + len(e.short.Hint)
	if e.short.Cause != nil || e.short.About != nil {
		n += weighCause(e.short.Cause, e.short.About)
	}
	for i := range e.short.Faults {
		n += 64 + len(e.short.Faults[i].Rule) + len(e.short.Faults[i].Why)
	}
	return int64(n)
}
