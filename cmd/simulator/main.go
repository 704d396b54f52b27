// Command simulator stands in for four storage vendors' HTTP APIs. See `simulator help`.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"storagesim/internal/nearest"
)

// The exit codes of all subcommands.
const (
	exitGood   = 0
	exitError  = 1  // something went wrong
	exitFailed = 2  // an expectation failed, or a response differs from the recorded one
	exitUsage  = 64 // the command line or the environment is wrong (EX_USAGE of BSD)
)

func main() {
	ctx, stop := untilSignal()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(program(ctx))
}

// program runs the program with the arguments and the environment of the process.
func program(ctx context.Context) int {
	if err := checkVariables(os.Environ()); err != nil {
		return complain(os.Stderr, exitUsage, err)
	}
	return run(ctx, arguments(), os.Getenv, os.Stdout, os.Stderr)
}

// untilSignal returns a context that ends at the first signal to stop.
func untilSignal() (ctx context.Context, stop context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// run runs a subcommand and returns the exit code. It returns soon after the context ends.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	name := "serve"
	switch {
	case len(args) > 0 && (args[0] == "" || args[0][0] != '-'):
		name, args = args[0], args[1:]
	case len(args) > 0 && (args[0] == "--version" || args[0] == "-version"):
		name, args = "version", args[1:]
	case asksHelp(args):
		name, args = "help", nil
	}
	if name == verifyAlias {
		name = verifyName
	}
	if text, ok := helpOf(name); ok && name != lucidName && asksHelp(args) {
		say(stdout, text)
		return exitGood
	}
	switch name {
	case "serve":
		return serve(ctx, args, getenv, stdout, stderr)
	case "healthcheck":
		return healthcheck(ctx, args, getenv, stderr)
	case "wait":
		return wait(ctx, args, getenv, stderr)
	case verifyName:
		return verify(args, getenv, stdout, stderr)
	case "replay":
		return replay(ctx, args, stdout, stderr)
	case "scenario":
		return runScenario(ctx, args, getenv, stdout, stderr)
	case lucidName:
		return lucid(ctx, args, getenv, stdout, stderr)
	case "version":
		say(stdout, versionText()+"\n")
		return exitGood
	case "help":
		return showHelp(args, stdout, stderr)
	}
	return complain(stderr, exitUsage, unknownSubcommand(name))
}

// verifyName is the subcommand that checks a data directory. verifyAlias is its earlier name, which still works.
const (
	verifyName  = "verify-data"
	verifyAlias = "verify"
)

func unknownSubcommand(name string) error {
	names := subcommandNames()
	return fmt.Errorf("unknown subcommand %q%s; the subcommands are %s", name, nearest.Hint(name, names),
		strings.Join(names, ", "))
}

// showHelp prints the help of the program or, with an argument, of a subcommand.
func showHelp(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		say(stdout, help())
		return exitGood
	}
	text, ok := helpOf(args[0])
	if !ok {
		return complain(stderr, exitUsage, unknownSubcommand(args[0]))
	}
	say(stdout, text)
	return exitGood
}

// say writes text and ignores errors: the reader may be gone.
func say(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

// complain prints an error on one line and returns the exit code.
func complain(stderr io.Writer, code int, err error) int {
	say(stderr, "simulator: "+strings.ReplaceAll(err.Error(), "\n", "; ")+"\n")
	return code
}
