package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// worldMeta is what a world's record says beside its state: it is not part of checkpoints.
type worldMeta struct {
	From    string     `json:"from"` // the fixture or checkpoint where it started
	Seed    uint64     `json:"seed"`
	Cluster string     `json:"cluster,omitempty"` // the default cluster, where one was asked for
	Listen  string     `json:"listen,omitempty"`  // the port that was asked for
	Address string     `json:"address,omitempty"` // the port it has
	Created time.Time  `json:"created"`           // on the wall clock
	Expires *time.Time `json:"expires,omitempty"`
}

func metaOf(raw json.RawMessage) (m worldMeta, err error) {
	if len(raw) == 0 {
		return m, nil
	}
	return m, json.Unmarshal(raw, &m)
}

// worldEntry is a world as it is listed.
type worldEntry struct {
	Name        string     `json:"name"`
	From        string     `json:"from"`
	Seed        uint64     `json:"seed"`
	Cluster     string     `json:"cluster,omitempty"`
	URL         string     `json:"url"`
	Created     time.Time  `json:"created"`
	Expires     *time.Time `json:"expires,omitempty"`
	Checkpoints []string   `json:"checkpoints"`
}

func entryOf(r *call, w store.World) (worldEntry, error) {
	m, err := metaOf(w.Meta)
	return worldEntry{Name: w.Name, From: m.From, Seed: m.Seed, Cluster: m.Cluster, URL: worldURL(r, w.Name, m.Address),
		Created: m.Created, Expires: m.Expires, Checkpoints: append([]string{}, w.Checkpoints...)}, err
}

// worldURL is the world's own port, else the address that the caller has used, which reached this program.
func worldURL(r *call, name, own string) string {
	if own != "" {
		return "http://" + own
	}
	scheme, host := "http", r.http.Host
	if r.http.TLS != nil {
		scheme = "https"
	}
	if _, port, ok := strings.Cut(host, ".localhost"); ok {
		host = name + ".localhost" + port // whoever can resolve one such name can resolve this one
	}
	return scheme + "://" + host
}

type worldList struct {
	Worlds []worldEntry `json:"worlds"`
}

func listWorlds(c *Control, r *call) (any, error) {
	worlds, err := c.DB.Worlds()
	list := worldList{Worlds: []worldEntry{}}
	for _, w := range worlds {
		entry, err := entryOf(r, w)
		if err != nil {
			return nil, err
		}
		list.Worlds = append(list.Worlds, entry)
	}
	return list, err
}

func getWorld(c *Control, r *call) (any, error) {
	w, err := c.DB.World(r.param("name"))
	if errors.Is(err, store.ErrNoWorld) {
		return nil, noWorld(r.param("name"))
	}
	if err != nil {
		return nil, err
	}
	return entryOf(r, w)
}

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

func createWorld(c *Control, r *call, body *newWorld) (any, error) {
	meta := worldMeta{From: body.From, Seed: c.Seed, Cluster: body.Cluster, Listen: body.Listen, Created: c.Wall().UTC()}
	if body.Seed != nil {
		meta.Seed = *body.Seed
	}
	if body.TTL != "" {
		ttl, err := duration("ttl", body.TTL)
		if err != nil {
			return nil, err
		}
		end := meta.Created.Add(ttl)
		meta.Expires = &end
	}
	if body.Name != "" && !api.GoodLabel(body.Name) {
		return nil, &api.InputError{Path: "name", Detail: fmt.Sprintf(
			"%q cannot be the label of a Host: use 1 to 63 lower-case letters, digits and inner dashes", body.Name)}
	}
	name, err := c.make(r, body, &meta)
	if err != nil {
		return nil, err
	}
	signed, err := c.furnish(r, name, &meta)
	var tokens map[string]string
	if err == nil {
		tokens, err = signed()
	}
	if err != nil {
		c.remove(name)
		return nil, err
	}
	w, err := c.DB.World(name)
	if err != nil {
		return nil, err
	}
	entry, err := entryOf(r, w)
	return madeWorld{worldEntry: entry, Tokens: tokens}, err
}

