package simulator

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/api"
	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
)

// Config holds the settings of a simulator. Default returns the usual ones.
type Config struct {
	Listen    string // host:port of the HTTP listener; port 0 selects a free port
	TLSListen string // host:port of the TLS listener; empty: no TLS
	// TLSNames are further names of the TLS certificate: host names, domains as *.domain, and IP addresses.
	TLSNames []string
	// TLSCert and TLSKey are PEM files of a certificate and its key, used instead of certificates of the program's own
	// authority.
	TLSCert, TLSKey string
	// WorldDomain is a domain, such as sim.internal, whose labels name worlds as those of localhost do; empty: none.
	WorldDomain string
	Data        string // data directory; empty: a temporary one that Close removes
	Seed        uint64 // determines ids, placement and random choices
	Fixture     string // name of a built-in fixture, or path of a file
	// SeedGiven and FixtureGiven report that the user chose the value. Data that was made from another one is then
	// refused; otherwise the value of the data is used.
	SeedGiven, FixtureGiven bool
	Auth                    string // lenient, strict or off
	Delays                  statemachine.Profile
	// MaxRunningWorkflows is how many DMS workflows run at the same time. It overrides the fixture; 0 does not.
	MaxRunningWorkflows int
	// Federation enables the operations of a Lightbits cluster federation.
	Federation bool
	SyncDisk   bool // commits survive a power loss, not only the end of the process
	// SigningKey signs the tokens of the simulated services.
	SigningKey *signing.Key

	// Record is the path of the recording to write; empty: no recording. Recording requires a new data directory.
	Record string

	AdminToken string // required for control calls other than those whose Row is Open; empty: not required
	// AllowedHosts are further names by which the control surface may be called: host names, and *.example.com for all
	// names below example.com. If there are any, the names are checked on every listener, otherwise on the loopback.
	AllowedHosts []string
	// CORSOrigins are the origins of web pages that may call the simulator, such as http://localhost:3000; "*" is any.
	CORSOrigins []string
	// WorldListen is one of WorldListens.
	WorldListen string
	MaxWorlds   int
	Version     string
	Log         zerolog.Logger
	Limits      Limits
	// Bind opens the listener of an address, whose Addr must be a *net.TCPAddr; nil: a TCP listener.
	Bind func(address string) (net.Listener, error)
	// Vendors replaces the product's vendors, for tests of the program itself.
	Vendors []api.Vendor
}

// Limits bounds what clients can consume.
type Limits struct {
	HeaderBytes       int           // size of a request's header, HTTP/1.1 and HTTP/2
	ReadHeaderTimeout time.Duration // time to read a request's header
	ReadTimeout       time.Duration // time to read a whole request
	WriteTimeout      time.Duration // time in which a client must take each 64 KiB of a response
	IdleTimeout       time.Duration // time after which an idle connection is closed
	Heartbeat         time.Duration // time between two comments on an idle event stream
	EventQueue        int           // events queued for one stream whose client reads slowly
	JournalCount      int           // exchanges that the journal keeps
	JournalBytes      int64         // bytes of exchanges that the journal keeps
}

// Default returns the settings of a program without flags.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080", TLSListen: "127.0.0.1:8443", Seed: 1, Fixture: "small", Auth: string(api.AuthLenient),
		Delays: statemachine.Fast, WorldListen: WorldListens[0], SigningKey: signing.Published(), MaxWorlds: 1000,
		Version: "dev", Log: zerolog.Nop(),
		Limits: Limits{
			HeaderBytes: 64 << 10, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
			WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, Heartbeat: 15 * time.Second, EventQueue: 1024,
			JournalCount: 10_000, JournalBytes: 64 << 20,
		},
	}
}

// WorldListens are the values of Config.WorldListen, the default first: a world's own port is on the interface of
// Listen, or on any.
var WorldListens = [...]string{"same", "any"}

func (c *Config) check() error {
	if modes := api.AuthMode("").Names(); !slices.Contains(modes, c.Auth) {
		return fmt.Errorf("auth %q: must be one of %s", c.Auth, strings.Join(modes, ", "))
	}
	if !slices.Contains(WorldListens[:], c.WorldListen) {
		return fmt.Errorf("world-listen %q: must be one of %s", c.WorldListen, strings.Join(WorldListens[:], ", "))
	}
	if err := errors.Join(checkHosts(c.AllowedHosts), checkOrigins(c.CORSOrigins)); err != nil {
		return err
	}
	if c.MaxWorlds < 1 {
		return fmt.Errorf("max-worlds %d: must be at least 1", c.MaxWorlds)
	}
	if c.MaxRunningWorkflows < 0 {
		return fmt.Errorf("max-running-workflows %d: must not be negative", c.MaxRunningWorkflows)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("tls-cert and tls-key: must be given together, as PEM files of a certificate and its key")
	}
	for _, name := range c.TLSNames {
		if err := checkTLSName(name); err != nil {
			return fmt.Errorf("tls-names: %w", err)
		}
	}
	if c.WorldDomain != "" {
		if err := checkTLSName(c.WorldDomain); err != nil || strings.Contains(c.WorldDomain, "*") {
			return fmt.Errorf("world-domain %q: must be a lower-case domain, such as sim.internal", c.WorldDomain)
		}
	}
	_, err := statemachine.ParseProfile(string(c.Delays))
	return err
}
