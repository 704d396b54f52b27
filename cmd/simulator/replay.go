package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"storagesim/internal/record"
	"storagesim/internal/redact"
	"storagesim/internal/simulator"
)

// replay replays a recording and prints the result.
func replay(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 || args[0] == "" || args[0][0] == '-' {
		return complain(stderr, exitUsage, errors.New("replay needs one argument: a file that --record has written"))
	}
	if _, err := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) {
		return complain(stderr, exitUsage, err)
	}
	s := defaults()
	s.config.Log = logger(s, stderr)
	result, err := simulator.Replay(ctx, s.config, args[0])
	switch {
	case err != nil:
		return complain(stderr, exitError, err)
	case result.Difference != nil:
		say(stdout, difference(args[0], &result))
		return exitFailed
	}
	if result.Cut {
		say(stderr, "simulator: the last line is incomplete; the lines before it were replayed\n")
	}
	if result.Unanswered > 0 {
		say(stderr, fmt.Sprintf("simulator: %d requests had no response yet when the recording ended\n", result.Unanswered))
	}
	say(stdout, fmt.Sprintf("%d requests, each with the recorded response\n", result.Requests))
	return exitGood
}

// difference describes the first difference.
func difference(file string, result *record.Result) string {
	d := result.Difference
	return fmt.Sprintf("%s:%d: the response to %s %s differs, after %d requests with the recorded response: %s\n\n"+
		"recorded:\n%s\nreplayed:\n%s",
		file, d.Line, d.Request.Method, redact.URL(d.Request.URL), result.Requests, d.What, d.Recorded, d.Replayed)
}
