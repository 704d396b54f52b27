package control

import (
	"errors"
	"net"
	"net/http"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

// anyPort is the same host with a port of the system's choice.
func anyPort(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, "0")
}

type checkpointList struct {
	World       string   `json:"world"`
	Checkpoints []string `json:"checkpoints"`
}

func listCheckpoints(c *Control, r *call) (checkpointList, error) {
	w, err := c.DB.World(r.world())
	return checkpointList{World: r.world(), Checkpoints: append([]string{}, w.Checkpoints...)}, err
}

type checkpointEntry struct {
	World string `json:"world"`
	Name  string `json:"name"`
	Now   string `json:"now"` // what the world's clock shows
}

func (c *Control) checkpointEntry(r *call) (checkpointEntry, error) {
	now, err := c.Engine.Now(r.world())
	return checkpointEntry{World: r.world(), Name: r.param("name"), Now: instant(now)}, err
}

func putCheckpoint(c *Control, r *call) (checkpointEntry, error) {
	if err := c.DB.Checkpoint(r.world(), r.param("name")); err != nil {
		return checkpointEntry{}, err
	}
	return c.checkpointEntry(r)
}

func deleteCheckpoint(c *Control, r *call) (checkpointList, error) {
	if err := c.DB.DeleteCheckpoint(r.world(), r.param("name")); err != nil {
		return checkpointList{}, c.noCheckpoint(r, err)
	}
	return listCheckpoints(c, r)
}

func restoreCheckpoint(c *Control, r *call) (checkpointEntry, error) {
	if err := c.DB.Restore(r.world(), r.param("name")); err != nil {
		return checkpointEntry{}, c.noCheckpoint(r, err)
	}
	c.Engine.Rescan(r.world())
	return c.checkpointEntry(r)
}

// noCheckpoint adds the names that there are to a refusal.
func (c *Control) noCheckpoint(r *call, err error) error {
	if !errors.Is(err, store.ErrNoCheckpoint) {
		return err
	}
	w, _ := c.DB.World(r.world()) // a world that went away meanwhile has no checkpoints
	return &Problem{Status: http.StatusNotFound, Detail: err.Error(), Valid: w.Checkpoints}
}

type reset struct {
	To string `json:"to"`
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
		err = c.DB.Reset(w.Name)
	case slices.Contains(w.Checkpoints, body.To):
		err = c.DB.Restore(w.Name, body.To)
	default:
		err = c.resetToFixture(r, w, body.To)
	}
	if err != nil {
		return resetAnswer{}, err
	}
	c.Engine.Rescan(w.Name)
	now, err := c.Engine.Now(w.Name)
	return resetAnswer{World: w.Name, Now: instant(now)}, err
}

// resetToFixture puts the world on a fixture, with its seed, and its tokens if it was made with some.
func (c *Control) resetToFixture(r *call, w store.World, fixture string) error {
	meta, err := metaOf(w.Meta)
	if err != nil {
		return err
	}
	_, checkpoint, err := c.start(r, fixture)
	if err != nil {
		return err
	}
	if checkpoint != "" {
		return &Problem{Status: http.StatusBadRequest, Valid: w.Checkpoints,
			Detail: "a world is reset to a checkpoint of its own; POST /_sim/worlds forks one of another world"}
	}
	base, seed, err := c.Base(fixture, meta.Seed)
	if err != nil {
		return err
	}
	meta.Seed = seed
	meta.From, meta.Cluster = fixture, ""
	var mint func(*store.Tx) error
	if w.Name != api.DefaultWorld {
		mint = func(tx *store.Tx) error {
			_, err := c.mint(tx, &meta)
			return err
		}
	}
	return c.Engine.Start(w.Name, r.by(), func(next func(*store.Tx) (bool, error)) error {
		return c.DB.ResetTo(w.Name, base, mustJSON(meta), next)
	}, mint)
}
