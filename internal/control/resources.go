package control

import (
	"fmt"
	"slices"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

type resourceList struct {
	Resources []statemachine.Resource `json:"resources"`
}

func listResources(c *Control, r *call) (resourceList, error) {
	kinds := c.Engine.Kinds()
	if kind := r.query.Get("kind"); kind != "" {
		if _, err := c.machine(kind); err != nil {
			return resourceList{}, err
		}
		kinds = []string{kind}
	}
	state := statemachine.State(r.query.Get("state"))
	if err := c.checkState(kinds, state); err != nil {
		return resourceList{}, err
	}
	limit, err := r.limit(-1)
	if err != nil {
		return resourceList{}, err
	}
	var list resourceList
	err = c.Engine.View(r.world(), r.by(), func(tx *store.Tx) error {
		list.Resources = []statemachine.Resource{}
		clusters, err := r.clusters(tx)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			err := c.Engine.Resources(tx, kind, clusters, func(resource statemachine.Resource) bool {
				if state == "" || resource.State == state {
					list.Resources = append(list.Resources, resource)
				}
				return len(list.Resources) != limit
			})
			if err != nil || len(list.Resources) == limit {
				return err
			}
		}
		return nil
	})
	return list, err
}

// checkState returns an error for a state that none of the kinds has.
func (c *Control) checkState(kinds []string, state statemachine.State) error {
	if state == "" {
		return nil
	}
	var valid []string
	for _, kind := range kinds {
		d, err := c.machine(kind)
		if err != nil {
			return err
		}
		valid = append(valid, texts(d.States)...)
	}
	if slices.Contains(valid, string(state)) {
		return nil
	}
	slices.Sort(valid)
	return &strict.Error{Path: "state", Detail: fmt.Sprintf("%q is not a state of these kinds", state),
		Valid: slices.Compact(valid)}
}

// clusters returns the partitions of the call: the one that it names, or all.
func (r *call) clusters(tx *store.Tx) ([]string, error) {
	name := r.query.Get("cluster")
	if name == "" {
		name = r.place.Cluster
	}
	switch {
	case name == "":
		return statemachine.Partitions(tx), nil
	case !statemachine.HasPartition(tx, name):
		return nil, noCluster(tx, name)
	}
	return []string{name}, nil
}

func getResource(c *Control, r *call) (statemachine.Resource, error) {
	var resource statemachine.Resource
	err := c.Engine.View(r.world(), r.by(), func(tx *store.Tx) error {
		clusters, err := r.clusters(tx)
		if err != nil {
			return err
		}
		resource, err = c.Engine.Find(tx, r.param("kind"), clusters, r.param("id"))
		return c.noResource(tx, r, clusters, err)
	})
	return resource, err
}

type firing struct {
	Event statemachine.Event `json:"event" doc:"An event of the resource's state machine." required:""`
}

func fireEvent(c *Control, r *call, body *firing) (statemachine.Resource, error) {
	d, err := c.machine(r.param("kind"))
	if err != nil {
		return statemachine.Resource{}, c.noResource(nil, r, nil, err)
	}
	if err := checkEvent(&d, body.Event); err != nil {
		return statemachine.Resource{}, err
	}
	return c.change(r, func(tx *store.Tx, clusters []string) (statemachine.Resource, error) {
		return c.Engine.Fire(tx, d.Kind, clusters, r.param("id"), body.Event)
	})
}

// checkEvent returns an error if the machine has no such event.
func checkEvent(d *statemachine.Description, event statemachine.Event) error {
	var valid []string
	for _, t := range d.Transitions {
		valid = append(valid, string(t.Event))
	}
	if slices.Contains(valid, string(event)) {
		return nil
	}
	slices.Sort(valid)
	return &strict.Error{Path: "event", Detail: fmt.Sprintf("%q is not an event of %s", event, d.Kind),
		Valid: slices.Compact(valid)}
}

func releaseTransition(c *Control, r *call) (statemachine.Resource, error) {
	return c.change(r, func(tx *store.Tx, clusters []string) (statemachine.Resource, error) {
		return c.Engine.Release(tx, r.param("kind"), clusters, r.param("id"))
	})
}

// change changes a resource in a transaction and returns it with its new state.
func (c *Control) change(
	r *call, do func(*store.Tx, []string) (statemachine.Resource, error),
) (resource statemachine.Resource, err error) {
	err = c.Engine.Update(r.world(), r.by(), func(tx *store.Tx) error {
		clusters, err := r.clusters(tx)
		if err != nil {
			return err
		}
		resource, err = do(tx, clusters)
		return c.noResource(tx, r, clusters, err)
	})
	return resource, err
}

func noCluster(tx *store.Tx, name string) error {
	return &strict.Error{Path: "cluster", Detail: fmt.Sprintf("%q is not a cluster of the world", name),
		Valid: statemachine.Partitions(tx)[1:]}
}
