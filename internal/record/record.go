// Package record records the requests to a simulator and its responses, and replays them: a failure in a test suite can
// be reproduced byte for byte.
//
// The same seed, clock and requests give the same bytes, but nobody can send the same requests at the same instants
// again. While a recording is made, requests take turns. One request runs at a time, on a wall clock that stands still
// during its turn. Each turn is a line of the file, which is written before the client gets the response. A request
// that waits for the real clock (latency, a stalled connection) or for a slow client ends its turn and takes another
// one afterwards, so it never blocks the others. The turns of the timer loop, and of the deletion of worlds with a ttl,
// are lines too. A replay makes the turns in the same order with the same wall clock
// (docs/decisions/0010-recordings-are-turns.md).
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

// Format is the version of the file format.
const Format = 1

// Header is the first line of a recording.
type Header struct {
	Recording int             `json:"recording"` // Format
	Program   string          `json:"program"`   // the version of the program that wrote it
	Started   time.Time       `json:"started"`   // the wall clock at the start of the program
	Config    json.RawMessage `json:"config"`    // the settings of the program that responses depend on
}

// Line is one turn. Exactly one of Request, Resume, Timers and Expire is set.
type Line struct {
	Turn uint64    `json:"turn"` // from 1, without a gap
	Wall time.Time `json:"wall"` // the wall clock during the turn

	Request *Request `json:"request,omitempty"` // a request starts
	Resume  uint64   `json:"resume,omitempty"`  // the request that started in this turn continues
	Gone    bool     `json:"gone,omitempty"`    // its client has closed the connection
	Timers  string   `json:"timers,omitempty"`  // the due timers of this world fire
	Expire  bool     `json:"expire,omitempty"`  // the worlds whose ttl has passed are deleted

	Took     time.Duration `json:"tookNs,omitempty"`  // the duration of the request in the journal
	Listens  []Listen      `json:"listens,omitempty"` // ports that were opened
	Response *Response     `json:"answer,omitempty"`  // the request ends
}

// Request is a request as it was received.
type Request struct {
	Method    string      `json:"method"`
	URL       string      `json:"url"` // as in the request line
	Host      string      `json:"host"`
	Header    http.Header `json:"header,omitempty"`
	Length    int64       `json:"length,omitempty"` // the Content-Length in bytes; -1 if it is unknown
	Body      Bytes       `json:"body,omitzero"`
	BodyError string      `json:"bodyError,omitempty"` // the error that ended the body
	TLS       bool        `json:"tls,omitempty"`
	HTTP2     bool        `json:"http2,omitempty"`
	// Listener is the world and the cluster of the port that the request came in on.
	Listener api.Place `json:"listener,omitzero"`
}

// Listen is the result of opening a port.
type Listen struct {
	Address string `json:"address,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Response is the response that the client got.
type Response struct {
	Status int         `json:"status"` // 0 if the connection ended before a response
	Header http.Header `json:"header,omitempty"`
	Body   Bytes       `json:"body,omitzero"`
	Size   int         `json:"size,omitempty"`   // the length in bytes of a body that is not kept whole
	SHA256 string      `json:"sha256,omitempty"` // of a body that is not kept whole
	End    string      `json:"end,omitempty"`    // how the response ended, if not as usual: see Aborted
	World  string      `json:"world,omitempty"`
	At     time.Time   `json:"at,omitzero"` // the world's clock at the end of the turn
}

// How a response ended.
const (
	Aborted = "aborted" // the connection was closed during the response
	Reset   = "reset"   // the connection was reset
	Gone    = "gone"    // the client closed the connection; the recording has the beginning
	Stream  = "stream"  // an event stream; its events are not recorded
)

// maxBody is the longest body that is kept whole, in bytes. Of a longer one, the length and the digest are kept too.
const maxBody = 1 << 20

// Bytes is a JSON string if it is UTF-8, otherwise {"base64": "…"}.
type Bytes []byte

type encoded struct {
	Base64 []byte `json:"base64"`
}

// IsZero reports whether b is empty.
func (b Bytes) IsZero() bool { return len(b) == 0 }

// MarshalJSON implements json.Marshaler.
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

// UnmarshalJSON implements json.Unmarshaler.
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
	sum  hash.Hash // of a body longer than maxBody
}

func (d *digest) add(p []byte) {
	d.size += len(p)
	if d.sum == nil && d.size <= maxBody {
		d.kept = append(d.kept, p...)
		return
	}
	if d.sum == nil {
		d.sum = sha256.New()
		_, _ = d.sum.Write(d.kept) // never fails
	}
	_, _ = d.sum.Write(p)
	d.kept = append(d.kept, p[:min(len(p), maxBody-len(d.kept))]...)
}

// in writes the body into a response.
func (d *digest) in(a *Response) {
	a.Body = d.kept
	if d.sum != nil {
		a.Size, a.SHA256 = d.size, hex.EncodeToString(d.sum.Sum(nil))
	}
}
