// Package record writes down what a simulator was asked and what it answered, and plays it again: a failure that was seen
// once in somebody's suite is seen again at a desk, byte for byte.
//
// It exists because the same seed, the same clock and the same requests give the same bytes, but nobody can type the same
// requests at the same instants again. While a recording is made, requests take turns: one runs at a time, on a wall clock
// that stands still as long as its turn lasts, and each turn is a line of the file, written before the client sees the
// answer. A request that waits for the real clock (a latency, a stalled connection) or for a slow client gives its turn
// away meanwhile and takes another one afterwards, so it never holds up the others. The turns of the timer loop, and of the
// end of worlds with a ttl, are lines too. A replay gives the turns in the same order with the same wall clock, whatever
// the clocks of the worlds are made of it (docs/decisions/0010-recordings-are-turns.md).
package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"net/http"
	"time"
	"unicode/utf8"

	"storagesim/internal/api"
)

// Format is the version of the file's form.
const Format = 1

// Header is the first line of a recording.
type Header struct {
	Recording int             `json:"recording"` // Format
	Program   string          `json:"program"`   // the version of the program that wrote it
	Started   time.Time       `json:"started"`   // the wall clock when the program was assembled
	Config    json.RawMessage `json:"config"`    // what the program was started with, as far as answers depend on it
}

// Line is one turn. Exactly one of Request, Resume, Timers and Expire says whose.
type Line struct {
	Turn uint64    `json:"turn"` // from 1, without a gap
	Wall time.Time `json:"wall"` // what the wall clock shows as long as the turn lasts

	Request *Request `json:"request,omitempty"` // a request begins
	Resume  uint64   `json:"resume,omitempty"`  // the request that began in that turn goes on
	Gone    bool     `json:"gone,omitempty"`    // its client went away meanwhile
	Timers  string   `json:"timers,omitempty"`  // the timers that are due in that world are fired
	Expire  bool     `json:"expire,omitempty"`  // the worlds whose ttl is over are removed

	Took    time.Duration `json:"tookNs,omitempty"`  // what the journal says of the request's duration
	Listens []Listen      `json:"listens,omitempty"` // ports that were opened
	Answer  *Answer       `json:"answer,omitempty"`  // the request ends
}

// Request is a request as it came in.
type Request struct {
	Method    string      `json:"method"`
	URL       string      `json:"url"` // as the request line has it
	Host      string      `json:"host"`
	Header    http.Header `json:"header,omitempty"`
	Length    int64       `json:"length,omitempty"` // the announced length of the body in bytes; -1: none was announced
	Body      Bytes       `json:"body,omitzero"`
	BodyError string      `json:"bodyError,omitempty"` // why there was no more of it
	TLS       bool        `json:"tls,omitempty"`
	HTTP2     bool        `json:"http2,omitempty"`
	// Listener is what the port that it came in on says about where it goes.
	Listener api.Place `json:"listener,omitzero"`
}

// Listen is what came of opening a port.
type Listen struct {
	Address string `json:"address,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Answer is what the client saw.
type Answer struct {
	Status int         `json:"status"` // 0: the connection ended before an answer
	Header http.Header `json:"header,omitempty"`
	Body   Bytes       `json:"body,omitzero"`
	Size   int         `json:"size,omitempty"`   // bytes of a body that is too long to be kept whole
	SHA256 string      `json:"sha256,omitempty"` // of all of it
	End    string      `json:"end,omitempty"`    // how it ended where that was not as usual: see Aborted
	World  string      `json:"world,omitempty"`
	At     time.Time   `json:"at,omitzero"` // what the world's clock shows when the turn ends
}

// How an answer ended.
const (
	Aborted = "aborted" // the connection was ended in the middle
	Reset   = "reset"   // by RST
	Gone    = "gone"    // the client went away before it had read all: what is there is a beginning
	Stream  = "stream"  // it is an event stream, whose events are not recorded
)

// maxBody is how much of an answer's body is kept, in bytes: beyond it stand its length and its digest.
const maxBody = 1 << 20

// Bytes is a JSON string where it is UTF-8, as nearly everything is, else {"base64": "…"}.
type Bytes []byte

type encoded struct {
	Base64 []byte `json:"base64"`
}

// IsZero says whether there is nothing.
func (b Bytes) IsZero() bool { return len(b) == 0 }

// MarshalJSON is of encoding/json.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if !utf8.Valid(b) {
		return json.Marshal(encoded{b})
	}
	buf := bytes.NewBuffer(make([]byte, 0, len(b)+len(b)/8+16))
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(string(b))
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// UnmarshalJSON is of encoding/json.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var e encoded
		err := json.Unmarshal(text, &e)
		*b = e.Base64
		return err
	}
	var s string
	err := json.Unmarshal(text, &s)
	*b = Bytes(s)
	return err
}

// digest collects a body of any length in bounded memory.
type digest struct {
	kept []byte
	size int
	sum  hash.Hash // of a body that is too long to be kept
}

func (d *digest) add(p []byte) {
	d.size += len(p)
	if d.sum == nil && d.size <= maxBody {
		d.kept = append(d.kept, p...)
		return
	}
	if d.sum == nil {
		d.sum = sha256.New()
		_, _ = d.sum.Write(d.kept) // a digest takes everything
	}
	_, _ = d.sum.Write(p)
	d.kept = append(d.kept, p[:min(len(p), maxBody-len(d.kept))]...)
}

// in writes the body into the answer.
func (d *digest) in(a *Answer) {
	a.Body = d.kept
	if d.sum != nil {
		a.Size, a.SHA256 = d.size, hex.EncodeToString(d.sum.Sum(nil))
	}
}
