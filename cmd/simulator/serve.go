package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/simulator"
	"storagesim/internal/store"
)

// grace is how long requests may run after the signal to stop.
const grace = 1500 * time.Millisecond

// ready is the line on stdout with the addresses of the simulator.
type ready struct {
	HTTP  string `json:"http"`
	HTTPS string `json:"https,omitempty"`
	PID   int    `json:"pid"`
}

func serve(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s := defaults()
	if err := parse(s, serveOptions[:], args, getenv); errors.Is(err, flag.ErrHelp) {
		say(stdout, help())
		return exitGood
	} else if err != nil {
		return complain(stderr, exitUsage, err)
	}
	s.config.SeedGiven, s.config.FixtureGiven = s.given["seed"], s.given["fixture"]
	s.config.Log = logger(s, stderr)
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	go tendMemory(ctx, getenv("GOMEMLIMIT") == "")
	sim, err := simulator.New(s.config)
	if err != nil {
		return complain(stderr, exitError, err)
	}
	if err := sim.Open(); err != nil {
		return complain(stderr, exitError, errors.Join(err, sim.Close(ctx)))
	}
	line, _ := json.Marshal(ready{HTTP: sim.URL(), HTTPS: sim.TLSURL(), PID: os.Getpid()}) // strings always marshal
	if err := writeAddress(sim.Dir(), line); err != nil {
		return complain(stderr, exitError, errors.Join(err, stop(sim)))
	}
	defer removeAddress(sim.Dir(), line)
	say(stdout, string(line)+"\n")
	fixture, seed := sim.Origin()
	s.config.Log.Info().Str("http", sim.URL()).Str("https", sim.TLSURL()).Uint64("seed", seed).
		Str("fixture", fixture).Str("data", s.config.Data).Msg("serving")
	select {
	case <-ctx.Done():
	case <-sim.Stopped():
	}
	if err := stop(sim); err != nil {
		return complain(stderr, exitError, err)
	}
	return exitGood
}

// stop waits up to grace until requests have ended. After a failure of the data file, closing it may never return, so
// stop stops waiting for that after twice the grace.
func stop(sim *simulator.Simulator) error {
	failure := sim.Err()
	end, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- sim.Close(end) }()
	if failure == nil {
		return <-closed
	}
	select {
	case err := <-closed:
		if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrGone) { // it is the same failure
			failure = errors.Join(failure, err)
		}
	case <-time.After(2 * grace):
	}
	return failure
}

// verify checks a data directory and prints the result.
func verify(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s := defaults()
	if err := parse(s, serveOptions[:], args, getenv); err != nil {
		return complain(stderr, exitUsage, err)
	}
	if s.config.Data == "" {
		return complain(stderr, exitUsage, errors.New("verify-data needs --data, the directory to check"))
	}
	if err := simulator.Verify(s.config); err != nil {
		return complain(stderr, exitError, err)
	}
	say(stdout, "the data is valid: every index matches the rows\n")
	return exitGood
}

func logger(s *settings, stderr io.Writer) zerolog.Logger {
	if s.logFormat == "console" {
		stderr = zerolog.ConsoleWriter{Out: stderr, TimeFormat: time.RFC3339, NoColor: true}
	}
	return zerolog.New(stderr).Level(s.logLevel).With().Timestamp().Logger()
}
