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

// grace is how long requests may go on after the signal to stop.
const grace = 1500 * time.Millisecond

// ready is the line on stdout that says where the simulator is.
type ready struct {
	HTTP  string `json:"http"`
	HTTPS string `json:"https,omitempty"`
	PID   int    `json:"pid"`
}

// gcPercent lets the heap grow to five times what lives in it, some megabytes of journal, before it is collected: the
// state lies in the file, so this costs little memory and saves a tenth of the processor time (docs/performance.md).
const gcPercent = 400

func serve(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s := defaults()
	if err := parse(s, serveOptions[:], args, getenv); errors.Is(err, flag.ErrHelp) {
		say(stdout, help())
		return exitGood
	} else if err != nil {
		return complain(stderr, exitUsage, err)
	}
	s.config.Log = logger(s, stderr)
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	go giveBack(ctx)
	sim, err := simulator.New(s.config)
	if err != nil {
		return complain(stderr, exitError, err)
	}
	if err := sim.Open(); err != nil {
		return complain(stderr, exitError, errors.Join(err, sim.Close(ctx)))
	}
	line, _ := json.Marshal(ready{HTTP: sim.URL(), HTTPS: sim.TLSURL(), PID: os.Getpid()}) // strings always marshal
	say(stdout, string(line)+"\n")
	s.config.Log.Info().Str("http", sim.URL()).Str("https", sim.TLSURL()).Uint64("seed", s.config.Seed).
		Str("fixture", s.config.Fixture).Str("data", s.config.Data).Msg("serving")
	select {
	case <-ctx.Done():
	case <-sim.Stopped():
	}
	if err := stop(sim); err != nil {
		return complain(stderr, exitError, err)
	}
	return exitGood
}

// stop lets requests finish for as long as grace. Where the data has failed, bbolt may wait for ever: after the same time
// again nobody waits for it any more.
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
		if !errors.Is(err, store.ErrDamaged) { // that is the failure
			failure = errors.Join(failure, err)
		}
	case <-time.After(2 * grace):
	}
	return failure
}

// verify checks a data directory, and says so.
func verify(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s := defaults()
	if err := parse(s, serveOptions[:], args, getenv); err != nil {
		return complain(stderr, exitUsage, err)
	}
	if s.config.Data == "" {
		return complain(stderr, exitUsage, errors.New("verify needs --data, the directory to check"))
	}
	if err := simulator.Verify(s.config); err != nil {
		return complain(stderr, exitError, err)
	}
	say(stdout, "every index is as the rows say\n")
	return exitGood
}

func logger(s *settings, stderr io.Writer) zerolog.Logger {
	if s.logFormat == "console" {
		stderr = zerolog.ConsoleWriter{Out: stderr, TimeFormat: time.RFC3339, NoColor: true}
	}
	return zerolog.New(stderr).Level(s.logLevel).With().Timestamp().Logger()
}
