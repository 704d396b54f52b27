// Package scenario parses, checks and runs scenarios: scripted failures. A scenario has steps. A step is a control call
// or a request to a vendor's API, and runs at an instant of the world's clock, after other steps, or when a resource is
// in a state. At the end the scenario checks its expectations.
//
// A scenario makes a failure that is hard to stage by hand repeatable: from a file, in a shell, in CI and by POST
// /_sim/scenarios. The runner uses the simulator only by HTTP, as any client does, and it is not part of the state: a
// restart forgets it (docs/decisions/0009). A document is checked completely before its first step runs.
package scenario

import (
	"time"

	"storagesim/internal/fixture/document"
)

// The limits of a scenario that the tags of its types do not say.
const (
	MaxBytes = 256 << 10 // of a document
	maxSteps = 500
	maxDepth = 60 // how deep a document nests
)

// Scenario is a document: the root type of the format of scenario files. The tags of its fields describe the format
// (see package document).
type Scenario struct {
	Name        string            `json:"name" required:"" doc:"The name of the scenario in reports: 1 to 64 letters, digits, dots, dashes and underscores." example:"lost-response"`
	Description string            `json:"description,omitempty" doc:"What the scenario shows, in one sentence." example:"the response to a create is lost after the commit"`
	World       *World            `json:"world,omitempty" doc:"A world of its own for the scenario. Without it, the scenario runs in the world of the call that starts it."`
	Clock       Clock             `json:"clock,omitzero" doc:"How the world's clock is set before the first step. Members that are missing leave the clock as it is."`
	Timeout     document.Duration `json:"timeout,omitzero" doc:"How much real time the whole scenario may take." default:"1m" range:"1ms..1h" example:"2m"`
	Header      map[string]string `json:"header,omitempty" doc:"Headers of every request to a vendor; control calls do not get them. Variables are replaced." example:"{Authorization: \"Bearer ${tokens.lightbits}\"}"`
	Steps       []Step            `json:"steps" required:"" doc:"What happens: 1 to 500 steps. A step without at, after and when runs after the step before it in the document."`
	Expect      []Expectation     `json:"expect,omitempty" doc:"What must hold after the last step. All expectations are checked, even if one fails."`
}

// World is a world of its own for a scenario. It is deleted when the scenario ends, unless Keep is set.
type World struct {
	From string  `json:"from,omitempty" doc:"The fixture or checkpoint that the world is created from. The default is that of POST /_sim/worlds." example:"small"`
	Seed *uint64 `json:"seed,omitempty" doc:"The seed of the world's ids, placement and random draws. Without it, the seed of the program." range:"0..18446744073709551615" example:"1"`
	Keep bool    `json:"keep,omitempty" doc:"Whether the world stays when the scenario has ended." default:"false" example:"true"`
}

// Clock is how the world's clock is set before the first step.
type Clock struct {
	Mode    string  `json:"mode,omitempty" doc:"The mode of the clock: real, frozen or auto, as in PUT /_sim/clock." example:"frozen"`
	Now     string  `json:"now,omitempty" doc:"The instant that the clock shows, in RFC 3339 format." example:"\"2026-06-01T00:00:00Z\""`
	Rate    float64 `json:"rate,omitempty" doc:"How fast the clock runs: 60 is a minute in each second." range:">0" example:"60"`
	Advance bool    `json:"advance,omitempty" doc:"Whether the runner moves the clock, whose mode must be frozen: to the instant of the next step or, while a step waits for a state, to the next timer." default:"false" example:"true"`
}

// Step is one step of a scenario. It runs once at, after and when all hold; a step without a call only waits.
type Step struct {
	ID      string             `json:"id,omitempty" doc:"The name of the step: 1 to 64 letters, digits, dots, dashes and underscores, unique in the document. Without it, step-N, where the first step is step-1." example:"create"`
	At      *document.Duration `json:"at,omitempty" doc:"The time from the start of the scenario at which the step runs, on the world's clock." range:"0s..876000h" example:"10m"`
	After   document.Strings   `json:"after,omitempty" doc:"The ids of the steps that must have passed, as a string or a list. Without at, after and when, it is the step before." example:"[create, write]"`
	When    *When              `json:"when,omitempty" doc:"What the step waits for: a resource in a state, or an operation that was called."`
	Control string             `json:"control,omitempty" doc:"A call of the control API, as method and path; the prefix /_sim may be left out. A step has either control or request." example:"POST /actions/lightbits/fail-node"`
	Request string             `json:"request,omitempty" doc:"A request to a vendor's API, as method and path, with an optional query. Variables are replaced." example:"GET /api/v2/projects/default/volumes/${volume}"`
	Header  map[string]string  `json:"header,omitempty" doc:"Headers of the call; they replace those of the scenario. Variables are replaced." example:"{If-Match: \"${etag}\"}"`
	Body    any                `json:"body,omitempty" doc:"The body of the call. A string is sent as it is, everything else as JSON. Variables are replaced." example:"{name: data, size: 4 GiB, replicaCount: 2, acl: {values: [ALLOW_ANY]}}"`
	Timeout document.Duration  `json:"timeout,omitzero" doc:"How much real time the response may take. Without it, the timeout of the scenario." range:"1ms..1h" example:"200ms"`
	Repeat  int                `json:"repeat,omitempty" doc:"How often the call is made; ${n} counts from 1." default:"1" range:"1..1000" example:"25"`
	Expect  *Response          `json:"expect,omitempty" doc:"What the response must be. Without it, a success: any status from 200 to 399."`
	Save    map[string]string  `json:"save,omitempty" doc:"Variables for later steps: from a name to the path of a value in the response's JSON body. ${name} is the value." example:"{volume: .UUID, first: \"[0].id\"}"`

	line int
	call *call // nil: the step only waits
}

