// Package fault injects errors into healthy worlds: rules that decide which requests fail, how often and how; plans for
// the retry tests of a client; and the counters of both.
//
// Not every failure follows from the state of a storage system: proxies, networks and other users come between it and a
// client. Rules and plans are rows of the world, in partition "", so a restart keeps them and a restore brings them
// back. Requests are counted in write transactions, so a limit is exact for any number of clients. Random draws depend
// only on the world's seed, the rule and the rule's count, and change no other draw of the world. An Injector holds
// copies of the rules in memory, compiled for matching. The package is independent of HTTP; package api applies effects
// to responses.
package fault

import (
	"encoding/json"
	"fmt"
	"time"
)

// Rule is a fault rule in the form of the API (control-api.md, "Faults"). Check validates it.
type Rule struct {
	ID       string `json:"id,omitempty" doc:"name of the rule" default:"fault-1, fault-2, …" range:"1 to 64 letters, digits, dots, dashes and underscores, the first one a letter or digit" example:"flaky-updates"`
	Priority int    `json:"priority,omitempty" doc:"rules with a higher priority are tried first; rules with equal priority in the order of their creation" default:"0" range:"-1000000 to 1000000" example:"10"`
	Match    Match  `json:"match" doc:"which requests the rule applies to; a request must match all members" default:"all requests"`
	When     When   `json:"when" doc:"which of the matching requests are hit" default:"all of them"`
	Phase    Phase  `json:"phase,omitempty" doc:"before: the operation does not run; after: its change is committed, then the response is lost or different" default:"before; after if the effect needs the operation's own response" example:"after"`
	Effect   Effect `json:"effect" doc:"what goes wrong" required:""`
	Force    bool   `json:"force,omitempty" doc:"accept a status that the operation neither documents nor returns" default:"false" example:"true"`
	TTL      string `json:"ttl,omitempty" type:"duration" doc:"real time until the rule ends" default:"no end" range:"above 0s" example:"10m"`
}

// Match selects requests. In globs, * matches any text and ? matches one character.
type Match struct {
	Operation string            `json:"operation,omitempty" doc:"ID of an operation, or a glob of IDs" default:"all operations" range:"at most 512 bytes" example:"lightbits.UpdateVolume"`
	Resource  string            `json:"resource,omitempty" doc:"ID or name of the resource that the request names, or a glob" default:"any resource" range:"at most 512 bytes" example:"vol-*"`
	Project   string            `json:"project,omitempty" doc:"name of the project that the request names, or a glob" default:"any project" range:"at most 512 bytes" example:"default"`
	State     string            `json:"state,omitempty" doc:"state of the resource that the request names" default:"any state" range:"a state of a state machine" example:"Available"`
	Header    map[string]string `json:"header,omitempty" doc:"globs of header values, by header" default:"any headers" range:"at most 32 headers" example:"{\"User-Agent\":\"my-client/*\"}"`
}

// When selects some of the matching requests. The zero value selects all of them.
type When struct {
	Skip        uint64     `json:"skip,omitempty" doc:"number of matching requests that pass first" default:"0" range:"0 to 1000000000" example:"1"`
	Times       *uint64    `json:"times,omitempty" doc:"largest number of requests that are hit" default:"no limit" range:"1 to 1000000000" example:"2"`
	Every       *uint64    `json:"every,omitempty" doc:"every n-th matching request is hit" default:"1" range:"1 to 1000000000" example:"3"`
	Attempts    []uint64   `json:"attempts,omitempty" doc:"numbers of the matching requests that are hit, counted from 1 after skip; not together with every" default:"all" range:"1 to 1000 different numbers" example:"[1,2,5]"`
	Quota       *Quota     `json:"quota,omitempty" doc:"the requests beyond a number per time are hit" default:"no quota"`
	Probability *float64   `json:"probability,omitempty" doc:"probability that a remaining request is hit" default:"1" range:"0 to 1" example:"0.25"`
	From        *time.Time `json:"from,omitempty" doc:"the rule hits nothing before this instant of the world's clock" default:"creation of the rule" example:"2026-01-01T12:00:00Z"`
	For         string     `json:"for,omitempty" type:"duration" doc:"time on the world's clock during which the rule hits, from the instant in from on" default:"no end" range:"above 0s" example:"5m"`
}

// Quota lets a number of requests pass in each window of the world's clock. The first window begins when the rule is
// created.
type Quota struct {
	Requests uint64  `json:"requests" doc:"matching requests that pass in each window" range:"0 to 1000000000" example:"100"`
	Per      string  `json:"per" type:"duration" doc:"length of a window on the world's clock" range:"above 0s" example:"1m" required:""`
	By       QuotaBy `json:"by,omitempty" doc:"all: the requests of all clients count together; client: those of each client count for themselves. Clients differ in the header Authorization or, without it, in their address" default:"all" example:"client"`
}

// QuotaBy is whose requests count together.
type QuotaBy string

// A quota is for all clients together, or for each client.
const (
	ByAll    QuotaBy = "all"
	ByClient QuotaBy = "client"
)

