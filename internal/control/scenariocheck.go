package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/fault"
	"storagesim/internal/scenario"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// callBodies are the bodies that control calls take, for the check of a scenario before it begins; all others take none.
var callBodies = map[string]func() any{
	"control.CreateWorld": func() any { return new(newWorld) }, "control.ResetWorld": func() any { return new(reset) },
	"control.SetClock":     func() any { return new(statemachine.ClockSetting) },
	"control.AdvanceClock": func() any { return new(advance) },
	"control.SetDelays":    func() any { return new(map[string]json.RawMessage) },
	"control.FireEvent":    func() any { return new(firing) }, "control.CreateToken": func() any { return new(tokenBody) },
	"control.CreateFault": func() any { return new(fault.Rule) }, "control.PutFault": func() any { return new(fault.Rule) },
	"control.ReplaceFaults": func() any { return new(faultSet) }, "control.CreateFaultPlan": func() any { return new(fault.Plan) },
	"control.Verify": func() any { return new(verification) },
}

// notInScenarios are the calls that a scenario cannot make: they do not end, or begin another one.
var notInScenarios = map[string]bool{"control.StreamEvents": true, "control.StartScenario": true}

// scenarioCatalog is what a scenario that is started by this call can speak of.
func (c *Control) scenarioCatalog(r *call) (*scenario.Catalog, error) {
	k := &scenario.Catalog{Kinds: map[string][]string{}, Check: c.checkCall, Vendors: c.minters(), Starts: slices.Clone(c.Fixtures)}
	for i := range c.Vendors {
		rows := c.Vendors[i].Service.Operations
		for n := range rows {
			op := scenario.Operation{ID: rows[n].ID(), Method: rows[n].Method, Paths: rows[n].Paths()}
			k.Operations = append(k.Operations, op)
		}
	}
	for i := range c.rows {
		if row := &c.rows[i]; row.Implemented() && !notInScenarios[row.ID()] {
			k.Calls = append(k.Calls, scenario.Operation{ID: row.ID(), Method: row.Method, Paths: []string{row.Path}, Query: row.Query})
		}
	}
	for _, d := range c.Engine.Machines() {
		k.Kinds[d.Kind] = append(texts(d.States), gone)
	}
	w, err := c.DB.World(r.world())
	if err != nil && !errors.Is(err, store.ErrNoWorld) {
		return nil, err
	}
	k.Starts = append(k.Starts, w.Checkpoints...)
	return k, nil
}

// checkCall refuses what the control call would refuse whatever the state of the world.
func (c *Control) checkCall(id string, params map[string]string, body []byte, whole bool) error {
	if id == "control.DoAction" {
		return c.checkAction(params, body)
	}
	var into any = new(api.Empty)
	if make := callBodies[id]; make != nil {
		into = make()
	} else if id == "control.CreateIdpToken" || id == "control.PutState" {
		return nil // no JSON
	}
	if err := strict.Decode(body, into); err != nil {
		return err
	}
	if kind := params["kind"]; kind != "" && !strings.Contains(kind, "${") {
		if _, err := c.machine(kind); err != nil {
			return asInput("", err)
		}
	}
	if !whole {
		return nil
	}
	switch q := into.(type) {
	case *statemachine.ClockSetting:
		return c.checkSetting(q)
	case *advance:
		return asInput("", c.checkAdvance(q))
	case *map[string]json.RawMessage:
		return c.checkDelays(*q)
	case *firing:
		return c.checkEvent(params["kind"], q.Event)
	case *tokenBody:
		_, err := c.vendor(q.Vendor)
		return err
	case *fault.Rule:
		return c.checkRule("", q)
	case *faultSet:
		for i := range q.Rules {
			if err := c.checkRule(fmt.Sprintf("rules[%d].", i), &q.Rules[i]); err != nil {
				return err
			}
		}
	case *fault.Plan:
		return c.checkPlan(q)
	case *verification:
		return c.checkVerification(q)
	}
	return nil
}

