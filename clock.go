package storagesim

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Transition is a change of state that time has brought.
type Transition struct {
	At              time.Time
	Cluster         string
	Kind, ID, Event string
	From, To        string // "" is the end: the resource is gone
}

// farthest is how far Until goes at most.
const farthest = 30 * 24 * time.Hour

// Advance moves the world's clock and returns the transitions that fired on the way, the first 1000 of them.
func (w *World) Advance(d time.Duration) []Transition {
	w.tb.Helper()
	return w.advance(map[string]any{"by": d.String()})
}

// Until moves the world's clock until the resource is in the state, and returns the transitions that fired on the way.
// It ends the test, and says what the resource waits for, if it is not in the state after 30 days.
func (w *World) Until(r Resource, state string) []Transition {
	w.tb.Helper()
	until := map[string]string{"kind": r.kind, "id": r.id, "state": state, "cluster": r.cluster}
	return w.advance(map[string]any{"until": until, "limit": farthest.String()})
}

func (w *World) advance(body map[string]any) []Transition {
	w.tb.Helper()
	var moved struct{ Fired []Transition }
	w.must(http.MethodPost, "/_sim/clock/advance", body, &moved)
	return moved.Fired
}

// Hold makes the transitions that have the delay wait for Release. What is pending already keeps its time.
func (w *World) Hold(d Delay) {
	w.tb.Helper()
	w.SetDelays(Delays{d: Held})
}

// SetDelays changes the given delays. What is pending already keeps its time.
func (w *World) SetDelays(d Delays) {
	w.tb.Helper()
	w.must(http.MethodPut, "/_sim/delays", d.json(), nil)
}

// Release ends what the resource waits for now.
func (w *World) Release(r Resource) {
	w.tb.Helper()
	w.must(http.MethodPost, r.path("/release"), nil, nil)
}

func (d Delays) json() map[Delay]any {
	values := map[Delay]any{}
	for name, value := range d {
		if values[name] = value; strings.HasPrefix(value, "{") && json.Valid([]byte(value)) {
			values[name] = json.RawMessage(value)
		}
	}
	return values
}
