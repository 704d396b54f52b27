package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/simulator"
	"storagesim/internal/statemachine"
)

// settings are what flags and environment say.
type settings struct {
	config    simulator.Config
	logLevel  zerolog.Level
	logFormat string
	url       string
	timeout   time.Duration
}

func defaults() *settings {
	s := &settings{config: simulator.Default(), logLevel: zerolog.InfoLevel, logFormat: logFormats[0], timeout: 30 * time.Second}
	s.config.Version = version
	return s
}

var logFormats = [...]string{"console", "json"}

// option is a flag and an environment variable: --tls-listen and SIM_TLS_LISTEN.
type option struct {
	name string
	form string // what help shows as its value
	doc  string
	set  func(s *settings, value string) error
}

func (o *option) variable() string {
	return "SIM_" + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
}

var serveOptions = [...]option{
	{"listen", "HOST:PORT", "HTTP listener; port 0 takes a free one (default 127.0.0.1:8080)",
		func(s *settings, v string) error { s.config.Listen = v; return goodAddress(v) }},
	{"tls-listen", "HOST:PORT", "TLS listener; empty or none: none (default 127.0.0.1:8443)",
		func(s *settings, v string) error {
			if s.config.TLSListen = v; v == "" || v == "none" { // an empty variable is one that is not set
				s.config.TLSListen = ""
				return nil
			}
			return goodAddress(v)
		}},
	{"data", "DIR", "where everything is kept; empty: a temporary directory, removed at exit (default empty)",
		func(s *settings, v string) error { s.config.Data = v; return nil }},
	{"seed", "N", "where ids, placement and draws come from (default 1)",
		func(s *settings, v string) (err error) {
			if s.config.Seed, err = strconv.ParseUint(v, 10, 64); err != nil {
				return errors.New("must be a whole number from 0 to 18446744073709551615")
			}
			return nil
		}},
	{"fixture", "NAME|FILE", "the world to start from (default small)",
		func(s *settings, v string) error {
			if s.config.Fixture = v; v == "" {
				return errors.New("must be a name or a file")
			}
			return nil
		}},
	{"auth", "MODE", "how callers are checked: lenient, strict or off (default lenient)",
		func(s *settings, v string) error { s.config.Auth = v; return oneOf(v, simulator.AuthModes[:]) }},
	{"delays", "PROFILE", "how long things take: instant, fast or realistic (default fast)",
		func(s *settings, v string) (err error) {
			s.config.Delays = statemachine.Profile(v)
			return oneOf(v, []string{string(statemachine.Instant), string(statemachine.Fast), string(statemachine.Realistic)})
		}},
	{"sync", "os|disk", "what an acknowledged change survives: the end of the process, or a power loss (default os)",
		func(s *settings, v string) error {
			s.config.SyncDisk = v == "disk"
			return oneOf(v, []string{"os", "disk"})
		}},
	{"admin-token", "TOKEN", "control calls that change something need it as a bearer token (default none)",
		func(s *settings, v string) error { s.config.AdminToken = v; return nil }},
	{"max-worlds", "N", "how many worlds there may be (default 1000)",
		func(s *settings, v string) (err error) {
			if s.config.MaxWorlds, err = strconv.Atoi(v); err != nil || s.config.MaxWorlds < 1 {
				return errors.New("must be a whole number above zero")
			}
			return nil
		}},
	{"max-running-workflows", "N", "how many workflows DMS runs at a time before it answers 429 (default: the fixture's, 20)",
		func(s *settings, v string) (err error) {
			if s.config.MaxRunningWorkflows, err = strconv.Atoi(v); err != nil || s.config.MaxRunningWorkflows < 1 {
				return errors.New("must be a whole number above zero")
			}
			return nil
		}},
	{"federation", "on|off", "whether Lightbits clusters answer the operations of a cluster federation (default off: 501)",
		func(s *settings, v string) error {
			s.config.Federation = v == "on"
			return oneOf(v, []string{"on", "off"})
		}},
	{"journal-entries", "N", "how many exchanges GET /_sim/requests remembers (default 10000)",
		func(s *settings, v string) (err error) {
			if s.config.Limits.JournalCount, err = strconv.Atoi(v); err != nil || s.config.Limits.JournalCount < 1 {
				return errors.New("must be a whole number above zero")
			}
			return nil
		}},
	{"journal-bytes", "N", "how many bytes they may have together (default 67108864)",
		func(s *settings, v string) (err error) {
			if s.config.Limits.JournalBytes, err = strconv.ParseInt(v, 10, 64); err != nil || s.config.Limits.JournalBytes < 1 {
				return errors.New("must be a whole number of bytes above zero")
			}
			return nil
		}},
	{"record", "FILE", "write all requests and answers to a new file, for simulator replay; it holds every secret as it was sent (default none)",
		func(s *settings, v string) error { s.config.Record = v; return nil }},
	{"log-level", "LEVEL", "trace, debug, info, warn, error or disabled (default info)",
		func(s *settings, v string) (err error) {
			if err := oneOf(v, logLevelNames[:]); err != nil {
				return err
			}
			s.logLevel, err = zerolog.ParseLevel(v)
			return err
		}},
	{"log-format", "FORMAT", "console or json (default console)",
		func(s *settings, v string) error { s.logFormat = v; return oneOf(v, logFormats[:]) }},
}

