// Command simulator stands in for four storage vendors' HTTP APIs. `simulator help` says how.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

// The exit codes.
const (
	exitGood  = 0
	exitError = 1 // something went wrong
	exitUsage = 2 // the command line or the environment is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the whole program: it ends when the subcommand does, or soon after the context.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	name := "serve"
	if len(args) > 0 && (args[0] == "" || args[0][0] != '-') {
		name, args = args[0], args[1:]
	}
	switch name {
	case "serve":
		return serve(ctx, args, getenv, stdout, stderr)
	case "healthcheck":
		return healthcheck(ctx, args, getenv, stderr)
	case "wait":
		return wait(ctx, args, getenv, stderr)
	case "version":
		fmt.Fprintln(stdout, version)
		return exitGood
	case "help":
		fmt.Fprint(stdout, help())
		return exitGood
	}
	fmt.Fprintf(stderr, "simulator: %q is no subcommand; there are: serve, healthcheck, wait, version, help\n", name)
	return exitUsage
}
