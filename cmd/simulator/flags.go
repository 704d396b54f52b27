package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/api"
	"storagesim/internal/nearest"
	"storagesim/internal/signing"
	"storagesim/internal/simulator"
	"storagesim/internal/statemachine"
)

// settings are the values of flags and environment variables.
type settings struct {
	config    simulator.Config
	logLevel  zerolog.Level
	logFormat string
	url       string
	timeout   time.Duration
	given     map[string]bool // the options that have a value
	flagged   map[string]bool // those of them that are flags
}

func defaults() *settings {
	s := &settings{config: simulator.Default(), logLevel: zerolog.InfoLevel, logFormat: logFormats[0],
		timeout: 30 * time.Second, given: map[string]bool{}, flagged: map[string]bool{}}
	s.config.Version = versionText()
	return s
}

var logFormats = [...]string{"console", "json"}

// option is a flag and an environment variable: --tls-listen and SIM_TLS_LISTEN.
type option struct {
	name string
	form string // the form of its value in help
	doc  string
	set  func(s *settings, value string) error
}

func (o *option) variable() string {
	return "SIM_" + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
}

// dataOption is an option of serve, and of the subcommands that look for a running simulator.
//
//nolint:gochecknoglobals // a row of a table
var dataOption = option{"data", "DIR", "the data directory; without it, a temporary directory that is deleted at exit",
	func(s *settings, v string) error { s.config.Data = v; return nil }}

