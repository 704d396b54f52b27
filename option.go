package storagesim

import (
	"maps"
	"os"
	"path/filepath"

	"storagesim/internal/statemachine"
)

// Option changes the world that Start or Bubble makes.
type Option interface{ set(s *settings) }

type option func(s *settings)

func (o option) set(s *settings) { o(s) }

// settings are the sum of the options of one world.
type settings struct {
	fixture  string
	state    []byte // of a fixture that is a file
	from     Checkpoint
	seed     *uint64
	clock    string
	delays   Delays
	profile  statemachine.Profile
	strict   bool
	ownPort  bool
	alone    bool
	expected []Expectation
	wrong    string // why the options contradict each other
}

// Fixture starts the world from a fixture: a built-in one, such as "large", or a file whose name ends in .yaml, .yml or
// .json. Without it, the world starts from the fixture "small".
func Fixture(name string) Option {
	return option(func(s *settings) { s.fixture = name })
}

// From starts the world as a fork of a checkpoint. The world of the checkpoint must still exist.
func From(cp Checkpoint) Option { return option(func(s *settings) { s.from = cp }) }

// Seed sets the seed of IDs, placement and random draws. Without it, the seed is 1 or that of the checkpoint.
func Seed(seed uint64) Option { return option(func(s *settings) { s.seed = &seed }) }

// Frozen stops the world's clock: only Advance and Until move it.
func Frozen() Option { return clock("frozen") }

// AutoClock lets the world's clock jump ahead for clients that poll: the second read of anything that is in a transient
// state finds it finished.
func AutoClock() Option { return clock("auto") }

func clock(mode string) Option {
	return option(func(s *settings) {
		if s.clock != "" && s.clock != mode {
			s.wrong = "the options Frozen and AutoClock exclude each other"
		}
		s.clock = mode
	})
}

// Delay is the name of how long something takes, such as lightbits.DelayVolumeCreate.
type Delay string

// Delays is an option that sets how long things take on the world's clock. A value has one of the forms of PUT
// /_sim/delays: a duration such as "5s", "reads:3", Held, or a distribution as JSON, such as {"uniform":["1s","3s"]}.
type Delays map[Delay]string

// Held is the value of a delay that only Release ends.
const Held = "held"

func (d Delays) set(s *settings) {
	if s.delays == nil {
		s.delays = Delays{}
	}
	maps.Copy(s.delays, d)
}

// Realistic lets everything take as long as on the product, minutes and not tenths of a second, unless Delays says
// otherwise.
func Realistic() Option { return option(func(s *settings) { s.profile = statemachine.Realistic }) }

// StrictAuth lets the vendors check credentials: only tokens of the world are accepted, within their time and role.
func StrictAuth() Option { return option(func(s *settings) { s.strict = true }) }

// OwnPort gives the world a port, for clients that know only a host and a port.
func OwnPort() Option { return option(func(s *settings) { s.ownPort = true }) }

// OwnSimulator gives the test a simulator that no other test uses, which takes some milliseconds. It is for tests that
// act on the world default, on the metrics, or on anything else that all worlds share.
func OwnSimulator() Option { return option(func(s *settings) { s.alone = true }) }

// ExpectNoLeaks fails the test if something that was created in the world exists when the test ends.
func ExpectNoLeaks() Option { return atEnd(NoLeaks()) }

// ExpectNoUnexpected fails the test if a request went to a path that no vendor has.
func ExpectNoUnexpected() Option { return atEnd(NoUnexpected()) }

func atEnd(e Expectation) Option {
	return option(func(s *settings) { s.expected = append(s.expected, e) })
}

// settingsOf returns the sum of the options. It ends the test if they contradict each other.
func settingsOf(tb TB, opts []Option) *settings {
	tb.Helper()
	s := &settings{profile: statemachine.Fast}
	for _, o := range opts {
		o.set(s)
	}
	switch {
	case s.from.program == nil:
	case s.fixture != "":
		s.wrong = "the options From and Fixture exclude each other: a world starts from one of them"
	case s.alone:
		s.wrong = "the options From and OwnSimulator exclude each other: a fork is in the simulator of its checkpoint"
	case s.profile != statemachine.Fast:
		s.wrong = "the options From and Realistic exclude each other: a fork takes the delays of its checkpoint"
	}
	if s.wrong != "" {
		tb.Fatalf("storagesim: %s", s.wrong)
	}
	switch filepath.Ext(s.fixture) {
	case ".yaml", ".yml", ".json":
		text, err := os.ReadFile(s.fixture)
		if err != nil {
			tb.Fatalf("storagesim: Fixture: %v", err)
		}
		s.fixture, s.state = "", text
	}
	return s
}

// newWorld returns the body of POST /_sim/worlds.
func (s *settings) newWorld() map[string]any {
	body := map[string]any{"tokens": false}
	if s.fixture != "" {
		body["from"] = s.fixture
	}
	if s.from.program != nil {
		body["from"] = s.from.world + "/" + s.from.name
	}
	if s.seed != nil {
		body["seed"] = *s.seed
	}
	if s.clock != "" {
		body["clock"] = map[string]string{"mode": s.clock}
	}
	if len(s.delays) > 0 {
		body["delays"] = s.delays.json()
	}
	if s.strict {
		body["auth"] = "strict"
	}
	if s.ownPort {
		body["listen"] = "127.0.0.1:0"
	}
	return body
}