// make creates the world's record on its start, under the name asked for or a free one.
func (c *Control) make(r *call, body *newWorld, meta *worldMeta) (string, error) {
	c.making.Lock()
	defer c.making.Unlock()
	worlds, err := c.DB.WorldNames()
	if err != nil {
		return "", err
	}
	if len(worlds) >= c.MaxWorlds {
		return "", &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf(
			"there are %d worlds and no more are allowed; delete some, give them a ttl, or start with a larger --max-worlds", len(worlds))}
	}
	name := body.Name
	for n, taken := 1, body.Name == ""; taken; n++ {
		name = "w" + strconv.Itoa(n)
		_, taken = slices.BinarySearch(worlds, name)
	}
	world, checkpoint, err := c.start(r, body.From)
	if err != nil {
		return "", err
	}
	if checkpoint != "" {
		return name, c.fork(world, checkpoint, name, body.Seed == nil, meta)
	}
	if meta.From == "" {
		meta.From = c.Fixture
	}
	base, seed, err := c.Base(meta.From, meta.Seed)
	if err != nil {
		return "", err
	}
	if body.Seed == nil {
		meta.Seed = seed
	}
	return name, c.DB.CreateWorld(name, base, mustJSON(meta))
}

// fork makes a world on a checkpoint, with the seed of the world there if it is to be inherited.
func (c *Control) fork(from, checkpoint, name string, inherit bool, meta *worldMeta) error {
	if inherit {
		err := c.DB.View(from, func(tx *store.Tx) error {
			meta.Seed = tx.Seed()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return c.DB.Fork(from, checkpoint, name, mustJSON(meta))
}

// mustJSON is for values that always marshal.
func mustJSON(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// start reads what a world starts from: a checkpoint of the caller's world, world/checkpoint, or, with no checkpoint
// in the answer, a fixture.
func (c *Control) start(r *call, from string) (world, checkpoint string, err error) {
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
	return "", "", &api.InputError{Detail: fmt.Sprintf("%q is neither a checkpoint of the world %s nor a fixture", from, r.world()),
		Valid: slices.Concat(own.Checkpoints, c.Fixtures)}
}

// furnish gives a new world its seed, its cluster, its tokens, its port and its end. All but the last two are part of
// where the world started, so that they outlive a reset. The tokens are being signed meanwhile.
func (c *Control) furnish(r *call, name string, meta *worldMeta) (signed api.Signing, err error) {
	minted, err := c.mint(name, meta, r.by())
	if err != nil {
		return nil, err
	}
	signed = signAll(minted)
	if err := c.DB.SetStart(name); err != nil {
		return nil, err
	}
	if meta.Listen != "" {
		if meta.Address, err = c.Listen(name, meta.Listen); err != nil {
			return nil, &api.InputError{Path: "listen", Detail: err.Error()}
		}
		if err := c.DB.SetMeta(name, mustJSON(meta)); err != nil {
			return nil, err
		}
	}
	if meta.Expires != nil {
		c.Expiring(*meta.Expires)
	}
	return signed, nil
}

// settle applies to a world what its record says otherwise than its start, with the tokens that it was made with, and makes
// that its start.
func (c *Control) settle(name string, meta *worldMeta, by string) error {
	if _, err := c.mint(name, meta, by); err != nil {
		return err
	}
	return c.DB.SetStart(name)
}

// mint applies to a world what its record says otherwise than its start, and mints its tokens.
func (c *Control) mint(name string, meta *worldMeta, by string) (minted map[string]api.Signing, err error) {
	defer c.Engine.Rescan(name)
	err = c.Engine.Update(name, by, func(tx *store.Tx) error {
		if tx.Seed() != meta.Seed {
			tx.SetSeed(meta.Seed)
		}
		if meta.Cluster != "" {
			if !statemachine.HasPartition(tx, meta.Cluster) {
				return noCluster(tx, meta.Cluster)
			}
			if err := statemachine.SetDefaultPartition(tx, meta.Cluster); err != nil {
				return err
			}
		}
		minted, err = c.mintAll(tx)
		return err
	})
	return minted, err
}

func noCluster(tx *store.Tx, name string) error {
	return &api.InputError{Path: "cluster", Detail: fmt.Sprintf("%q is none of the world's clusters", name),
		Valid: statemachine.Partitions(tx)[1:]}
}

// duration reads a Go duration above zero.
func duration(path, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, &api.InputError{Path: path, Detail: fmt.Sprintf(`%q is not a duration above zero like "90s" or "1h30m"`, text)}
	}
	return d, nil
}