var serveOptions = [...]option{
	{"listen", "HOST:PORT", "HTTP listener; port 0 chooses a free port (default 127.0.0.1:8080)",
		func(s *settings, v string) error { s.config.Listen = v; return goodAddress(v) }},
	{"tls-listen", "HOST:PORT", "TLS listener; none disables it (default 127.0.0.1:8443)",
		func(s *settings, v string) error {
			if s.config.TLSListen = v; v == "" || v == "none" { // an empty environment variable counts as unset
				s.config.TLSListen = ""
				return nil
			}
			return goodAddress(v)
		}},
	{"tls-names", "NAME,…", "further names of the TLS certificate: host names, domains as *.example.com, IP addresses",
		func(s *settings, v string) error {
			s.config.TLSNames = strings.Split(strings.ToLower(v), ",")
			return nil
		}},
	{"tls-cert", "FILE", "PEM file of the TLS certificate and its chain (default: made for each name that is asked for)",
		func(s *settings, v string) error { s.config.TLSCert = v; return nil }},
	{"tls-key", "FILE", "PEM file of the key of --tls-cert",
		func(s *settings, v string) error { s.config.TLSKey = v; return nil }},
	{"world-domain", "DOMAIN",
		"a domain whose labels name worlds, as those of localhost do: t1.sim.internal (default none)",
		func(s *settings, v string) error { s.config.WorldDomain = strings.ToLower(v); return nil }},
	dataOption,
	{"seed", "N", "the seed of ids, placement and random draws (default 1)",
		func(s *settings, v string) (err error) {
			if s.config.Seed, err = strconv.ParseUint(v, 10, 64); err != nil {
				return errors.New("must be a whole number from 0 to 18446744073709551615")
			}
			return nil
		}},
	{"fixture", "NAME|FILE", "the fixture that worlds start from (default small)",
		func(s *settings, v string) error {
			if s.config.Fixture = v; v == "" {
				return errors.New("must be the name of a fixture or a file")
			}
			return nil
		}},
	{"auth", "MODE", "how credentials are checked: lenient, strict or off (default lenient)",
		func(s *settings, v string) error { s.config.Auth = v; return oneOf(v, api.AuthMode("").Names()) }},
	{"signing-key", "FILE",
		"PEM file of the RSA key that signs tokens (default: a published key, which anyone can sign with)",
		func(s *settings, v string) error { return s.readSigningKey(v) }},
	{"delays", "PROFILE", "how long operations take: instant, fast or realistic (default fast)",
		func(s *settings, v string) (err error) {
			s.config.Delays = statemachine.Profile(v)
			return oneOf(v, []string{string(statemachine.Instant), string(statemachine.Fast), string(statemachine.Realistic)})
		}},
	{"sync", "os|disk",
		"what an acknowledged change survives: os, the end of the process; disk, a power loss (default os)",
		func(s *settings, v string) error {
			s.config.SyncDisk = v == "disk"
			return oneOf(v, []string{"os", "disk"})
		}},
	{"admin-token", "TOKEN",
		"the bearer token of control calls, but for health and the like (default none: no call needs a token)",
		func(s *settings, v string) error { s.config.AdminToken = v; return nil }},
	{"admin-token-file", "FILE", "a file with the admin token, which keeps it out of the list of processes",
		func(s *settings, v string) error { return s.readAdminToken(v) }},
	{"allowed-hosts", "NAME,…",
		"further host names of the control surface, such as sim.example.com or *.example.com (default: on the loopback " +
			"localhost, names below it and IP addresses; elsewhere any)",
		func(s *settings, v string) error { s.config.AllowedHosts = list(v); return nil }},
	{"cors-origins", "ORIGIN,…",
		"origins whose web pages may call the simulator, such as http://localhost:3000, or * for any (default none)",
		func(s *settings, v string) error { s.config.CORSOrigins = list(v); return nil }},
	{"world-listen", "same|any",
		"which interfaces a world's own port may use: same, that of --listen; any (default same)",
		func(s *settings, v string) error {
			s.config.WorldListen = v
			return oneOf(v, simulator.WorldListens[:])
		}},
	{"max-worlds", "N", "the maximum number of worlds (default 1000)",
		func(s *settings, v string) (err error) {
			if s.config.MaxWorlds, err = strconv.Atoi(v); err != nil || s.config.MaxWorlds < 1 {
				return errors.New("must be a whole number above 0")
			}
			return nil
		}},
	{"max-running-workflows", "N",
		"how many workflows DMS runs at a time before it returns 429 (default: that of the fixture, 20)",
		func(s *settings, v string) (err error) {
			if s.config.MaxRunningWorkflows, err = strconv.Atoi(v); err != nil || s.config.MaxRunningWorkflows < 1 {
				return errors.New("must be a whole number above 0")
			}
			return nil
		}},
	{"federation", "on|off",
		"whether Lightbits clusters have the operations of a cluster federation (default off: they return 501)",
		func(s *settings, v string) error {
			s.config.Federation = v == "on"
			return oneOf(v, []string{"on", "off"})
		}},
	{"journal-entries", "N", "how many requests the journal keeps (default 10000)",
		func(s *settings, v string) (err error) {
			if s.config.Limits.JournalCount, err = strconv.Atoi(v); err != nil || s.config.Limits.JournalCount < 1 {
				return errors.New("must be a whole number above 0")
			}
			return nil
		}},
	{"journal-bytes", "N", "how many bytes the journal keeps (default 67108864)",
		func(s *settings, v string) (err error) {
			if s.config.Limits.JournalBytes, err = strconv.ParseInt(v, 10, 64); err != nil || s.config.Limits.JournalBytes < 1 {
				return errors.New("must be a number of bytes above 0")
			}
			return nil
		}},
	{"record", "FILE",
		"record all requests and responses to a new file, for simulator replay; the file has all secrets as sent",
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

// askOptions are the options of the subcommands that call a running simulator.
var askOptions = [...]option{
	{"url", "URL", "the simulator's URL (default: of --listen, of the simulator that serves --data, or of SIM_LISTEN)",
		func(s *settings, v string) error { s.url = v; return nil }},
	{"timeout", "DURATION", "when to give up, such as 30s (default 30s; healthcheck: 2s)",
		func(s *settings, v string) (err error) {
			if s.timeout, err = time.ParseDuration(v); err != nil || s.timeout <= 0 {
				return errors.New("must be a duration above 0, such as 30s")
			}
			return nil
		}},
	serveOptions[0], dataOption,
}

func (s *settings) readSigningKey(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	s.config.SigningKey, err = signing.Parse(text)
	return err
}

// readAdminToken reads the token from a file. White space around it does not belong to it.
func (s *settings) readAdminToken(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if s.config.AdminToken = strings.TrimSpace(string(text)); s.config.AdminToken == "" {
		return errors.New("the file is empty; it must contain the token")
	}
	return nil
}

// list splits a comma-separated list.
func list(v string) []string {
	var elements []string
	for element := range strings.SplitSeq(v, ",") {
		if element = strings.TrimSpace(element); element != "" {
			elements = append(elements, element)
		}
	}
	return elements
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

// parse reads the environment and the flags; a flag overrides its environment variable.
func parse(s *settings, options []option, args []string, getenv func(string) string) error {
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for i := range options {
		o := &options[i]
		if v := getenv(o.variable()); v != "" {
			if err := o.set(s, v); err != nil {
				return fmt.Errorf("%s=%q: %w", o.variable(), v, err)
			}
			s.given[o.name] = true
		}
		flags.Func(o.name, o.doc, func(v string) error {
			s.given[o.name], s.flagged[o.name] = true, true
			return o.set(s, v)
		})
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: ")
		if !unknown {
			return err
		}
		name = "--" + strings.TrimLeft(name, "-")
		return unknownName("unknown flag "+name, name, flagNames(options), "simulator help lists the flags")
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}

func flagNames(options []option) []string {
	names := make([]string, len(options))
	for i := range options {
		names[i] = "--" + options[i].name
	}
	return names
}

// unknownName returns the error for an unknown name, with the most similar valid one or, if none is similar, with where
// to find the valid ones.
func unknownName(text, name string, valid []string, where string) error {
	if hint := nearest.Hint(name, valid); hint != "" {
		return errors.New(text + hint)
	}
	return errors.New(text + "; " + where)
}
