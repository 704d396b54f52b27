package control

import (
	"fmt"
	"strings"

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

// leaks lists the resources of every kind that were created since the start of the world and still exist.
func (c *Control) leaks(world string) ([]leak, error) {
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
	var list []leak
	err = c.Engine.View(world, "control", func(tx *store.Tx) error {
		list = []leak{}
		return each(tx, func(r statemachine.Resource) {
			if !before[identity{r.Kind, r.Cluster, r.ID}] {
				list = append(list, leak{Kind: r.Kind, ID: r.ID, Name: r.Name, Cluster: r.Cluster})
			}
		})
	})
	return list, err
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
