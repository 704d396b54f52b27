package control

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// EnsureWorld makes the default world on the server's fixture if there is none.
func (c *Control) EnsureWorld() error {
	_, err := c.DB.World(api.DefaultWorld)
	if !errors.Is(err, store.ErrNoWorld) {
		return err
	}
	base, seed, err := c.Base(c.Fixture, c.Seed)
	if err != nil {
		return err
	}
	meta := worldMeta{From: c.Fixture, Seed: seed, Created: c.Wall().UTC()}
	return c.DB.CreateWorld(api.DefaultWorld, base, mustJSON(meta), nil)
}

// Reopen opens the ports of worlds that have one of their own: the same as before where it is free, else any.
func (c *Control) Reopen() error {
	worlds, err := c.DB.Worlds()
	if err != nil {
		return err
	}
	for _, w := range worlds {
		meta, err := metaOf(w.Meta)
		if err != nil {
			return err
		}
		if meta.Listen == "" {
			continue
		}
		before := meta.Address
		if meta.Address, err = c.Listen(w.Name, before); err != nil {
			if meta.Address, err = c.Listen(w.Name, anyPort(before)); err != nil {
				return err
			}
			c.Log.Warn().Str("world", w.Name).Str("was", before).Str("is", meta.Address).Msg("the world's port was taken; it has another one")
		}
		if meta.Address != before {
			if err := c.DB.SetMeta(w.Name, mustJSON(meta)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Expire removes the worlds whose time has come by the wall instant, and answers when the next one's will: the zero
// instant if no world has an end.
func (c *Control) Expire(wall time.Time) (next time.Time, err error) {
	worlds, err := c.DB.Worlds()
	if err != nil {
		return next, err
	}
	for _, w := range worlds {
		meta, err := metaOf(w.Meta)
		if err != nil {
			return next, err
		}
		switch {
		case meta.Expires == nil:
		case !meta.Expires.After(wall):
			leaked, err := c.leaks(w.Name) // nobody else will be told
			if err != nil {
				return next, err
			}
			c.remove(w.Name)
			c.Log.Info().Str("world", w.Name).Msg(strings.TrimSuffix("the world's time has come and it was removed: "+named(leaked), ": "))
		case next.IsZero() || meta.Expires.Before(next):
			next = *meta.Expires
		}
	}
	return next, nil
}

// remove deletes a world and closes its port.
func (c *Control) remove(name string) {
	c.Unlisten(name)
	if err := c.DB.DeleteWorld(name); err != nil && !errors.Is(err, store.ErrNoWorld) {
		c.Log.Error().Err(err).Str("world", name).Msg("the world could not be deleted")
	}
	c.Engine.Rescan(name)
}

// leak is a thing that is in a world and was not there where the world started.
type leak struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Name    string `json:"name"`
	Cluster string `json:"cluster,omitempty"`
}

type deletedWorld struct {
	Leaked []leak `json:"leaked"`
}

func deleteWorld(c *Control, r *call) (deletedWorld, error) {
	name := r.param("name")
	if name == api.DefaultWorld {
		return deletedWorld{}, &Problem{Status: http.StatusConflict,
			Detail: "the world default is where requests go that name no world; POST /_sim/reset empties it"}
	}
	leaked, err := c.leaks(name)
	if err != nil {
		return deletedWorld{}, err
	}
	c.remove(name)
	return deletedWorld{Leaked: leaked}, nil
}

// leaks lists the things of every kind that came to be since the world started and are still there.
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
