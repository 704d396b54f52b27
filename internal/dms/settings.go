package dms

import (
	"time"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

// settings is the configuration of the service of a world.
type settings struct {
	Users      []user        `json:"users"`
	CopyRate   uint64        `json:"copyRate"` // bytes a second
	MaxRunning int           `json:"maxRunning"`
	Retention  time.Duration `json:"retention"` // of finished workflows
	Identity   uint64        `json:"identity"`  // determines the service's UUID; a fork with another seed keeps it
}

// user is a user who may log in.
type user struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

const settingsKey = "settings"

var settingsTable = store.NewTable("dms.settings",
	func(*settings) string { return settingsKey }, store.JSON[settings]())

const (
	defaultCopyRate   = 10 << 30       // assumption 122
	defaultMaxRunning = 20             // assumption 127
	defaultRetention  = 24 * time.Hour // facts/dms-lucidlink-lucidity.md 3.3
)

// settings returns the configuration of the transaction's world. A world whose stored fixture predates the table has
// the defaults.
func (s *Service) settings(tx *store.Tx) settings {
	set, err := settingsTable.Get(tx.In(""), settingsKey)
	if err != nil {
		set = defaultSettings(tx)
	}
	if s.options.MaxRunningWorkflows > 0 {
		set.MaxRunning = s.options.MaxRunningWorkflows
	}
	if own := api.SettingsOf(tx).MaxRunningWorkflows; own > 0 {
		set.MaxRunning = own
	}
	return set
}

func defaultSettings(tx *store.Tx) settings {
	return settings{
		Users: defaultUsers(), CopyRate: defaultCopyRate, MaxRunning: defaultMaxRunning, Retention: defaultRetention,
		Identity: tx.Seed(),
	}
}

// defaultUsers returns the users that the product ships with (facts/dms-lucidlink-lucidity.md 3.1).
func defaultUsers() []user { return []user{{Name: "admin", Password: "light"}} }
