package dms

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// settings is how the service of a world is set up.
type settings struct {
	Users      []user        `json:"users"`
	CopyRate   uint64        `json:"copyRate"` // bytes a second
	MaxRunning int           `json:"maxRunning"`
	Retention  time.Duration `json:"retention"` // of finished workflows
	Identity   uint64        `json:"identity"`  // the service's UUID follows from it, also in worlds forked with another seed
}

// user is one of those who may log in.
type user struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

const settingsKey = "settings"

var settingsTable = store.NewTable("dms.settings", func(*settings) string { return settingsKey }, store.JSON[settings]())

const (
	defaultCopyRate   = 10 << 30       // assumption 122
	defaultMaxRunning = 20             // assumption 127
	defaultRetention  = 24 * time.Hour // facts/dms-lucidlink-lucidity.md 3.3
)

// settings answers the setup of the transaction's world. One whose fixture was made before there was any has the
// defaults.
func (s *Service) settings(tx *store.Tx) settings {
	set, err := settingsTable.Get(tx.In(""), settingsKey)
	if err != nil {
		set = settings{
			Users: defaultUsers(), CopyRate: defaultCopyRate, MaxRunning: defaultMaxRunning, Retention: defaultRetention,
			Identity: tx.Seed(),
		}
	}
	if s.options.MaxRunningWorkflows > 0 {
		set.MaxRunning = s.options.MaxRunningWorkflows
	}
	return set
}

// defaultUsers is what the product is shipped with (facts/dms-lucidlink-lucidity.md 3.1).
func defaultUsers() []user { return []user{{Name: "admin", Password: "light"}} }

// section is the section dms of a fixture. Everything has a default.
type section struct {
	Users               *[]user `json:"users"`    // instead of admin with the password light
	CopyRate            string  `json:"copyRate"` // bytes a second, such as 500MiB
	MaxRunningWorkflows *int    `json:"maxRunningWorkflows"`
	WorkflowRetention   string  `json:"workflowRetention"` // a duration, such as 24h
}

const (
	maxUsers     = 1000
	maxRetention = 100 * 365 * 24 * time.Hour
)

// Seed sets the service of a world up from the section dms of a fixture. What is wrong is an *strict.Error.
func (s *Service) Seed(tx *store.Tx, text []byte) error {
	var in section
	if err := strict.Decode(text, &in); err != nil {
		return err
	}
	set := settings{
		Users: defaultUsers(), CopyRate: defaultCopyRate, MaxRunning: defaultMaxRunning, Retention: defaultRetention,
		Identity: tx.Seed(),
	}
	if in.Users != nil {
		set.Users = *in.Users
	}
	if err := checkUsers(set.Users); err != nil {
		return err
	}
	var err error
	if in.CopyRate != "" {
		if set.CopyRate, err = parseRate(in.CopyRate); err != nil {
			return &strict.Error{Path: "copyRate", Detail: err.Error()}
		}
	}
	if in.MaxRunningWorkflows != nil {
		if set.MaxRunning = *in.MaxRunningWorkflows; set.MaxRunning < 1 {
			return &strict.Error{Path: "maxRunningWorkflows", Detail: fmt.Sprintf("%d must be at least 1", set.MaxRunning)}
		}
	}
	if in.WorkflowRetention != "" {
		set.Retention, err = time.ParseDuration(in.WorkflowRetention)
		if err != nil || set.Retention <= 0 || set.Retention > maxRetention {
			return &strict.Error{Path: "workflowRetention",
				Detail: fmt.Sprintf("%q must be a duration above 0 and below a hundred years, such as 24h", in.WorkflowRetention)}
		}
	}
	return settingsTable.Put(tx.In(""), &set)
}

func checkUsers(users []user) error {
	if len(users) == 0 || len(users) > maxUsers {
		return &strict.Error{Path: "users", Detail: fmt.Sprintf("must be 1 to %d users", maxUsers)}
	}
	seen := map[string]bool{}
	for i, u := range users {
		at := fmt.Sprintf("users[%d].", i)
		switch {
		case u.Name == "" || strings.ContainsAny(u.Name, ":\n"):
			return &strict.Error{Path: at + "name", Detail: fmt.Sprintf("%q must be a name without a colon", u.Name)}
		case u.Password == "":
			return &strict.Error{Path: at + "password", Detail: "must be given"}
		case seen[u.Name]:
			return &strict.Error{Path: at + "name", Detail: fmt.Sprintf("another user is called %q", u.Name)}
		}
		seen[u.Name] = true
	}
	return nil
}

var rateForm = regexp.MustCompile(`^([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)$`)

var rateUnits = map[string]int64{
	"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

var errRate = errors.New(`must be bytes a second above 0, such as "500MiB" or "1.5 GB"`)

// parseRate reads bytes a second.
func parseRate(text string) (uint64, error) {
	m := rateForm.FindStringSubmatch(text)
	if m == nil {
		return 0, errRate
	}
	unit, known := rateUnits[strings.ToLower(m[2])]
	n, ok := new(big.Rat).SetString(m[1])
	if !known || !ok {
		return 0, errRate
	}
	rate, _ := n.Mul(n, new(big.Rat).SetInt64(unit)).Float64()
	if rate < 1 || rate > 1<<60 {
		return 0, errRate
	}
	return uint64(rate), nil
}