// When is what a step waits for: a resource in a state, or calls of an operation since the scenario started.
type When struct {
	Resource  *Resource         `json:"resource,omitempty" doc:"The resource and its state. Either resource or operation must be given."`
	Operation string            `json:"operation,omitempty" doc:"The id of a vendor's operation that must have been called by any client since the scenario started." example:"lightbits.CreateVolume"`
	Status    document.Strings  `json:"status,omitempty" doc:"The statuses of the responses that count, as a string or a list: a number or a class such as 5xx. Only with operation; without it, every response counts." example:"5xx"`
	Times     int               `json:"times,omitempty" doc:"How often the operation must have been called. Only with operation." default:"1" range:"1..1000000" example:"3"`
	Within    document.Duration `json:"within,omitzero" doc:"How long the step waits on the world's clock before it fails. Without it, a step that waits for a resource on a clock that the scenario advances waits 24h, every other step until the scenario's timeout." range:"1ms..876000h" example:"10m"`
}

// Resource is a resource in a state.
type Resource struct {
	Kind  string `json:"kind" required:"" doc:"The kind of the resource, as GET /_sim/machines lists it." example:"lightbits.volume"`
	ID    string `json:"id" required:"" doc:"The id or the name of the resource. Variables are replaced." example:"\"${volume}\""`
	State string `json:"state" required:"" doc:"The state that the resource must be in; gone means that it does not exist." example:"Available"`
}

// Response is what the response to a step's call must be.
type Response struct {
	Status   document.Strings  `json:"status,omitempty" doc:"The statuses that are allowed, as a string or a list: a number or a class such as 4xx. Without it, any status from 200 to 399." example:"409"`
	Counts   map[string]int    `json:"counts,omitempty" doc:"For a repeated step, how many responses must have each status. Not together with status." range:"0.." example:"{200: 20, 429: 5}"`
	NoAnswer bool              `json:"noAnswer,omitempty" doc:"Whether there must be no response at all: the connection is closed, or the step's timeout passes. Not together with other members." default:"false" example:"true"`
	Header   map[string]string `json:"header,omitempty" doc:"Headers that the response must have; * stands for any text. Variables are replaced." example:"{Content-Type: application/json*}"`
	Body     map[string]any    `json:"body,omitempty" doc:"Values that the response's JSON body must have: from a path to the value at that path. The path . is the whole body, null is a value that is missing. Variables are replaced." example:"{.state: Available, \".volumes[0].name\": data}"`
}

// Expectation is what must hold after the last step: a verification, or the state of a resource.
type Expectation struct {
	Verify   any       `json:"verify,omitempty" doc:"A body of POST /_sim/verify, which must hold. Either verify or resource must be given." example:"{match: {operation: lightbits.CreateVolume, status: 2xx}, count: {min: 1, max: 1}}"`
	Resource *Resource `json:"resource,omitempty" doc:"A resource and the state that it must be in."`

	line int
}

// call is the call of a step.
type call struct {
	control bool
	method  string
	path    string
	header  map[string]string
	json    any    // the body as JSON; nil for none
	text    string // a body that is sent as it is
	timeout time.Duration
}

// hasStatus reports whether a list of statuses and classes contains a status. An empty list contains every success.
func hasStatus(list []string, status int) bool {
	if len(list) == 0 {
		return status >= 200 && status < 400
	}
	for _, text := range list {
		if low, high, ok := statusRange(text); ok && status >= low && status <= high {
			return true
		}
	}
	return false
}

// statusRange parses a status from 100 to 599, or a class such as 4xx.
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
