package control

import (
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

type reset struct {
	To string `json:"to" doc:"A checkpoint of the world, or a fixture. Without it, the world's start." example:"before-upgrade"`
}

type resetAnswer struct {
	World string `json:"world"`
	Now   string `json:"now"`
}

func resetWorld(c *Control, r *call, body *reset) (resetAnswer, error) {
	w, err := c.DB.World(r.world())
	if err != nil {
		return resetAnswer{}, err
	}
	switch {
	case body.To == "":
		err = c.Engine.Reset(w.Name)
	case slices.Contains(w.Checkpoints, body.To):
		err = c.Engine.Restore(w.Name, body.To)
	default:
		err = c.resetToFixture(r, w, body.To)
	}
	if err != nil {
		return resetAnswer{}, err
	}
	now, err := c.Engine.Now(w.Name)
	return resetAnswer{World: w.Name, Now: instant(now)}, err
}

// resetToFixture resets the world to a fixture. The world keeps its seed; it gets new tokens unless it is the default
// world.
func (c *Control) resetToFixture(r *call, w store.World, fixture string) error {
	meta, err := metaOf(w.Meta)
	if err != nil {
		return err
	}
	_, checkpoint, err := c.start(r, "to", fixture)
	if err != nil {
		return err
	}
	if checkpoint != "" {
		return &strict.Error{Path: "to", Valid: w.Checkpoints, Detail: "is a checkpoint of another world; " +
			"POST /_sim/worlds creates a world from it"}
	}
	base, seed, err := c.Base(fixture, meta.Seed)
	if err != nil {
		return err
	}
	meta.Seed = seed
	meta.From, meta.Parent, meta.Cluster = fixture, "", ""
	var mint func(*store.Tx) error
	if w.Name != api.DefaultWorld {
		mint = func(tx *store.Tx) error {
			_, err := c.mint(tx, &meta, true)
			return err
		}
	}
	return c.Engine.Start(w.Name, r.by(), func(next func(*store.Tx) (bool, error)) error {
		return c.DB.ResetTo(w.Name, base, mustJSON(meta), next)
	}, mint)
}
