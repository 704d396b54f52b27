package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/api"
	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
)

// Config is what a user may choose. Start from Default.
type Config struct {
	Listen    string // host:port of the HTTP listener; port 0 takes a free one
	TLSListen string // host:port of the TLS listener; empty: none
	Data      string // directory; empty: a temporary one, removed by Close
	Seed      uint64 // where ids, placement and draws come from
	Fixture   string // a name or a file
	Auth      string // lenient, strict or off
	Delays    statemachine.Profile
	// MaxRunningWorkflows is how many workflows DMS runs at a time, whatever fixtures say; 0 leaves it to them.
	MaxRunningWorkflows int
	// Federation lets the clusters answer the operations of a Lightbits cluster federation.
	Federation bool
	SyncDisk   bool // commits survive a power loss, not only the end of the process
	// SigningKey signs the tokens of the simulated services.
	SigningKey *signing.Key

	// Record is the file that a recording is written to; empty: none is made. It needs data that begins with the program.
	Record string

	AdminToken string // control calls that change something need it; empty: none do
	MaxWorlds  int
	Version    string
	Log        zerolog.Logger
	Limits     Limits
	// Vendors replaces the product's vendors; for tests of the program itself.
	Vendors []api.Vendor
}

// Limits protect the program from its clients.
type Limits struct {
	HeaderBytes       int           // of a request's header, HTTP/1.1 and HTTP/2
	ReadHeaderTimeout time.Duration // until the header is there
	ReadTimeout       time.Duration // until the whole request is there
	IdleTimeout       time.Duration // a connection without a request is closed
	Heartbeat         time.Duration // between two signs of life of a stream of events
	EventQueue        int           // events that wait for one stream that is read slowly
	JournalCount      int           // exchanges kept
	JournalBytes      int64         // bytes of exchanges kept
}

// Default is what the program does without flags.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080", TLSListen: "127.0.0.1:8443", Seed: 1, Fixture: "small", Auth: AuthModes[0],
		Delays: statemachine.Fast, SigningKey: signing.Published(), MaxWorlds: 1000, Version: "dev", Log: zerolog.Nop(),
		Limits: Limits{
			HeaderBytes: 64 << 10, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
			Heartbeat: 15 * time.Second, EventQueue: 1024, JournalCount: 10_000, JournalBytes: 64 << 20,
		},
	}
}

// AuthModes are the values of Config.Auth, the default first.
var AuthModes = [...]string{string(api.AuthLenient), string(api.AuthStrict), string(api.AuthOff)}

func (c *Config) check() error {
	if !slices.Contains(AuthModes[:], c.Auth) {
		return fmt.Errorf("auth %q: must be %s", c.Auth, strings.Join(AuthModes[:], ", "))
	}
	if c.MaxWorlds < 1 {
		return fmt.Errorf("max-worlds %d: must be at least 1", c.MaxWorlds)
	}
	if c.MaxRunningWorkflows < 0 {
		return fmt.Errorf("max-running-workflows %d: must not be negative", c.MaxRunningWorkflows)
	}
	_, err := statemachine.ParseProfile(string(c.Delays))
	return err
}
