// Package scenario reads, checks and runs scripts of failures: steps at instants of a world's clock, after one another or
// when something is as it should be, each a control call or a vendor's request, and what must hold in the end.
//
// It exists so that a failure that took a person an afternoon to stage can be staged by a file, in a shell, in a CI suite
// and by POST /_sim/scenarios, the same way each time. A scenario is a program that drives the surface: it knows no table
// and no machine, says everything by HTTP as any client would, and is memory of the process as the journal is
// (docs/decisions/0009). A document is checked as a whole before anything of it happens.
package scenario

import "time"

// The bounds of a scenario.
const (
	MaxBytes   = 256 << 10 // of a document
	maxSteps   = 500
	maxRepeat  = 1000
	maxDepth   = 60 // how deep a document nests
	maxNames   = 64 // bytes of a step's id
	maxTimeout = time.Hour
)

// DefaultTimeout is how much real time a scenario has unless it says otherwise.
const DefaultTimeout = time.Minute

// Scenario is a document that was read. What holds of it beyond its form, Parse has checked.
type Scenario struct {
	Name    string
	Doc     string
	World   *World        // nil: the caller's world
	Clock   Clock         // how the world's clock is set at the start
	Timeout time.Duration // real time for all of it
	Header  map[string]string
	Steps   []Step
	Expect  []Expectation
}

// World is the world of its own that a scenario wants; it goes when the scenario has ended, unless Keep.
type World struct {
	From string
	Seed *uint64
	Keep bool
}

// Clock is how the world's clock is set at the start. Advance says that the runner moves the clock, which is frozen then:
// to whatever comes first, the instant of a step or, while a step waits for a state, the next timer.
type Clock struct {
	Mode    string
	Now     string
	Rate    float64
	Advance bool
}

// Step is done once all of At, After and When hold. Without any it is done after the step before it.
type Step struct {
	ID     string
	At     *time.Duration // of the world's clock, from the start
	After  []string
	When   *When
	Call   *Call // nil: the step only waits
	Repeat int
	Expect Expect
	Save   map[string]string // name → path in the answer

	line int
}

// When is what a step waits for: a resource in a state, or an operation seen so many times since the start.
type When struct {
	Kind, ID, State string
	Operation       string
	Status          Statuses
	Times           int
	Within          time.Duration // of the world's clock; 0: as long as the scenario lasts
}

// Call is a request: of the control surface or of a vendor.
type Call struct {
	Control bool
	ID      string // control.SetClock, lightbits.CreateVolume
	Method  string
	Path    string
	Header  map[string]string
	Body    any    // JSON; nil: none
	Text    string // a body that is sent as it is
	Timeout time.Duration
}

// Expect is what an answer must be. The zero value is any success.
type Expect struct {
	Status   Statuses
	Counts   map[int]int // of a repeated step: how many answers have which status; 0 is no answer
	NoAnswer bool
	Header   map[string]string // globs
	Body     []Part
	Said     bool // something was said about the answer
}

// Part is a value that must be at a path of an answer.
type Part struct {
	Path string
	Want any
}

// Expectation is what must hold in the end: a verification of POST /_sim/verify, or the state of a resource.
type Expectation struct {
	Verify          any
	Kind, ID, State string

	line int
}

// Statuses are the statuses that are meant, as numbers and classes; empty: any success.
type Statuses []string

// Has says whether a status is meant.
func (s Statuses) Has(status int) bool {
	if len(s) == 0 {
		return status >= 200 && status < 400
	}
	for _, text := range s {
		if low, high, ok := statusRange(text); ok && status >= low && status <= high {
			return true
		}
	}
	return false
}

// statusRange reads a number from 100 to 599 or a class like 4xx.
func statusRange(text string) (low, high int, ok bool) {
	if len(text) != 3 || text[0] < '1' || text[0] > '5' {
		return 0, 0, false
	}
	low = int(text[0]-'0') * 100
	if text[1:] == "xx" {
		return low, low + 99, true
	}
	for _, b := range []byte(text[1:]) {
		if b < '0' || b > '9' {
			return 0, 0, false
		}
	}
	low += int(text[1]-'0')*10 + int(text[2]-'0')
	return low, low, true
}
