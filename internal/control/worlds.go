package control

import (
	"encoding/json"
	"net/http"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

// worldMeta is stored with a world but is not part of its state: checkpoints do not contain it.
type worldMeta struct {
	From    string     `json:"from"` // the fixture or checkpoint that it started from
	Seed    uint64     `json:"seed"`
	Parent  string     `json:"parent,omitempty"`  // the world of the checkpoint
	Cluster string     `json:"cluster,omitempty"` // the default cluster, if requested
	Listen  string     `json:"listen,omitempty"`  // the requested address
	Address string     `json:"address,omitempty"` // the actual address
	Created time.Time  `json:"created"`           // on the wall clock
	Expires *time.Time `json:"expires,omitempty"`

	// Origin is what the program made its data from. Only the default world has it.
	Origin *Origin `json:"origin,omitempty"`
	// Settings are those that the world was created with; api.SettingsOf reads them.
	Settings *api.WorldSettings `json:"settings,omitempty"`
}

// Origin is what a program made its data from: the fixture and the seed of its flags.
type Origin struct {
	Fixture string `json:"fixture"`
	Sum     string `json:"sum,omitempty"` // of the fixture's file; empty for a built-in fixture
	Seed    uint64 `json:"seed"`
}

// OriginOf returns the origin in the meta of the default world. Data of earlier versions has none; then it is the
// fixture and the seed of the world's last start.
func OriginOf(meta json.RawMessage) (Origin, error) {
	m, err := metaOf(meta)
	if m.Origin != nil {
		return *m.Origin, err
	}
	return Origin{Fixture: m.From, Seed: m.Seed}, err
}

func metaOf(raw json.RawMessage) (m worldMeta, err error) {
	if len(raw) == 0 {
		return m, nil
	}
	return m, json.Unmarshal(raw, &m)
}

// worldEntry is a world in a list.
type worldEntry struct {
	Name        string     `json:"name"`
	From        string     `json:"from"`
	Seed        uint64     `json:"seed"`
	Cluster     string     `json:"cluster,omitempty"`
	URL         string     `json:"url"`
	Created     time.Time  `json:"created"`
	Expires     *time.Time `json:"expires,omitempty"`
	Checkpoints []string   `json:"checkpoints"`

	Auth       api.AuthMode `json:"auth"`
	Federation bool         `json:"federation"`
	// MaxRunningWorkflows is absent if the fixture's limit holds.
	MaxRunningWorkflows int `json:"maxRunningWorkflows,omitempty"`
}

func (c *Control) entryOf(r *call, w store.World) (worldEntry, error) {
	m, err := metaOf(w.Meta)
	return c.entry(r, &m, w.Name, w.Checkpoints), err
}

func (c *Control) entry(r *call, m *worldMeta, name string, checkpoints []string) worldEntry {
	set := c.Settings
	if m.Settings != nil {
		set = m.Settings.Or(set)
	}
	return worldEntry{Name: name, From: m.From, Seed: m.Seed, Cluster: m.Cluster, URL: worldURL(r, name, m.Address),
		Created: m.Created, Expires: m.Expires, Checkpoints: append([]string{}, checkpoints...),
		Auth: set.Auth, Federation: set.Federation != nil && *set.Federation, MaxRunningWorkflows: set.MaxRunningWorkflows}
}

// worldURL returns a URL that reaches the world without anything else that names it: that of its own port or, without
// one, the caller's address with the world in the host name if the caller's has one, or else in the path.
func worldURL(r *call, name, own string) string {
	if own != "" {
		return "http://" + own
	}
	scheme := "http"
	if r.http.TLS != nil {
		scheme = "https"
	}
	if domain := api.HostDomain(r.http); domain != "" {
		return scheme + "://" + name + domain // a caller that can resolve one such name can resolve this one
	}
	base := scheme + "://" + r.http.Host
	if name == api.DefaultWorld && api.ListenerPlace(r.http.Context()).World == "" {
		return base
	}
	return base + api.WorldPrefix + name
}

type worldList struct {
	Worlds []worldEntry `json:"worlds"`
}

func listWorlds(c *Control, r *call) (worldList, error) {
	worlds, err := c.DB.Worlds()
	list := worldList{Worlds: []worldEntry{}}
	for _, w := range worlds {
		entry, err := c.entryOf(r, w)
		if err != nil {
			return worldList{}, err
		}
		list.Worlds = append(list.Worlds, entry)
	}
	return list, err
}

func getWorld(c *Control, r *call) (worldEntry, error) {
	w, err := c.DB.World(r.param("name"))
	if err != nil {
		return worldEntry{}, err
	}
	return c.entryOf(r, w)
}

type deletedWorld struct {
	Leaked []leak `json:"leaked"`
}

func deleteWorld(c *Control, r *call) (deletedWorld, error) {
	name := r.param("name")
	if name == api.DefaultWorld {
		return deletedWorld{}, &Problem{Status: http.StatusConflict,
			Detail: "the world default cannot be deleted; POST /_sim/reset resets it"}
	}
	leaked, err := c.leaks(name)
	if err != nil {
		return deletedWorld{}, err
	}
	c.remove(name)
	return deletedWorld{Leaked: leaked}, nil
}

// mustJSON returns the JSON of a value that always marshals. It panics otherwise.
func mustJSON(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
