package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/fixture"
	"storagesim/internal/fixture/document"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// newWorld is the body of POST /_sim/worlds. All members are optional.
type newWorld struct {
	Name    string  `json:"name" doc:"A DNS label. Without it, the first free one of w1, w2, …" example:"t1"`
	From    string  `json:"from" doc:"A fixture, or a checkpoint as name or world/name. Without it, the fixture of the program." example:"small"`
	Seed    *uint64 `json:"seed" doc:"The seed of ids, placement and random draws. Without it, that of the start." example:"1"`
	Listen  string  `json:"listen" doc:"The address of a port of its own; port 0 takes a free one." example:"127.0.0.1:0"`
	Cluster string  `json:"cluster" doc:"The Lightbits cluster of requests that name none." example:"west"`
	TTL     string  `json:"ttl" doc:"The real time after which the world is deleted, as a Go duration." example:"10m"`

	Clock  *statemachine.ClockSetting `json:"clock" doc:"The clock, as in PUT /_sim/clock; now may be any instant."`
	Delays map[string]json.RawMessage `json:"delays" doc:"Delays, as in PUT /_sim/delays." example:"{\"lightbits.volume.create\":\"5s\"}"`
	State  map[string]json.RawMessage `json:"state" doc:"The fixture that the world starts as, as in PUT /_sim/state; instead of from." example:"{\"lightbits\":{\"clusters\":[{\"name\":\"east\"}]}}"`

	Tokens *bool `json:"tokens" doc:"Whether the response has a token of each vendor; true without it. POST /_sim/tokens mints one later." example:"true"`

	Auth                *api.AuthMode `json:"auth" doc:"How credentials are checked. Without it, as --auth says." example:"strict"`
	Federation          *bool         `json:"federation" doc:"Whether the world has the operations of a cluster federation. Without it, as --federation says." example:"true"`
	MaxRunningWorkflows *int          `json:"maxRunningWorkflows" doc:"How many workflows DMS runs at a time. Without it, as --max-running-workflows or the fixture says." range:">0" example:"20"`
}

type madeWorld struct {
	worldEntry
	Tokens map[string]string `json:"tokens"`
}

func createWorld(c *Control, r *call, body *newWorld) (madeWorld, error) {
	if err := checkNewWorld(c, nil, body); err != nil {
		return madeWorld{}, err
	}
	meta := worldMeta{From: body.From, Seed: c.Seed, Cluster: body.Cluster, Listen: body.Listen, Created: c.Wall().UTC(),
		Settings: body.settings()}
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
	return madeWorld{worldEntry: c.entry(r, &meta, name, nil), Tokens: tokens}, nil
}

// checkNewWorld returns an error for a member that is invalid whatever the world starts from.
func checkNewWorld(c *Control, _ map[string]string, body *newWorld) error {
	if body.Name != "" && !api.GoodLabel(body.Name) {
		return &strict.Error{Path: "name", Detail: fmt.Sprintf(
			"%q is not a valid name of a world: use 1 to 63 lower-case letters, digits and inner dashes", body.Name)}
	}
	if body.State != nil && body.From != "" {
		return &strict.Error{Path: "state", Detail: "must not be given together with from: a world starts from one of them"}
	}
	if modes := api.AuthMode("").Names(); body.Auth != nil && !slices.Contains(modes, string(*body.Auth)) {
		return &strict.Error{Path: "auth", Valid: modes,
			Detail: fmt.Sprintf("%.80q is not a mode of authentication", *body.Auth)}
	}
	if most := body.MaxRunningWorkflows; most != nil && *most < 1 {
		return &strict.Error{Path: "maxRunningWorkflows",
			Detail: fmt.Sprintf("must be a whole number above 0, such as 20, not %d", *most)}
	}
	if body.Clock != nil {
		if err := checkClock(c, nil, body.Clock); err != nil {
			return strict.Below("clock", err)
		}
	}
	return strict.Below("delays", checkDelays(c, nil, &body.Delays))
}

// settings returns the settings that the body has, or nil for none.
func (body *newWorld) settings() *api.WorldSettings {
	if body.Auth == nil && body.Federation == nil && body.MaxRunningWorkflows == nil {
		return nil
	}
	set := &api.WorldSettings{Federation: body.Federation}
	if body.Auth != nil {
		set.Auth = *body.Auth
	}
	if body.MaxRunningWorkflows != nil {
		set.MaxRunningWorkflows = *body.MaxRunningWorkflows
	}
	return set
}

