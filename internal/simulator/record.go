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

// conductor says what the wall clock shows, and who has the turn: the world outside, as far as answers depend on it.
type conductor struct {
	now     func() time.Time
	timers  func(world string, fire func())
	expire  func(remove func(wall time.Time))
	listen  func(open func() (address string, err error)) (string, error)
	handler func(next http.Handler) http.Handler
	close   func() error
	ca      []byte // that of the program that made the recording; of a replay
	tape    *record.Tape
	// inside says that scenarios may run: what they ask would be in a recording, and be asked once more when it is played.
	inside bool
}

// alone is the real world, where everything happens at once.
func alone() conductor {
	return conductor{
		now:     time.Now,
		timers:  func(_ string, fire func()) { fire() },
		expire:  func(remove func(time.Time)) { remove(time.Now()) },
		listen:  func(open func() (string, error)) (string, error) { return open() },
		handler: func(next http.Handler) http.Handler { return next },
		close:   func() error { return nil },
		inside:  true,
	}
}

// recording is the real world while a recording is made of it.
func recording(log zerolog.Logger) conductor {
	began := time.Now()
	start := began.UTC().Round(0)
	// Without the reading of the monotonic clock, an instant is the same after it was written and read.
	tape := record.New(func() time.Time { return start.Add(time.Since(began)) }, log)
	return conductor{now: tape.Now, timers: tape.Timers, expire: tape.Expire, listen: tape.Listen, handler: tape.Handler,
		close: tape.Close, tape: tape}
}

// recorded is what answers depend on of the configuration.
type recorded struct {
	Seed                uint64               `json:"seed"`
	Fixture             string               `json:"fixture"`
	FixtureText         *string              `json:"fixtureText,omitempty"` // of a fixture that is a file
	Auth                string               `json:"auth"`
	Delays              statemachine.Profile `json:"delays"`
	MaxRunningWorkflows int                  `json:"maxRunningWorkflows,omitempty"`
	Federation          bool                 `json:"federation,omitempty"`
	AdminToken          string               `json:"adminToken,omitempty"`
	MaxWorlds           int                  `json:"maxWorlds"`
	JournalEntries      int                  `json:"journalEntries"`
	JournalBytes        int64                `json:"journalBytes"`
	CA                  string               `json:"ca,omitempty"`
}

// record opens the recording, where one is wanted. It needs a program that begins with it: what lay in the data before
// would be missing in a replay (assumption 340).
func (s *Simulator) record(catalog *catalog) error {
	if s.config.Record == "" {
		return nil
	}
	if !s.fresh {
		return fmt.Errorf("record: there is data in %s from before, which would be missing in the recording; use another directory",
			filepath.Join(s.dir, fileName))
	}
	c := &s.config
	said := recorded{
		Seed: c.Seed, Fixture: catalog.own, Auth: c.Auth, Delays: c.Delays,
		MaxRunningWorkflows: c.MaxRunningWorkflows, Federation: c.Federation, AdminToken: c.AdminToken, MaxWorlds: c.MaxWorlds,
		JournalEntries: c.Limits.JournalCount, JournalBytes: c.Limits.JournalBytes,
	}
	if catalog.file != "" {
		text := string(catalog.text)
		said.FixtureText = &text
	}
	if s.identity != nil {
		said.CA = string(s.identity.ca)
	}
	return s.conductor.tape.Open(c.Record, c.Version, said, s.longestBody(), s.engine.Now)
}

// longestBody is the most that any operation reads of a body, in bytes: the longest is a world as a file.
func (s *Simulator) longestBody() int64 {
	longest := max(int64(api.DefaultMaxBody), fixture.MaxSize)
	for _, svc := range s.server.Services() {
		for i := range svc.Operations {
			longest = max(longest, svc.Operations[i].MaxBody)
		}
	}
	return longest
}

var errNoFixture = errors.New("the recording has a fixture that is neither known here nor part of it")
