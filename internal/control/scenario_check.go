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
	"storagesim/internal/nearest"
	"storagesim/internal/scenario"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// scenarioCatalog returns the names that a scenario started by this call can use.
func (c *Control) scenarioCatalog(r *call) (*scenario.Catalog, error) {
	k := &scenario.Catalog{
		Kinds: map[string][]string{}, Check: c.checkCall, Vendors: c.minters(), Starts: slices.Clone(c.Fixtures),
	}
	for i := range c.Vendors {
		rows := c.Vendors[i].Service.Operations
		for n := range rows {
			op := scenario.Operation{ID: rows[n].ID(), Method: rows[n].Method, Paths: rows[n].Paths()}
			k.Operations = append(k.Operations, op)
		}
	}
	for i := range c.rows {
		if row := &c.rows[i]; !row.Unscripted {
			k.Calls = append(k.Calls, scenario.Operation{
				ID: row.ID(), Method: row.Method, Paths: []string{row.Path}, Query: row.Query})
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

// checkCall returns an error for a body that a control call rejects in any state of the world.
func (c *Control) checkCall(id string, params map[string]string, body []byte, whole bool) error {
	for i := range c.rows {
		if row := &c.rows[i]; row.ID() == id {
			return row.Endpoint.check(c, params, body, whole)
		}
	}
	return nil
}

// asInput turns an error with valid names into a *strict.Error.
func asInput(path string, err error) error {
	var kind *statemachine.UnknownKindError
	var problem *Problem
	switch {
	case errors.As(err, &kind):
		p := unknownKind(kind)
		return &strict.Error{Path: path, Detail: p.Detail, Valid: p.Valid}
	case errors.As(err, &problem):
		return &strict.Error{Path: path, Detail: problem.Detail, Valid: problem.Valid}
	}
	return err
}

func checkAction(c *Control, params map[string]string, body []byte) error {
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
			return &strict.Error{Path: name, Detail: "is not a parameter of this action", Valid: valid}
		}
	}
	return nil
}

func checkToken(c *Control, _ map[string]string, body *tokenBody) error {
	_, err := c.vendor(body.Vendor)
	return err
}

func checkVerify(c *Control, _ map[string]string, body *verification) error {
	return c.checkVerification(body)
}

func checkClock(_ *Control, _ map[string]string, q *statemachine.ClockSetting) error {
	return q.Check()
}

func checkAdvance(c *Control, _ map[string]string, q *advance) error {
	if q.To != nil && q.By == nil {
		// the world's time is unknown before the run
		q = &advance{By: new("1s"), Next: q.Next, Until: q.Until, Limit: q.Limit}
	}
	_, err := c.readAdvance(nil, q)
	return err
}

func checkDelays(c *Control, _ map[string]string, body *map[string]json.RawMessage) error {
	set := *body
	var names []string
	for _, d := range c.Engine.Machines() {
		names = append(names, slices.Collect(maps.Keys(d.Delays))...)
	}
	slices.Sort(names)
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(names, name) {
			return &strict.Error{Path: name, Valid: nearest.To(name, names),
				Detail: "is not a delay" + nearest.Hint(name, names)}
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

func checkFiring(c *Control, params map[string]string, body *firing) error {
	d, err := c.machine(params["kind"])
	if err != nil {
		return nil // the kind is a variable
	}
	return checkEvent(&d, body.Event)
}

// faultCatalog returns the names that rules and plans can use.
func (c *Control) faultCatalog() fault.Targets {
	services := make([]api.Service, len(c.Vendors))
	for i := range c.Vendors {
		services[i] = c.Vendors[i].Service
	}
	return api.FaultTargets(c.Engine.Machines(), services...)
}

func checkRule(c *Control, _ map[string]string, rule *fault.Rule) error { return c.checkRule("", rule) }

func checkRules(c *Control, _ map[string]string, set *faultSet) error {
	for i := range set.Rules {
		if err := c.checkRule(fmt.Sprintf("rules[%d].", i), &set.Rules[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Control) checkRule(path string, rule *fault.Rule) error {
	catalog := c.faultCatalog()
	_, err := fault.Check(*rule, &catalog)
	return below(path, faultProblem(err))
}

func checkPlan(c *Control, _ map[string]string, plan *fault.Plan) error {
	catalog := c.faultCatalog()
	for _, id := range slices.Sorted(maps.Keys(plan.Operations)) {
		i := slices.IndexFunc(catalog.Operations, func(op fault.Operation) bool { return op.ID == id })
		if i < 0 {
			return c.checkOperation(id)
		}
		for n, step := range plan.Operations[id] {
			if _, err := fault.ParseStep(step, &catalog.Operations[i]); err != nil {
				return below(fmt.Sprintf("operations.%s[%d]", id, n), faultProblem(err))
			}
		}
	}
	return nil
}

// below puts a path before that of a *strict.Error.
func below(path string, err error) error {
	var input *strict.Error
	if path == "" || !errors.As(err, &input) {
		return err
	}
	return &strict.Error{Path: strings.TrimSuffix(path+input.Path, "."), Detail: input.Detail, Valid: input.Valid}
}