// make creates a world with the requested name, or a free one, in one commit. Seed, cluster, clock, delays and tokens
// are part of its start, so that a reset keeps them. The tokens are signed in the background; signed waits for them.
func (c *Control) make(r *call, body *newWorld, meta *worldMeta) (name string, signed api.Signing, err error) {
	if body.State != nil {
		leave, err := c.enterLoading(r)
		if err != nil {
			return "", nil, err
		}
		defer leave()
	}
	c.making.Lock()
	defer c.making.Unlock()
	if name, err = c.freeName(body.Name); err != nil {
		return "", nil, err
	}
	start, err := c.starter(r, body, name, meta)
	if err != nil {
		return "", nil, err
	}
	if meta.Listen != "" {
		if meta.Address, err = c.Listen(name, meta.Listen); err != nil {
			return "", nil, &strict.Error{Path: "listen", Detail: err.Error()}
		}
	}
	err = start(func(tx *store.Tx) error {
		if err := c.setUp(tx, body); err != nil {
			return err
		}
		minted, err := c.mint(tx, meta, body.Tokens == nil || *body.Tokens)
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

// starter returns the function that creates the world from the requested start and runs fill on it, in one commit.
func (c *Control) starter(r *call, body *newWorld, name string, meta *worldMeta) (
	start func(fill func(*store.Tx) error) error, err error,
) {
	if body.State == nil {
		create, err := c.creation(r, body, name, meta)
		return func(fill func(*store.Tx) error) error { return c.Engine.Start(name, r.by(), create, fill) }, err
	}
	doc, err := fixture.Parse(mustJSON(body.State))
	if err != nil {
		return nil, stateFlaws(err)
	}
	if doc.Exact() && body.Seed != nil {
		return nil, &strict.Error{Path: "seed", Detail: "must not be given: state is an exact world, which has its own seed"}
	}
	load := c.loader(meta, doc, createdFromState)
	return func(fill func(*store.Tx) error) error {
		return stateFlaws(c.Engine.Build(name, r.by(), load, fill))
	}, nil
}

// createdFromState is the origin, in listings, of a world that was created with a state.
const createdFromState = "POST " + Prefix + "/worlds"

// stateFlaws returns the problem for the errors of the member state.
func stateFlaws(err error) error {
	var wrong *fixture.Errors
	switch {
	case errors.As(err, &wrong):
		for i, one := range wrong.List {
			errors.As(strict.Below("state", one), &wrong.List[i])
		}
		return flaws(nil, wrong)
	case errors.As(err, new(*document.SyntaxError)):
		return &strict.Error{Path: "state", Detail: err.Error()}
	}
	return err
}

// setUp sets the clock and the delays of a new world.
func (c *Control) setUp(tx *store.Tx, body *newWorld) error {
	if body.Clock != nil {
		if err := c.Engine.SetStartClock(tx, *body.Clock); err != nil {
			return belowClock(clockRefusal(err))
		}
	}
	if len(body.Delays) == 0 {
		return nil
	}
	set, err := delaysOf(body.Delays)
	if err != nil {
		return strict.Below("delays", err)
	}
	return c.Engine.SetDelays(tx, set)
}

// belowClock puts the path clock before a problem with the clock, whose text begins with the name of a member.
func belowClock(err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return &Problem{Status: p.Status, Detail: "clock." + p.Detail, Valid: p.Valid}
	}
	return strict.Below("clock", err)
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
		if err := c.roomForFork(from); err != nil {
			return nil, err
		}
		meta.Parent = from
		err = c.DB.View(from, func(tx *store.Tx) error {
			if body.Seed == nil {
				meta.Seed = tx.Seed()
			}
			return meta.inherit(tx)
		})
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

// roomForFork returns a problem if as many worlds as are allowed started from checkpoints of the world.
func (c *Control) roomForFork(parent string) error {
	worlds, err := c.DB.Worlds()
	if err != nil {
		return err
	}
	forks, most := 0, max(c.MaxWorlds/2, 1)
	for i := range worlds {
		meta, err := metaOf(worlds[i].Meta)
		if err != nil {
			return err
		}
		if meta.Parent == parent {
			forks++
		}
	}
	if forks < most {
		return nil
	}
	return &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf("there are %d worlds that started from "+
		"checkpoints of the world %q, which is the limit for one world, half of --max-worlds; delete some, give them a ttl, "+
		"or start the program with a larger --max-worlds", forks, parent)}
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
		if err := r.reaches(world); err != nil {
			return "", "", err
		}
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

// mint sets the seed and the default cluster of a new world from its meta, and mints its tokens, if it is to have some.
func (c *Control) mint(tx *store.Tx, meta *worldMeta, tokens bool) (map[string]api.Signing, error) {
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
	if !tokens {
		return map[string]api.Signing{}, nil
	}
	return c.mintAll(tx)
}

// inherit copies the settings of the transaction's world, the parent of the world of m, that m does not set itself.
func (m *worldMeta) inherit(tx *store.Tx) error {
	set := api.SettingsOf(tx)
	if m.Settings != nil {
		set = m.Settings.Or(set)
	}
	if set != (api.WorldSettings{}) {
		m.Settings = &set
	}
	return nil
}
