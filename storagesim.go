// Package storagesim gives a Go test a simulated world of storage: Lightbits, DMS, LucidLink and Lucidity behind one
// address, with a clock that the test moves and failures that it asks for.
//
//	func TestMyClient(t *testing.T) {
//		w := storagesim.Start(t)
//		client := mysdk.New(w.Lightbits().URL, w.Lightbits().Token("", 0), w.Client)
//		…
//	}
//
// Start returns a world of the test's own in a simulator that all tests of the binary share. The world is gone when the
// test ends, and no other test sees it, so tests may call t.Parallel. Bubble runs the simulator and the test on the
// fake clock of testing/synctest.
//
// Everything that a test asks for is checked when it asks: an unknown operation, state, status or name ends the test at
// the line that has it. The packages lightbits, dms, lucidlink and lucidity next to this one have a constant for each
// operation and delay.
//
// A test that fails has in its log the last requests of its world with the reason of each refusal, the faults that hit
// nothing, and what was left in the world. A test that passes logs nothing.
package storagesim

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

//go:generate go run ./internal/simulator/typed

// TB is what the package needs of a test. A *testing.T, *testing.B or *testing.F is one, and so is GinkgoT().
type TB interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// World is an isolated world with its own state, clock, tokens and faults. Start, Bubble and Fork return one. Its
// methods end the test if they fail, so they must be called in the goroutine of the test, as tb.Fatalf must.
type World struct {
	// Name is the name of the world in the header X-Sim-World.
	Name string
	// URL is the base URL of everything in the world. All clients can use it: the world is in its path or, with OwnPort,
	// in its port. The paths of the vendors and of the control surface follow it.
	URL string
	// Addr is the host and port of URL, for clients that take no path. With OwnPort it reaches this world; without, it
	// reaches the world of a token or of the header X-Sim-World.
	Addr string
	// TLSURL is the base URL with TLS, under the authority of CA. It has the world in its path.
	TLSURL string
	// CA is the certificate of the authority, in PEM.
	CA []byte
	// Client sends its requests to the simulator with the header X-Sim-World, trusts CA, and follows a Plan. It sends
	// requests for other hosts as they are.
	Client *http.Client

	tb        TB
	program   *program
	expected  []Expectation
	plan      atomic.Pointer[Plan] // the one that Client follows
	unhit     []*Rule
	snapshots int
}

// Start returns a new world, which is deleted when the test ends. The first call starts the simulator that all tests of
// the binary share; a later one takes less than a millisecond.
func Start(tb TB, opts ...Option) *World {
	tb.Helper()
	s := settingsOf(tb, opts)
	var p *program
	var err error
	switch {
	case s.alone:
		if p, err = newProgram(configOf(s.profile)); err == nil {
			tb.Cleanup(func() { p.close(tb) })
		}
	case s.from.program != nil:
		p = s.from.program
	default:
		p, err = sharedProgram(s.profile)
	}
	if err != nil {
		tb.Fatalf("storagesim: the simulator does not start: %v", err)
	}
	return p.newWorld(tb, s)
}

// newWorld creates a world that ends with the test.
func (p *program) newWorld(tb TB, s *settings) *World {
	tb.Helper()
	w := &World{Name: "t" + strconv.FormatUint(p.worlds.Add(1), 10), tb: tb, program: p, expected: s.expected, CA: p.ca}
	body := s.newWorld()
	body["name"] = w.Name
	var made struct{ URL string }
	w.must(http.MethodPost, "/_sim/worlds", body, &made)
	tb.Cleanup(w.end)
	w.URL, w.Addr, w.TLSURL = p.url+inWorld+w.Name, p.addr, p.tlsURL+inWorld+w.Name
	if s.ownPort {
		w.URL, w.Addr = made.URL, made.URL[len("http://"):]
	}
	w.Client = &http.Client{Transport: newCarrier(w)}
	if s.state != nil {
		w.must(http.MethodPut, "/_sim/state", s.state, nil)
	}
	return w
}

// end checks what is expected at the end of the test, reports a failed test and deletes the world.
func (w *World) end() {
	w.tb.Helper()
	defer w.Client.CloseIdleConnections()
	w.Expect(w.expected...)
	failed := w.tb.Failed()
	var r report
	if failed {
		r = w.report()
	}
	status, text := w.program.call(http.MethodDelete, "/_sim/worlds/"+w.Name, w.Name, nil)
	if status != http.StatusOK {
		w.tb.Errorf("storagesim: the world %s was not deleted: %s", w.Name, problem(text))
		return
	}
	if failed {
		r.leaks(text)
		w.tb.Logf("%s", r.text())
	}
}

// Now returns the time of the world's clock.
func (w *World) Now() time.Time {
	w.tb.Helper()
	var clock struct{ Now time.Time }
	w.must(http.MethodGet, "/_sim/clock", nil, &clock)
	return clock.Now
}
