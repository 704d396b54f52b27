package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

type newWorld struct {
	Name    string  `json:"name"`
	From    string  `json:"from"`
	Seed    *uint64 `json:"seed"`
	Listen  string  `json:"listen"`
	Cluster string  `json:"cluster"`
	TTL     string  `json:"ttl"`
}

type madeWorld struct {
	worldEntry
	Tokens map[string]string `json:"tokens"`
}

func createWorld(c *Control, r *call, body *newWorld) (madeWorld, error) {
	meta := worldMeta{From: body.From, Seed: c.Seed, Cluster: body.Cluster, Listen: body.Listen, Created: c.Wall().UTC()}
	if body.Seed != nil {
		meta.Seed = *body.Seed
	}
	if body.TTL != "" {
		ttl, err := duration("ttl", body.TTL)
		if err != nil {
			return madeWorld{}, err
		}
		end := meta.Created.Add(ttl)
		meta.Expires = &end
	}
	if body.Name != "" && !api.GoodLabel(body.Name) {
		return madeWorld{}, &strict.Error{Path: "name", Detail: fmt.Sprintf(
			"%q is not a valid name of a world: use 1 to 63 lower-case letters, digits and inner dashes", body.Name)}
	}
	name, signed, err := c.make(r, body, &meta)
	if err != nil {
		return madeWorld{}, err
	}
	tokens, err := signed()
	if err != nil {
		c.remove(name)
		return madeWorld{}, err
	}
	if meta.Expires != nil {
		c.Expiring(*meta.Expires)
	}
	// The response describes the world as it was created; the world may have expired by now.
	return madeWorld{worldEntry: meta.entry(r, name, nil), Tokens: tokens}, nil
}

// make creates a world with the requested name, or a free one, in one commit. Seed, cluster and tokens are part of its
// start, so that a reset keeps them. The tokens are signed in the background; signed waits for them.
func (c *Control) make(r *call, body *newWorld, meta *worldMeta) (name string, signed api.Signing, err error) {
	c.making.Lock()
	defer c.making.Unlock()
	if name, err = c.freeName(body.Name); err != nil {
		return "", nil, err
	}
	create, err := c.creation(r, body, name, meta)
	if err != nil {
		return "", nil, err
	}
	if meta.Listen != "" {
		if meta.Address, err = c.Listen(name, meta.Listen); err != nil {
			return "", nil, &strict.Error{Path: "listen", Detail: err.Error()}
		}
	}
	err = c.Engine.Start(name, r.by(), create, func(tx *store.Tx) error {
		minted, err := c.mint(tx, meta)
		if err == nil {
			signed = signAll(minted)
		}
		return err
	})
	if err != nil && meta.Listen != "" {
		c.Unlisten(name)
	}
	return name, signed, err
}

// freeName returns the wanted name or, if it is empty, an unused one. It returns an error if the name is in use or the
// limit of worlds is reached.
func (c *Control) freeName(wanted string) (string, error) {
	worlds, err := c.DB.WorldNames()
	if err != nil {
		return "", err
	}
	if len(worlds) >= c.MaxWorlds {
		return "", &Problem{Status: http.StatusTooManyRequests,
			Detail: fmt.Sprintf("there are %d worlds, which is the limit; "+
				"delete some, give them a ttl, or start the program with a larger --max-worlds", len(worlds))}
	}
	name := wanted
	for n, taken := 1, wanted == ""; taken; n++ {
		name = "w" + strconv.Itoa(n)
		_, taken = slices.BinarySearch(worlds, name)
	}
	if slices.Contains(worlds, name) {
		return "", fmt.Errorf("world %q: %w", name, store.ErrWorldExists)
	}
	return name, nil
}

// creation returns the function that creates the world from the requested start, and sets the seed and the origin in
// meta.
func (c *Control) creation(r *call, body *newWorld, name string, meta *worldMeta) (
	func(next func(*store.Tx) (bool, error)) error, error,
) {
	from, checkpoint, err := c.start(r, "from", body.From)
	if err != nil {
		return nil, err
	}
	if checkpoint != "" {
		if body.Seed == nil {
			err = c.DB.View(from, func(tx *store.Tx) error {
				meta.Seed = tx.Seed()
				return nil
			})
		}
		return func(next func(*store.Tx) (bool, error)) error {
			return c.DB.Fork(from, checkpoint, name, mustJSON(meta), next)
		}, err
	}
	if meta.From == "" {
		meta.From = c.Fixture
	}
	base, seed, err := c.Base(meta.From, meta.Seed)
	if body.Seed == nil {
		meta.Seed = seed
	}
	return func(next func(*store.Tx) (bool, error)) error {
		return c.DB.CreateWorld(name, base, mustJSON(meta), next)
	}, err
}

// start parses the name of a start: a checkpoint of the call's world, world/checkpoint, or a fixture. For a fixture it
// returns no world and no checkpoint. Member is the path for the error.
func (c *Control) start(r *call, member, from string) (world, checkpoint string, err error) {
	if from == "" {
		return "", "", nil
	}
	own, err := c.DB.World(r.world())
	if err != nil && !errors.Is(err, store.ErrNoWorld) {
		return "", "", err
	}
	if slices.Contains(own.Checkpoints, from) {
		return own.Name, from, nil
	}
	if world, checkpoint, ok := strings.Cut(from, "/"); ok {
		if other, err := c.DB.World(world); err == nil && slices.Contains(other.Checkpoints, checkpoint) {
			return world, checkpoint, nil
		}
	}
	if slices.Contains(c.Fixtures, from) {
		return "", "", nil
	}
	return "", "", &strict.Error{Path: member, Valid: slices.Concat(own.Checkpoints, c.Fixtures),
		Detail: fmt.Sprintf("%q is neither a fixture nor a checkpoint of the world %s", from, r.world())}
}

// mint sets the seed and the default cluster of a new world from its meta, and mints its tokens.
func (c *Control) mint(tx *store.Tx, meta *worldMeta) (map[string]api.Signing, error) {
	if tx.Seed() != meta.Seed {
		tx.SetSeed(meta.Seed)
	}
	if meta.Cluster != "" {
		if !statemachine.HasPartition(tx, meta.Cluster) {
			return nil, noCluster(tx, meta.Cluster)
		}
		if err := statemachine.SetDefaultPartition(tx, meta.Cluster); err != nil {
			return nil, err
		}
	}
	return c.mintAll(tx)
}
