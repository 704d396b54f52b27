package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/api"
	"storagesim/internal/fixture"
	"storagesim/internal/record"
	"storagesim/internal/statemachine"
)

// conductor controls what responses depend on outside of the program: the wall clock and the order of the requests.
type conductor struct {
	now     func() time.Time
	timers  func(world string, fire func())
	expire  func(remove func(wall time.Time))
	listen  func(open func() (address string, err error)) (string, error)
	handler func(next http.Handler) http.Handler
	close   func() error
	ca      []byte // in a replay, the CA of the recording's program
	tape    *record.Tape
	// inside reports whether scenarios may run. Their requests would be in a recording, and a replay would make them
	// twice.
	inside bool
}

// alone is the conductor of a program that neither records nor replays.
func alone() conductor {
	return conductor{
		now:     statemachine.NewWall(time.Now).Now,
		timers:  func(_ string, fire func()) { fire() },
		expire:  func(remove func(time.Time)) { remove(time.Now()) },
		listen:  func(open func() (string, error)) (string, error) { return open() },
		handler: func(next http.Handler) http.Handler { return next },
		close:   func() error { return nil },
		inside:  true,
	}
}

// recording is the conductor of a program that records.
func recording(log zerolog.Logger) conductor {
	began := time.Now()
	start := began.UTC().Round(0)
	// Without its monotonic clock reading, a time is the same after it was written and read.
	tape := record.New(func() time.Time { return start.Add(time.Since(began)) }, log)
	return conductor{now: tape.Now, timers: tape.Timers, expire: tape.Expire, listen: tape.Listen, handler: tape.Handler,
		close: tape.Close, tape: tape}
}

// recorded is the part of the configuration that responses depend on.
type recorded struct {
	Seed                uint64               `json:"seed"`
	Fixture             string               `json:"fixture"`
	FixtureText         *string              `json:"fixtureText,omitempty"` // if the fixture is a file
	Auth                string               `json:"auth"`
	Delays              statemachine.Profile `json:"delays"`
	MaxRunningWorkflows int                  `json:"maxRunningWorkflows,omitempty"`
	Federation          bool                 `json:"federation,omitempty"`
	AdminToken          string               `json:"adminToken,omitempty"`
	MaxWorlds           int                  `json:"maxWorlds"`
	JournalEntries      int                  `json:"journalEntries"`
	JournalBytes        int64                `json:"journalBytes"`
	CA                  string               `json:"ca,omitempty"`
	WorldDomain         string               `json:"worldDomain,omitempty"`
}

// record opens the recording, if there is one. The data must be new: what was there before would be missing in a replay
// (assumption 340).
func (s *Simulator) record(catalog *catalog) error {
	if s.config.Record == "" {
		return nil
	}
	if !s.fresh {
		return fmt.Errorf("record: %s has data already, which would be missing in the recording; use another directory",
			filepath.Join(s.dir, fileName))
	}
	c := &s.config
	settings := recorded{
		Seed: c.Seed, Fixture: catalog.own, Auth: c.Auth, Delays: c.Delays,
		MaxRunningWorkflows: c.MaxRunningWorkflows, Federation: c.Federation, AdminToken: c.AdminToken,
		MaxWorlds: c.MaxWorlds, JournalEntries: c.Limits.JournalCount, JournalBytes: c.Limits.JournalBytes,
		WorldDomain: c.WorldDomain,
	}
	if catalog.file != "" {
		text := string(catalog.text)
		settings.FixtureText = &text
	}
	if s.identity != nil {
		settings.CA = string(s.identity.ca)
	}
	return s.conductor.tape.Open(c.Record, c.Version, settings, s.longestBody(), s.engine.Now)
}

// longestBody is the longest request body that any operation reads, in bytes. The longest is a world as a file.
func (s *Simulator) longestBody() int64 {
	longest := max(int64(api.DefaultMaxBody), fixture.MaxSize)
	for _, svc := range s.server.Services() {
		for i := range svc.Operations {
			longest = max(longest, svc.Operations[i].MaxBody)
		}
	}
	return longest
}

var errNoFixture = errors.New("the recording uses a built-in fixture that this version of the program does not have")
