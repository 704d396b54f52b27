package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func getClock(c *Control, r *call) (statemachine.ClockReading, error) {
	return c.Engine.Clock(r.world())
}

func setClock(c *Control, r *call, body *statemachine.ClockSetting) (statemachine.ClockReading, error) {
	if err := body.Check(); err != nil {
		return statemachine.ClockReading{}, err
	}
	if err := c.Engine.SetClock(r.http.Context(), r.world(), *body); err != nil {
		return statemachine.ClockReading{}, clockRefusal(err)
	}
	return getClock(c, r)
}

// clockRefusal turns an error of the clock into a 400, unless it comes from the store or a state machine.
func clockRefusal(err error) error {
	var corrupt *store.CorruptError
	var input *strict.Error
	if storeProblem(err) != nil || machineProblem(err) != nil || errors.As(err, &corrupt) || errors.As(err, &input) {
		return err
	}
	return &Problem{Status: http.StatusBadRequest, Detail: err.Error()}
}

type advance struct {
	By    *string             `json:"by" doc:"How far the clock moves, as a Go duration." example:"10m"`
	To    *time.Time          `json:"to" doc:"The instant to which the clock moves."`
	Next  *bool               `json:"next" doc:"Moves the clock to the next timer; only true is valid."`
	Until *statemachine.Until `json:"until" doc:"Moves the clock until a resource is in a state."`
	Limit *string             `json:"limit" doc:"How far until goes at most, as a Go duration. Without it, an hour." example:"24h"`
}

type advanced struct {
	Now   string                    `json:"now"`
	Fired []statemachine.Transition `json:"fired" doc:"The first 1000 transitions that fired, in order."`
	Count int                       `json:"count" doc:"The number of all transitions that fired."`
	More  bool                      `json:"more,omitempty" doc:"Fired does not list all of them."`
}

func advanceClock(c *Control, r *call, body *advance) (advanced, error) {
	a, err := c.readAdvance(r, body)
	if err == nil && a.Until != nil {
		err = c.placeUntil(r, a.Until)
	}
	if err != nil {
		return advanced{}, err
	}
	done, err := c.Engine.Advance(r.http.Context(), r.world(), a)
	if err != nil {
		return advanced{}, clockRefusal(err)
	}
	return advanced{Now: instant(done.Now), Fired: done.Fired, Count: done.Count, More: done.Count > len(done.Fired)}, nil
}

// readAdvance checks the body, which must have exactly one of by, to, next and until.
func (c *Control) readAdvance(r *call, body *advance) (a statemachine.Advance, err error) {
	given := 0
	for _, is := range []bool{body.By != nil, body.To != nil, body.Next != nil, body.Until != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return a, &strict.Error{Detail: "needs exactly one of by, to, next and until",
			Valid: []string{"by", "next", "to", "until"}}
	case body.Limit != nil && body.Until == nil:
		return a, &strict.Error{Path: "limit", Detail: "is only valid with until"}
	case body.By != nil:
		a.By, err = advanceBy(*body.By)
		return a, err
	case body.To != nil:
		a.To = *body.To
		return a, c.checkTo(r, a.To)
	case body.Next != nil:
		if a.Next = *body.Next; !a.Next {
			return a, &strict.Error{Path: "next", Detail: "must be true; leave it out otherwise"}
		}
		return a, nil
	}
	a.Until = body.Until
	if body.Limit != nil {
		if a.Limit, err = clockDuration("limit", *body.Limit); err != nil {
			return a, err
		}
	}
	return a, c.readUntil(a.Until)
}

// placeUntil chooses the cluster of the request, unless until names one, and checks that it exists.
func (c *Control) placeUntil(r *call, u *statemachine.Until) error {
	if u.Cluster == "" {
		u.Cluster = r.place.Cluster
	}
	if u.Cluster == "" {
		return nil
	}
	return c.Engine.View(r.world(), r.by(), func(tx *store.Tx) error {
		if !statemachine.HasPartition(tx, u.Cluster) {
			return noCluster(tx, u.Cluster)
		}
		return nil
	})
}

// checkTo returns an error for a time before the world's time, and for one that no clock can show.
func (c *Control) checkTo(r *call, to time.Time) error {
	if err := statemachine.CheckInstant(to); err != nil {
		return &strict.Error{Path: "to", Detail: instant(to) + ": " + err.Error()}
	}
	now, err := c.Engine.Now(r.world())
	if err == nil && to.Before(now) {
		return &strict.Error{Path: "to", Detail: fmt.Sprintf(
			"%s is before the world's time %s, and a clock does not go back; reset the world or restore a checkpoint",
			instant(to), instant(now))}
	}
	return err
}

// gone is the name of the state of deleted resources, statemachine.Gone, on the control surface.
const gone = "gone"