// Names lists the values.
func (QuotaBy) Names() []string { return []string{string(ByAll), string(ByClient)} }

// Phase is when an effect happens.
type Phase string

// In the phase Before the operation does not run. In the phase After its change is committed, and the response is lost,
// late or different.
const (
	Before Phase = "before"
	After  Phase = "after"
)

// Names lists the phases.
func (Phase) Names() []string { return []string{string(Before), string(After)} }

// Effect is what goes wrong.
type Effect struct {
	Status     int         `json:"status,omitempty" doc:"HTTP status of the response, with the vendor's error body" range:"400 to 599; unless force is set, one that the operation documents or that the simulator returns from state" example:"503"`
	Message    string      `json:"message,omitempty" doc:"message in the error body; needs status" default:"the text of the status" range:"at most 4096 bytes" example:"try again later"`
	RetryAfter *RetryAfter `json:"retryAfter,omitempty" type:"duration or object" doc:"header Retry-After of the response: a duration, or an object with a distribution or the form of the header; needs status" default:"with when.quota the time until the quota is renewed, otherwise no header" range:"0s to 24h" example:"2s"`
	Latency    *Latency    `json:"latency,omitempty" type:"duration or object" doc:"real time added to the response: a duration, or an object with a distribution" default:"none" example:"250ms"`
	Connection Connection  `json:"connection,omitempty" doc:"what happens to the connection: reset, empty, truncate, stall or dribble" default:"nothing" example:"reset"`
	TruncateAt *int        `json:"truncateAt,omitempty" doc:"bytes of the body that are sent before truncate or stall" default:"truncate: half of the body; stall: nothing at all" range:"0 or more" example:"10"`
	StallFor   string      `json:"stallFor,omitempty" type:"duration" doc:"real time until a stalled connection is closed" default:"until the client closes it" range:"0s to 1h" example:"30s"`
	Dribble    *Dribble    `json:"dribble,omitempty" doc:"pace of dribble" default:"16 bytes every 50ms"`
	Malformed  bool        `json:"malformed,omitempty" doc:"the body is not valid JSON" default:"false" example:"true"`
	Interloper bool        `json:"interloper,omitempty" doc:"somebody else changes the resource just before the request does" default:"false" example:"true"`
	Stale      int         `json:"stale,omitempty" doc:"a GET returns the response of this many versions ago" default:"0" range:"0 to 16" example:"1"`
	Force      bool        `json:"force,omitempty" doc:"same as force of the rule" default:"false" example:"true"`
}

// Connection is what happens to the connection.
type Connection string

// The connection effects. Over HTTP/2 they apply to the stream: Reset and Empty send RST_STREAM.
const (
	Reset    Connection = "reset"    // TCP RST without a response
	Empty    Connection = "empty"    // closed without a response
	Truncate Connection = "truncate" // closed in the middle of the response
	Stall    Connection = "stall"    // left open without further bytes
	Drip     Connection = "dribble"  // the body is sent slowly, in small pieces
)

// connections lists all of them, in the order of control-api.md.
var connections = [...]string{string(Reset), string(Empty), string(Truncate), string(Stall), string(Drip)}

// Names lists the connection effects.
func (Connection) Names() []string { return connections[:] }

// Dribble is the pace of a body that is sent in pieces.
type Dribble struct {
	Bytes int    `json:"bytes,omitempty" doc:"size of a piece in bytes" default:"16" range:"1 or more" example:"16"`
	Every string `json:"every,omitempty" type:"duration" doc:"real time between two pieces" default:"50ms" range:"0s to 1h" example:"50ms"`
}

// InvalidError is the error of an invalid rule or plan.
type InvalidError struct {
	Path   string   // of the member, such as "when.attempts[0]"; "" for the whole document
	Detail string   // what is wrong, and what is expected
	Valid  []string // the valid values, if there are few of them
}

func (e *InvalidError) Error() string {
	if e.Path == "" {
		return e.Detail
	}
	return e.Path + ": " + e.Detail
}

func invalid(path, format string, args ...any) *InvalidError {
	return &InvalidError{Path: path, Detail: fmt.Sprintf(format, args...)}
}

// broken returns a body that no JSON parser accepts: the last bracket is replaced. A body that is not JSON becomes an
// open brace.
func broken(body []byte) []byte {
	if n := len(body); n > 1 && json.Valid(body) {
		return append(append([]byte(nil), body[:n-1]...), ",]"...)
	}
	return []byte(`{"`)
}

// terminal reports whether the effect decides the response, so that no other effect of its phase can.
func (e *Effect) terminal() bool {
	return e.Status != 0 || e.Connection != "" || e.Malformed || e.Stale > 0
}

// Delivers reports whether the client gets the operation's own response, perhaps slowly.
func (e *Effect) Delivers() bool {
	return e.Status == 0 && !e.Malformed && e.Stale == 0 && (e.Connection == "" || e.Connection == Drip)
}

// Mangle returns the body as the effect changes it.
func (e *Effect) Mangle(body []byte) []byte {
	if e.Malformed {
		return broken(body)
	}
	return body
}