// asInput makes an strict.Error of an error that has names that would be right.
func asInput(path string, err error) error {
	var kind *statemachine.UnknownKindError
	var problem *Problem
	switch {
	case errors.As(err, &kind):
		return &strict.Error{Path: path, Detail: kind.Error(), Valid: kind.Valid}
	case errors.As(err, &problem):
		return &strict.Error{Path: path, Detail: problem.Detail, Valid: problem.Valid}
	}
	return err
}

func (c *Control) checkAction(params map[string]string, body []byte) error {
	if strings.Contains(params["vendor"]+params["action"], "${") {
		return nil
	}
	_, action, err := c.action(params["vendor"], params["action"])
	if err != nil {
		return asInput("", err)
	}
	given := map[string]json.RawMessage{}
	if err := strict.Decode(body, &given); err != nil {
		return err
	}
	var valid []string
	for _, p := range action.Params {
		valid = append(valid, p.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(valid, name) {
			return &strict.Error{Path: name, Detail: "is not known", Valid: valid}
		}
	}
	return nil
}

func (c *Control) checkSetting(q *statemachine.ClockSetting) error {
	if q.Mode != nil && !slices.Contains(q.Mode.Names(), string(*q.Mode)) {
		return &strict.Error{Path: "mode", Detail: fmt.Sprintf("%.80q is no mode of a clock", *q.Mode), Valid: q.Mode.Names()}
	}
	return nil
}

func (c *Control) checkAdvance(q *advance) error {
	if q.To != nil {
		q = &advance{By: new("1s"), Next: q.Next, Until: q.Until, Limit: q.Limit} // whether it is behind the clock, time will tell
		if q.Next != nil || q.Until != nil {
			q.By = new("1s")
		}
	}
	_, err := c.readAdvance(nil, q)
	return err
}

func (c *Control) checkDelays(set map[string]json.RawMessage) error {
	var names []string
	for _, d := range c.Engine.Machines() {
		names = append(names, slices.Collect(maps.Keys(d.Delays))...)
	}
	slices.Sort(names)
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(names, name) {
			return &strict.Error{Path: name, Detail: "is no delay", Valid: closest(name, names)}
		}
		if string(set[name]) == "null" {
			continue
		}
		if _, err := statemachine.ParseDelay(set[name]); err != nil {
			return &strict.Error{Path: name, Detail: err.Error()}
		}
	}
	return nil
}

func (c *Control) checkEvent(kind string, event statemachine.Event) error {
	d, err := c.machine(kind)
	if err != nil {
		return nil // a variable
	}
	var events []string
	for _, t := range d.Transitions {
		events = append(events, string(t.Event))
	}
	slices.Sort(events)
	if !slices.Contains(events, string(event)) {
		return &strict.Error{Path: "event", Detail: fmt.Sprintf("%q is no event of %s", event, kind), Valid: slices.Compact(events)}
	}
	return nil
}

// faultCatalog is what rules and plans can speak of.
func (c *Control) faultCatalog() fault.Targets {
	services := make([]api.Service, len(c.Vendors))
	for i := range c.Vendors {
		services[i] = c.Vendors[i].Service
	}
	return api.FaultTargets(c.Engine.Machines(), services...)
}

func (c *Control) checkRule(path string, rule *fault.Rule) error {
	catalog := c.faultCatalog()
	_, err := fault.Check(*rule, &catalog)
	return within(path, faultProblem(err, nil))
}

func (c *Control) checkPlan(plan *fault.Plan) error {
	catalog := c.faultCatalog()
	for _, id := range slices.Sorted(maps.Keys(plan.Operations)) {
		i := slices.IndexFunc(catalog.Operations, func(op fault.Operation) bool { return op.ID == id })
		if i < 0 {
			return c.checkOperation(id)
		}
		for n, step := range plan.Operations[id] {
			if _, err := fault.ParseStep(step, &catalog.Operations[i]); err != nil {
				return within(fmt.Sprintf("operations.%s[%d]", id, n), faultProblem(err, nil))
			}
		}
	}
	return nil
}

// within puts a path before that of an strict.Error.
func within(path string, err error) error {
	var input *strict.Error
	if path == "" || !errors.As(err, &input) {
		return err
	}
	return &strict.Error{Path: strings.TrimSuffix(path+input.Path, "."), Detail: input.Detail, Valid: input.Valid}
}
