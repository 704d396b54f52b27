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

// section is the section dms of a fixture. Every member has a default.
type section struct {
	Users               *[]user `json:"users"`    // default: admin with the password light
	CopyRate            string  `json:"copyRate"` // bytes a second, such as 500MiB
	MaxRunningWorkflows *int    `json:"maxRunningWorkflows"`
	WorkflowRetention   string  `json:"workflowRetention"` // a duration, such as 24h
}

const (
	maxUsers     = 1000
	maxRetention = 100 * 365 * 24 * time.Hour
)

// Seed configures the service of a world from the section dms of a fixture. It returns an *strict.Error for an
// invalid section.
func (s *Service) Seed(tx *store.Tx, text []byte) error {
	var in section
	if err := strict.Decode(text, &in); err != nil {
		return err
	}
	set := defaultSettings(tx)
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
			return &strict.Error{
				Path: "maxRunningWorkflows", Detail: fmt.Sprintf("must be at least 1, not %d", set.MaxRunning),
			}
		}
	}
	if in.WorkflowRetention != "" {
		set.Retention, err = time.ParseDuration(in.WorkflowRetention)
		if err != nil || set.Retention <= 0 || set.Retention > maxRetention {
			return &strict.Error{
				Path:   "workflowRetention",
				Detail: fmt.Sprintf("%q must be above 0 and at most 876000h, such as 24h", in.WorkflowRetention),
			}
		}
	}
	return settingsTable.Put(tx.In(""), &set)
}

func checkUsers(users []user) error {
	if len(users) == 0 || len(users) > maxUsers {
		return &strict.Error{
			Path: "users", Detail: fmt.Sprintf("must have 1 to %d users, not %d", maxUsers, len(users)),
		}
	}
	seen := map[string]bool{}
	for i, u := range users {
		at := fmt.Sprintf("users[%d].", i)
		switch {
		case u.Name == "" || strings.ContainsAny(u.Name, ":\n"):
			return &strict.Error{
				Path: at + "name", Detail: fmt.Sprintf("%q must not be empty or contain a colon or line break", u.Name),
			}
		case u.Password == "":
			return &strict.Error{Path: at + "password", Detail: "must not be empty"}
		case seen[u.Name]:
			return &strict.Error{Path: at + "name", Detail: fmt.Sprintf("%q is the name of another user", u.Name)}
		}
		seen[u.Name] = true
	}
	return nil
}

var rateForm = regexp.MustCompile(`^([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)$`)

var rateUnits = map[string]int64{
	"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

var errRate = errors.New(`must be a number of bytes per second above 0, such as "500MiB" or "1.5 GB"`)

// parseRate parses a rate in bytes a second, such as "500MiB".
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