// readUntil checks the kind and the state against the state machines.
func (c *Control) readUntil(u *statemachine.Until) error {
	if u.ID == "" {
		return &strict.Error{Path: "until.id", Detail: "is missing"}
	}
	d, err := c.machine(u.Kind)
	if err != nil {
		return err
	}
	if u.State == gone {
		u.State = statemachine.Gone
		return nil
	}
	if u.State == "" || !slices.Contains(d.States, u.State) {
		return &strict.Error{Path: "until.state", Detail: fmt.Sprintf("%q is not a state of %s", u.State, u.Kind),
			Valid: append(texts(d.States), gone)}
	}
	return nil
}

// machine returns the description of a kind's state machine. The error is a *statemachine.UnknownKindError.
func (c *Control) machine(kind string) (statemachine.Description, error) {
	for _, d := range c.Engine.Machines() {
		if d.Kind == kind {
			return d, nil
		}
	}
	return statemachine.Description{}, &statemachine.UnknownKindError{Kind: kind, Valid: c.Engine.Kinds()}
}

// timerEntry is a pending transition in a list.
type timerEntry struct {
	Due     time.Time          `json:"due,omitzero"` // absent if it waits for reads or a release
	Kind    string             `json:"kind"`
	ID      string             `json:"id"`
	Cluster string             `json:"cluster,omitempty"`
	Event   statemachine.Event `json:"event"`
	Reads   int                `json:"reads,omitempty"`
	Held    bool               `json:"held,omitempty"`
}

type timerList struct {
	Timers []timerEntry `json:"timers"`
}

func listTimers(c *Control, r *call) (timerList, error) {
	var list timerList
	err := c.Engine.View(r.world(), r.by(), func(tx *store.Tx) error {
		list.Timers = []timerEntry{}
		for _, t := range statemachine.Pending(tx, -1) {
			list.Timers = append(list.Timers, timerEntry{Due: t.Due, Kind: t.Kind, ID: t.ID, Cluster: t.Partition,
				Event: t.Event, Reads: t.Reads, Held: t.Held})
		}
		return nil
	})
	return list, err
}

func getDelays(c *Control, r *call) (map[string]statemachine.Delay, error) {
	var all map[string]statemachine.Delay
	err := c.Engine.View(r.world(), r.by(), func(tx *store.Tx) (err error) {
		all, err = c.Engine.Delays(tx)
		return err
	})
	return all, err
}

func setDelays(c *Control, r *call, body *map[string]json.RawMessage) (map[string]statemachine.Delay, error) {
	set, err := delaysOf(*body)
	if err != nil {
		return nil, err
	}
	err = c.Engine.Update(r.world(), r.by(), func(tx *store.Tx) error { return c.Engine.SetDelays(tx, set) })
	if err != nil {
		return nil, err
	}
	return getDelays(c, r)
}

// delaysOf parses delays by name; null is nil, the default.
func delaysOf(body map[string]json.RawMessage) (map[string]*statemachine.Delay, error) {
	set := make(map[string]*statemachine.Delay, len(body))
	for _, name := range slices.Sorted(maps.Keys(body)) {
		text := body[name]
		if set[name] = nil; string(text) == "null" {
			continue
		}
		d, err := statemachine.ParseDelay(text)
		if err != nil {
			return nil, &strict.Error{Path: name, Detail: err.Error()}
		}
		set[name] = &d
	}
	return set, nil
}

// advanceBy parses the member by of an advance.
func advanceBy(text string) (time.Duration, error) {
	by, err := clockDuration("by", text)
	var wrong *strict.Error
	if _, parsed := time.ParseDuration(text); strict.IsLongDuration(text, parsed) && errors.As(err, &wrong) {
		return 0, &strict.Error{Path: wrong.Path, Detail: wrong.Detail + `; "to" moves the clock to any instant`}
	}
	return by, err
}

// clockDuration parses a duration by which a clock can move: above zero, in whole milliseconds.
func clockDuration(path, text string) (time.Duration, error) {
	d, err := duration(path, text)
	if err == nil && d%time.Millisecond != 0 {
		return 0, &strict.Error{Path: path, Detail: fmt.Sprintf(
			`%q is not a whole number of milliseconds, the resolution of clocks; use for example "1ms" or "1.5s"`, text)}
	}
	return d, err
}

// duration parses a Go duration above zero. Path is the member for the error.
func duration(path, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case strict.IsLongDuration(text, err):
		return 0, &strict.Error{Path: path, Detail: fmt.Sprintf("%.80q is too long: a duration is at most %s, about 292 "+
			"years", text, strict.LongestDuration)}
	case err != nil || d <= 0:
		return 0, &strict.Error{Path: path, Detail: fmt.Sprintf(
			`%.80q is not a duration above zero, such as "90s" or "1h30m"`, text)}
	}
	return d, nil
}
