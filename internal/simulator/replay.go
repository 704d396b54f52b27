package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"storagesim/fixtures"
	"storagesim/internal/record"
)

// Replay replays a recording against a new program without listeners, on temporary data. It uses Log, Version and
// Vendors of the configuration, and the recording's settings for the rest. It returns an error if the recording is
// invalid.
func Replay(ctx context.Context, config Config, path string) (result record.Result, err error) {
	file, err := os.Open(path)
	if err != nil {
		return result, err
	}
	defer func() { _ = file.Close() }() // it was only read
	player, err := record.NewPlayer(file)
	if err != nil {
		return result, fmt.Errorf("%s: %w", path, err)
	}
	if player.Header.Program != config.Version {
		config.Log.Warn().Str("recorded", player.Header.Program).Str("this", config.Version).
			Msg("the recording was made by another version, which may be the cause of a difference")
	}
	s, err := fromRecording(config, player)
	if err != nil {
		return result, fmt.Errorf("%s: %w", path, err)
	}
	s.ready = true
	result, err = player.Play(ctx, record.Program{
		Handler: s.handler, Timers: s.engine.FireDue,
		Expire: func(wall time.Time) { _, _ = s.control.Expire(wall) }, // a difference will show
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return result, errors.Join(err, s.Close(ctx))
}

// fromRecording builds the program with the settings of a recording.
func fromRecording(config Config, player *record.Player) (*Simulator, error) {
	var settings recorded
	if err := json.Unmarshal(player.Header.Config, &settings); err != nil {
		return nil, fmt.Errorf("the configuration in the recording: %w", err)
	}
	c := Default()
	c.Log, c.Vendors, c.Version, c.TLSListen = config.Log, config.Vendors, player.Header.Program, ""
	c.Seed, c.Fixture, c.Auth, c.Delays = settings.Seed, settings.Fixture, settings.Auth, settings.Delays
	c.MaxRunningWorkflows, c.Federation = settings.MaxRunningWorkflows, settings.Federation
	c.AdminToken, c.MaxWorlds, c.WorldDomain = settings.AdminToken, settings.MaxWorlds, settings.WorldDomain
	c.Limits.JournalCount, c.Limits.JournalBytes = settings.JournalEntries, settings.JournalBytes
	if err := c.check(); err != nil {
		return nil, err
	}
	if settings.FixtureText == nil && !slices.Contains(fixtures.Names(), settings.Fixture) {
		return nil, errNoFixture
	}
	catalog := &catalog{own: settings.Fixture}
	if settings.FixtureText != nil {
		catalog.file, catalog.text = settings.Fixture, []byte(*settings.FixtureText)
	}
	s := &Simulator{
		config: c, own: map[string]*port{}, expiring: make(chan time.Time, 1), stopped: make(chan struct{}),
		cancel: func() {},
	}
	s.conductor = conductor{
		now: player.Now, listen: player.Listen, timers: alone().timers, expire: alone().expire, close: alone().close,
		handler: func(next http.Handler) http.Handler { return next },
	}
	if settings.CA != "" {
		s.conductor.ca = []byte(settings.CA)
	}
	return s, s.make(catalog)
}