var logLevelNames = [...]string{"trace", "debug", "info", "warn", "error", "disabled"}

// askOptions are those of the subcommands that ask a running simulator.
var askOptions = [...]option{
	{"url", "URL", "the simulator's address (default: what --listen or SIM_LISTEN say)",
		func(s *settings, v string) error { s.url = v; return nil }},
	{"timeout", "DURATION", "when to give up, such as 30s (default 30s; healthcheck: 2s)",
		func(s *settings, v string) (err error) {
			if s.timeout, err = time.ParseDuration(v); err != nil || s.timeout <= 0 {
				return errors.New("must be a duration above zero such as 30s")
			}
			return nil
		}},
	serveOptions[0],
}

func oneOf(v string, valid []string) error {
	if slices.Contains(valid, v) {
		return nil
	}
	return fmt.Errorf("must be %s or %s", strings.Join(valid[:len(valid)-1], ", "), valid[len(valid)-1])
}

func goodAddress(v string) error {
	_, port, err := net.SplitHostPort(v)
	if n, convErr := strconv.ParseUint(port, 10, 16); err != nil || convErr != nil || n > 65535 {
		return errors.New("must be host:port with a port from 0 to 65535, such as 127.0.0.1:8080")
	}
	return nil
}

// parse reads environment and flags, the latter winning. Its error says which one is wrong and what would be right.
func parse(s *settings, options []option, args []string, getenv func(string) string) error {
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for i := range options {
		o := &options[i]
		if v := getenv(o.variable()); v != "" {
			if err := o.set(s, v); err != nil {
				return fmt.Errorf("%s=%q: %w", o.variable(), v, err)
			}
		}
		flags.Func(o.name, o.doc, func(v string) error { return o.set(s, v) })
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return fmt.Errorf("%w; the flags are %s", err, flagNames(options))
	case flags.NArg() > 0:
		return fmt.Errorf("%q is one word too many", flags.Arg(0))
	}
	return nil
}

func flagNames(options []option) string {
	names := make([]string, len(options))
	for i := range options {
		names[i] = "--" + options[i].name
	}
	return strings.Join(names, " ")
}

func help() string {
	var b strings.Builder
	b.WriteString(`simulator stands in for four storage vendors' HTTP APIs.

  simulator [serve] [flags]        serve until SIGTERM; one JSON line on stdout says where
  simulator healthcheck [--url U]  exit 0 when a simulator is ready
  simulator wait [--url U] [--timeout D]
                                   wait until a simulator is ready
  simulator verify --data DIR      check every index of a data directory that no simulator has open
  simulator replay FILE            play what --record wrote, and compare the answers: exit 0 when they are the same
                                   byte for byte, 2 at the first difference, which is shown, 1 on anything else
  simulator scenario run FILE|NAME [--url U] [--junit FILE]
                                   stage a failure; exit 0 good, 2 an expectation failed, 1 anything else
  simulator scenario check FILE    only look whether it is right;  scenario list: those that come with the program
  simulator lucid COMMAND …        LucidLink's command-line client; so is the binary under the name lucid
  simulator version
  simulator help

Each flag is also an environment variable; the flag wins.

`)
	for i := range serveOptions {
		o := &serveOptions[i]
		fmt.Fprintf(&b, "  --%-24s %-17s %s\n", o.name+" "+o.form, o.variable(), o.doc)
	}
	b.WriteString("\nFor healthcheck and wait:\n\n")
	for i := range askOptions {
		o := &askOptions[i]
		fmt.Fprintf(&b, "  --%-24s %-17s %s\n", o.name+" "+o.form, o.variable(), o.doc)
	}
	return b.String()
}
