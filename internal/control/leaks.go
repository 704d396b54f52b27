package control

import (
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// leak is a resource that was created since the start of its world and still exists.
type leak struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Name    string `json:"name"`
	Cluster string `json:"cluster,omitempty"`
}

// leaks lists the resources of every kind that were created since the start of the world and still exist, except those
// for which a client can do nothing more: see accountable.
func (c *Control) leaks(world string) ([]leak, error) {
	if same, err := c.DB.AtStart(world); err != nil || same {
		return []leak{}, err
	}
	type identity struct{ kind, cluster, id string }
	before := map[identity]bool{}
	each := func(tx *store.Tx, do func(statemachine.Resource)) error {
		for _, kind := range c.Engine.Kinds() {
			err := c.Engine.Resources(tx, kind, statemachine.Partitions(tx), func(r statemachine.Resource) bool {
				do(r)
				return true
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	err := c.DB.ViewStart(world, func(tx *store.Tx) error {
		return each(tx, func(r statemachine.Resource) { before[identity{r.Kind, r.Cluster, r.ID}] = true })
	})
	if err != nil {
		return nil, err
	}
	states := map[string]map[statemachine.State]bool{}
	for _, d := range c.Engine.Machines() {
		states[d.Kind] = accountable(&d)
	}
	var list []leak
	err = c.Engine.View(world, "control", func(tx *store.Tx) error {
		list = []leak{}
		return each(tx, func(r statemachine.Resource) {
			if !before[identity{r.Kind, r.Cluster, r.ID}] && states[r.Kind][r.State] {
				list = append(list, leak{Kind: r.Kind, ID: r.ID, Name: r.Name, Cluster: r.Cluster})
			}
		})
	})
	return list, err
}

// accountable returns the states in which a client has yet to delete a resource. It has not in a state that leads to
// nothing but the end, because the resource is being deleted already, nor in one in which the API refuses to delete it
// for good, such as a failed volume, nor in one from which no way leads to the end.
func accountable(d *statemachine.Description) map[statemachine.State]bool {
	states := map[statemachine.State]bool{}
	for _, state := range d.States {
		states[state] = state != statemachine.Gone && mortal(d, state) && !beingDeleted(d, state) && !undeletable(d, state)
	}
	return states
}

// mortal reports whether transitions lead from a state to the end.
func mortal(d *statemachine.Description, from statemachine.State) bool {
	reached := []statemachine.State{from}
	for i := 0; i < len(reached); i++ {
		for k := range d.Transitions {
			t := &d.Transitions[k]
			if slices.Contains(t.From, reached[i]) && !slices.Contains(reached, t.To) {
				reached = append(reached, t.To)
			}
		}
	}
	return slices.Contains(reached, statemachine.Gone)
}

// beingDeleted reports whether all transitions of a state lead to the end, one of them by itself.
func beingDeleted(d *statemachine.Description, state statemachine.State) bool {
	timed := false
	for k := range d.Transitions {
		t := &d.Transitions[k]
		if !slices.Contains(t.From, state) {
			continue
		}
		if t.To != statemachine.Gone {
			return false
		}
		timed = timed || t.After != ""
	}
	return timed && !slices.Contains(d.Initial, state)
}

// undeletable reports whether a guard refuses the deletion in a state for another reason than something temporary.
func undeletable(d *statemachine.Description, state statemachine.State) bool {
	temporary := []string{refusal.Unavailable.String(), refusal.Aborted.String()}
	return slices.ContainsFunc(d.Guards, func(g statemachine.GuardRule) bool {
		return strings.HasPrefix(strings.ToLower(g.Operation), "delete") && slices.Contains(g.In, state) &&
			!slices.Contains(temporary, g.Kind)
	})
}

// foundLeaks describes the leaks as the actual value of a verification; "" if there are none.
func foundLeaks(leaked []leak) string {
	if len(leaked) == 0 {
		return ""
	}
	var list []string
	for _, l := range leaked {
		list = append(list, l.Kind+" "+l.ID+" "+l.Name)
	}
	return fmt.Sprintf("found %d: %s", len(list), strings.Join(list[:min(len(list), 10)], ", "))
}
