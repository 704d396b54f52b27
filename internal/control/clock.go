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
	if err := checkClock(c, nil, body); err != nil {
		return statemachine.ClockReading{}, err
	}
	now, err := c.Engine.Now(r.world())
	if err != nil {
		return statemachine.ClockReading{}, err
	}
	if body.Now != nil && body.Now.Before(now) {
		if started, err := c.Engine.StartClock(r.world(), *body); err != nil {
			return statemachine.ClockReading{}, clockRefusal(err)
		} else if started {
			return getClock(c, r)
		}
	}
	if err := c.Engine.SetClock(r.world(), *body); err != nil {
		return statemachine.ClockReading{}, clockRefusal(err)
	}
	return getClock(c, r)
}

// clockRefusal reads an error of the clock that is not about the store as the caller's.
func clockRefusal(err error) error {
	var corrupt *store.CorruptError
	if storeProblem(err) != nil || machineProblem(err) != nil || errors.As(err, &corrupt) {
		return err
	}
	return &Problem{Status: http.StatusBadRequest, Detail: err.Error()}
}

type advance struct {
	By    *string             `json:"by"`
	To    *time.Time          `json:"to"`
	Next  *bool               `json:"next"`
	Until *statemachine.Until `json:"until"`
	Limit *string             `json:"limit"`
}

type advanced struct {
	Now   string                    `json:"now"`
	Fired []statemachine.Transition `json:"fired"`
}

func advanceClock(c *Control, r *call, body *advance) (advanced, error) {
	a, err := c.readAdvance(r, body)
	if err != nil {
		return advanced{}, err
	}
	now, fired, err := c.Engine.Advance(r.world(), a)
	if err != nil {
		return advanced{}, clockRefusal(err)
	}
	return advanced{Now: instant(now), Fired: fired}, nil
}

// readAdvance checks that exactly one way is given, and what it says.
func (c *Control) readAdvance(r *call, body *advance) (a statemachine.Advance, err error) {
	given := 0
	for _, is := range []bool{body.By != nil, body.To != nil, body.Next != nil, body.Until != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return a, &strict.Error{Detail: "exactly one of by, to, next and until must be given", Valid: []string{"by", "next", "to", "until"}}
	case body.Limit != nil && body.Until == nil:
		return a, &strict.Error{Path: "limit", Detail: "belongs to until"}
	case body.By != nil:
		a.By, err = duration("by", *body.By)
		return a, err
	case body.To != nil:
		a.To = *body.To
		return a, c.checkTo(r, a.To)
	case body.Next != nil:
		if a.Next = *body.Next; !a.Next {
			return a, &strict.Error{Path: "next", Detail: "can only be true"}
		}
		return a, nil
	}
	a.Until = body.Until
	if body.Limit != nil {
		if a.Limit, err = duration("limit", *body.Limit); err != nil {
			return a, err
		}
	}
	return a, c.readUntil(a.Until)
}

// checkTo refuses an instant behind the clock.
func (c *Control) checkTo(r *call, to time.Time) error {
	now, err := c.Engine.Now(r.world())
	if err == nil && to.Before(now) {
		return &strict.Error{Path: "to", Detail: fmt.Sprintf(
			"the clock already shows %s and does not go back; reset or restore the world for that", instant(now))}
	}
	return err
}

// gone is how the control surface spells the state of what is no longer there.
const gone = "gone"

// readUntil checks kind and state against the machines.
func (c *Control) readUntil(u *statemachine.Until) error {
	if u.ID == "" {
		return &strict.Error{Path: "until.id", Detail: "must be given"}
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
		return &strict.Error{Path: "until.state", Detail: fmt.Sprintf("%q is no state of %s", u.State, u.Kind),
			Valid: append(texts(d.States), gone)}
	}
	return nil
}

// machine describes the machine of a kind, or refuses with the kinds there are.
func (c *Control) machine(kind string) (statemachine.Description, error) {
	for _, d := range c.Engine.Machines() {
		if d.Kind == kind {
			return d, nil
		}
	}
	return statemachine.Description{}, &statemachine.UnknownKindError{Kind: kind, Valid: c.Engine.Kinds()}
}

// timerEntry is a pending transition as it is listed.
type timerEntry struct {
	Due     time.Time          `json:"due,omitzero"` // absent where it waits for reads or a release
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
	set := make(map[string]*statemachine.Delay, len(*body))
	for _, name := range slices.Sorted(maps.Keys(*body)) {
		text := (*body)[name]
		if set[name] = nil; string(text) == "null" {
			continue
		}
		d, err := statemachine.ParseDelay(text)
		if err != nil {
			return nil, &strict.Error{Path: name, Detail: err.Error()}
		}
		set[name] = &d
	}
	err := c.Engine.Update(r.world(), r.by(), func(tx *store.Tx) error { return c.Engine.SetDelays(tx, set) })
	if err != nil {
		return nil, err
	}
	return getDelays(c, r)
}

// duration reads a Go duration above zero.
func duration(path, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, &strict.Error{Path: path, Detail: fmt.Sprintf(`%q is not a duration above zero like "90s" or "1h30m"`, text)}
	}
	return d, nil
}
