package control

import (
	"errors"
	"net"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

// EnsureWorld creates the default world from the configured fixture if it does not exist.
func (c *Control) EnsureWorld() error {
	_, err := c.DB.World(api.DefaultWorld)
	if !errors.Is(err, store.ErrNoWorld) {
		return err
	}
	base, seed, err := c.Base(c.Fixture, c.Seed)
	if err != nil {
		return err
	}
	meta := worldMeta{From: c.Fixture, Seed: seed, Created: c.Wall().UTC(),
		Origin: &Origin{Fixture: c.Fixture, Sum: c.FixtureSum, Seed: c.Seed}}
	return c.DB.CreateWorld(api.DefaultWorld, base, mustJSON(meta), nil)
}

// Reopen opens the ports of the worlds that have their own: the previous port if it is free, otherwise any free port.
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
			c.Log.Warn().Str("world", w.Name).Str("was", before).Str("is",
				meta.Address).Msg("the world's port was in use; the world has another one")
		}
		if meta.Address != before {
			if err := c.DB.SetMeta(w.Name, mustJSON(meta)); err != nil {
				return err
			}
		}
	}
	return nil
}

// anyPort returns the address with port 0, for which the system chooses a free port.
func anyPort(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, "0")
}

// Expire deletes the worlds that expire at or before wall, a time of the wall clock. It returns the time at which the
// next world expires, or the zero time if no world does. No world is created meanwhile, so that none is deleted in
// place of an expired one of the same name.
func (c *Control) Expire(wall time.Time) (next time.Time, err error) {
	c.making.Lock()
	defer c.making.Unlock()
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
			leaked, err := c.leaks(w.Name) // only the log can report them
			if err != nil {
				return next, err
			}
			c.remove(w.Name)
			c.Log.Info().Str("world", w.Name).Int("leaked", len(leaked)).
				Msg(strings.TrimSuffix("the world expired and was deleted; resources left in it: "+foundLeaks(leaked),
					"; resources left in it: "))
		case next.IsZero() || meta.Expires.Before(next):
			next = *meta.Expires
		}
	}
	return next, nil
}

// remove deletes a world and closes its port.
func (c *Control) remove(name string) {
	c.Unlisten(name)
	if err := c.Engine.Delete(name); err != nil && !errors.Is(err, store.ErrNoWorld) {
		c.Log.Error().Err(err).Str("world", name).Msg("the world could not be deleted")
	}
}
