package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"storagesim/internal/record"
	"storagesim/internal/simulator"
)

// exitDifferent is for an answer that is not as it was recorded. In this subcommand a wrong command line is exitError.
const exitDifferent = 2

// replay plays a recording against a program of its own, and says on stdout how that ended.
func replay(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 || args[0] == "" || args[0][0] == '-' {
		return complain(stderr, exitError, errors.New("replay needs one word, the file that --record has written"))
	}
	s := defaults()
	s.config.Log = logger(s, stderr)
	result, err := simulator.Replay(ctx, s.config, args[0])
	switch {
	case err != nil:
		return complain(stderr, exitError, err)
	case result.Difference != nil:
		say(stdout, difference(args[0], &result))
		return exitDifferent
	}
	if result.Cut {
		say(stderr, "simulator: the last line is not whole; what is before it was played\n")
	}
	if result.Unanswered > 0 {
		say(stderr, fmt.Sprintf("simulator: %d requests had no answer yet when the recording ended\n", result.Unanswered))
	}
	say(stdout, fmt.Sprintf("%d requests, each answered as recorded\n", result.Requests))
	return exitGood
}

// difference shows both sides of the first one.
func difference(file string, result *record.Result) string {
	d := result.Difference
	return fmt.Sprintf("%s:%d: %s %s is answered otherwise, after %d requests that were not: %s differs\n\nrecorded:\n%s\nreplayed:\n%s",
		file, d.Line, d.Request.Method, d.Request.URL, result.Requests, d.What, d.Recorded, d.Replayed)
}
