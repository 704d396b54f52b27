package control

import (
	"encoding/json"
	"time"

	"storagesim/internal/statemachine"
)

// The types of events, in the order of control-api.md.
const (
	requestEvent    = "request"
	transitionEvent = "transition"
	faultEvent      = "fault"
	clockEvent      = "clock"
	droppedEvent    = "dropped" // events were lost; a client cannot filter by it
)

var eventTypes = [...]string{requestEvent, transitionEvent, faultEvent, clockEvent}

// event is something that happened in a world.
type event struct {
	seq   uint64
	kind  string
	world string
	data  []byte // one line of JSON
}

// requestSeen is the data of a request event. GET /_sim/requests/{id} returns the whole exchange.
type requestSeen struct {
	ID         string    `json:"id"`
	World      string    `json:"world"`
	Cluster    string    `json:"cluster,omitempty"`
	Vendor     string    `json:"vendor"`
	Operation  string    `json:"operation,omitempty"`
	Method     string    `json:"method"`
	URL        string    `json:"url"`
	Status     int       `json:"status"` // 0 if no response was sent
	At         time.Time `json:"at"`     // of the world's clock
	RetryAfter int       `json:"retryAfter,omitempty"`
	Fault      string    `json:"fault,omitempty"`
}

// faultFired is the data of a fault event: a fault was injected into a request.
type faultFired struct {
	Fault     string    `json:"fault"` // the value of the header X-Sim-Fault
	World     string    `json:"world"`
	Request   string    `json:"request"`
	Operation string    `json:"operation,omitempty"`
	Status    int       `json:"status"`
	At        time.Time `json:"at"`
}

// transitionSeen is the data of a transition event.
type transitionSeen struct {
	World string `json:"world"`
	statemachine.Transition
}

// clockMoved is the data of a clock event: a clock was set or advanced, or the world's state was replaced.
type clockMoved struct {
	World    string            `json:"world"`
	Mode     statemachine.Mode `json:"mode"`
	Rate     float64           `json:"rate"`
	Now      time.Time         `json:"now"`
	Replaced bool              `json:"replaced,omitempty"`
}

// droppedNotice is the data of a dropped event: the client has lost events. Count is 0 if the number is unknown.
type droppedNotice struct {
	Count uint64 `json:"count,omitempty"`
	Why   string `json:"why"`
}

func (n droppedNotice) text() []byte {
	text, _ := json.Marshal(n) // strings and numbers always marshal
	return text
}
