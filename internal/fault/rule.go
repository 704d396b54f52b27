// Package fault paints errors on a healthy world: rules that say which requests go wrong, how often and how, plans for
// the retry tests of a client, and the counters of both.
//
// It exists because not everything that goes wrong follows from state: proxies, networks and other people stand between
// a client and a storage system. Rules and plans lie in tables of the world, in partition "", so that they survive a
// restart and come back with a restore; they are counted in write transactions, so that a budget is exact however many
// clients there are; what is drawn comes from the world's seed, the rule and its own count, and moves no other draw of
// the world. In memory there is only a copy of a world's rules made ready for matching (Injector). The package knows no
// HTTP: what an effect does on the wire is the business of package api.
package fault

import (
	"encoding/json"
	"fmt"
	"time"
)

// Rule says what goes wrong, as people write it (control-api.md, "Faults"). Check says whether it can be.
type Rule struct {
	ID       string `json:"id,omitempty" doc:"letters, digits, dots, dashes and underscores; without one it is made"`
	Priority int    `json:"priority,omitempty" doc:"the greater one is looked at first; rules of equal priority in the order of their making"`
	Match    Match  `json:"match" doc:"which requests; all members given must fit"`
	When     When   `json:"when" doc:"which of the matching requests"`
	Phase    Phase  `json:"phase,omitempty" doc:"before (nothing happens) or after (the change is committed)"`
	Effect   Effect `json:"effect" required:""`
	Force    bool   `json:"force,omitempty" doc:"takes a status that the vendor does not document"`
	TTL      string `json:"ttl,omitempty" doc:"real time until the rule ends"`
}

// Match says which requests a rule is about. In globs, * stands for any text and ? for one character.
type Match struct {
	Operation string            `json:"operation,omitempty" doc:"an id, or a glob of ids"`
	Resource  string            `json:"resource,omitempty" doc:"id, name or a glob of them: of the thing that the request names"`
	Project   string            `json:"project,omitempty" doc:"the project that the request names"`
	State     string            `json:"state,omitempty" doc:"the state of the thing that the request names"`
	Header    map[string]string `json:"header,omitempty" doc:"globs of header values"`
}

// When says which of the matching requests are hit. The zero value hits all of them.
type When struct {
	Skip        uint64     `json:"skip,omitempty" doc:"so many are let through first"`
	Times       uint64     `json:"times,omitempty" doc:"so many are hit at most; 0: any number"`
	Every       uint64     `json:"every,omitempty" doc:"each so-manieth is hit; 0: all"`
	Attempts    []uint64   `json:"attempts,omitempty" doc:"these are hit, counted from 1"`
	Probability *float64   `json:"probability,omitempty" doc:"of what is left, 0 to 1"`
	From        *time.Time `json:"from,omitempty" doc:"not before, on the world's clock"`
	For         string     `json:"for,omitempty" doc:"so long on the world's clock, from then or from the rule's making"`
}

// Phase is when an effect happens.
type Phase string

// Before, nothing of the operation happens; After, its change is committed and the answer is lost, late or different.
const (
	Before Phase = "before"
	After  Phase = "after"
)

// Names lists the phases.
func (Phase) Names() []string { return []string{string(Before), string(After)} }

// Effect is what goes wrong.
type Effect struct {
	Status     int        `json:"status,omitempty" doc:"400 to 599, with the vendor's body"`
	Message    string     `json:"message,omitempty" doc:"of that body"`
	RetryAfter string     `json:"retryAfter,omitempty" doc:"of that answer, in whole seconds"`
	Latency    *Latency   `json:"latency,omitempty" doc:"real time added to the answer"`
	Connection Connection `json:"connection,omitempty" doc:"reset, empty, truncate, stall or dribble"`
	TruncateAt *int       `json:"truncateAt,omitempty" doc:"bytes of the body that are sent before truncate or stall; truncate: half, stall: nothing at all"`
	StallFor   string     `json:"stallFor,omitempty" doc:"real time until a stalled connection is closed; without: until the client goes away"`
	Dribble    *Dribble   `json:"dribble,omitempty" doc:"pace of dribble"`
	Malformed  bool       `json:"malformed,omitempty" doc:"the body is broken JSON"`
	Interloper bool       `json:"interloper,omitempty" doc:"somebody else changes the thing just before"`
	Stale      int        `json:"stale,omitempty" doc:"the answer of a GET as it was so many versions ago"`
	Force      bool       `json:"force,omitempty" doc:"same as the rule's force"`
}

// Connection is what happens to the connection.
type Connection string

// The connection effects. Over HTTP/2 the stream takes the place of the connection: Reset and Empty are RST_STREAM.
const (
	Reset    Connection = "reset"    // TCP RST, no answer
	Empty    Connection = "empty"    // closed without an answer
	Truncate Connection = "truncate" // closed in the middle of the answer
	Stall    Connection = "stall"    // nothing comes any more
	Drip     Connection = "dribble"  // the body comes slowly, in small pieces
)

// connections are all of them, in the order of control-api.md.
var connections = [...]string{string(Reset), string(Empty), string(Truncate), string(Stall), string(Drip)}

// Names lists the connection effects.
func (Connection) Names() []string { return connections[:] }

// Dribble is the pace of a body that comes in pieces.
type Dribble struct {
	Bytes int    `json:"bytes,omitempty" doc:"of a piece; 16 without"`
	Every string `json:"every,omitempty" doc:"real time between two; 50ms without"`
}

// InvalidError says what is wrong with a rule or a plan, where, and what would be right.
type InvalidError struct {
	Path   string
	Detail string
	Valid  []string
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

// broken makes JSON that no parser takes: the last bracket is replaced. What is no JSON becomes an open brace.
func broken(body []byte) []byte {
	if n := len(body); n > 1 && json.Valid(body) {
		return append(append([]byte(nil), body[:n-1]...), ",]"...)
	}
	return []byte(`{"`)
}

// terminal says that the effect decides the answer, so that no other effect of its phase can.
func (e *Effect) terminal() bool {
	return e.Status != 0 || e.Connection != "" || e.Malformed || e.Stale > 0
}

// Mangle changes a body as the effect says.
func (e *Effect) Mangle(body []byte) []byte {
	if e.Malformed {
		return broken(body)
	}
	return body
}
