package control

import (
	"errors"
	"net"
	"strings"
	"time"

	"storagesim/internal/api"
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

// anyPort is the same host with a port of the system's choice.
func anyPort(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, "0")
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
