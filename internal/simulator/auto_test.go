package simulator_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"

	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
	"storagesim/internal/statemachine"
)

// waiter starts timed transitions and names the reads that show them.
type waiter struct {
	kinds []string // of the rows in transient states
	start func(w *waiting) (reads []string)
}

// waiting is a world in which transitions are started. Nothing finishes there by itself: each delay is an hour or more.
type waiting struct {
	*simtest.Server
	T testing.TB
}

// do sends a request, "METHOD path" with a body, that must succeed.
func (w *waiting) do(request, body string) simtest.Response {
	method, path, _ := strings.Cut(request, " ")
	r := w.Do(method, path, body)
	require.Less(w.T, r.Status, 300, "%s %s: %s", request, body, r.Body)
	return r
}

// finish lets everything finish.
func (w *waiting) finish() { w.do("POST /_sim/clock/advance", `{"by":"1000h"}`) }

// event fires an event of a resource.
func (w *waiting) event(kind, id, event string) {
	w.do("POST /_sim/resources/"+kind+"/"+id+"/events", `{"event":"`+event+`"}`)
}

// first returns the ID of the first resource of a kind in the cluster east.
func (w *waiting) first(kind string) string {
	return w.do("GET /_sim/resources?cluster=east&limit=1&kind="+kind, "").Text(".resources[0].id")
}

// Every timed transition of every machine is started, and then read twice by each operation that shows it, in the clock
// mode auto. docs/time.md lists the operations.
func TestAuto_SecondReadOfAnythingFindsItFinished(t *testing.T) {
	covered := map[string]bool{}
	shown := map[string]map[string]bool{} // the operations that show a kind
	federated := simtest.New(t, func(c *simulator.Config) { c.Federation = true })
	fixture := filepath.Join(t.TempDir(), "four-servers.yaml")
	require.NoError(t, os.WriteFile(fixture, []byte("lightbits:\n  clusters:\n    - {name: east, servers: 4}\n"), 0o600))
	large := simtest.New(t, func(c *simulator.Config) { c.Fixture = fixture })
	for name, waiter := range lightbitsWaiters {
		s := federated
		if slices.Contains(waiter.kinds, "lightbits.migration") || strings.HasPrefix(name, "eviction") {
			s = large
		}
		t.Run(name, func(t *testing.T) { waiter.run(t, s, covered, shown) })
	}
	storage := simtest.New(t, func(c *simulator.Config) { c.Fixture = "../lucidity/testdata/fixture.yaml" })
	for name, waiter := range otherWaiters {
		s := federated
		if strings.HasPrefix(waiter.kinds[0], "lucidity.") {
			s = storage
		}
		t.Run(name, func(t *testing.T) { waiter.run(t, s, covered, shown) })
	}
	var machines struct {
		Machines []struct {
			Kind        string
			Transitions []struct{ Event, After string }
		}
	}
	federated.Must(200, "GET", "/_sim/machines", "").Into(&machines)
	for _, m := range machines.Machines {
		for _, rule := range m.Transitions {
			if rule.After != "" {
				require.True(t, covered[m.Kind+" "+rule.Event], "no read of %s waits for the event %s", m.Kind, rule.Event)
			}
		}
	}
	checkTable(t, shown)
}

// run starts the transitions in a world of their own, once for each read.
func (x *waiter) run(t *testing.T, s *simtest.Server, covered map[string]bool, shown map[string]map[string]bool) {
	s = s.For(t)
	s.Must(201, "POST", "/_sim/worlds", `{"name":"auto"}`)
	defer s.Must(200, "DELETE", "/_sim/worlds/auto", "")
	w := &waiting{Server: s.In("auto"), T: t}
	w.Header.Set("Authorization", "Bearer x")
	if strings.HasPrefix(x.kinds[0], "lucidity.") {
		w.Header.Set("Authorization", "token")
		w.Header.Set("X-Authtype", "lucidity_access_token")
	}
	w.do("PUT /_sim/clock", `{"mode":"frozen"}`)
	var delays map[string]any
	w.do("GET /_sim/delays", "").Into(&delays)
	for delay := range delays {
		delays[delay] = "2h"
	}
	text, err := json.Marshal(delays)
	require.NoError(t, err)
	w.do("PUT /_sim/delays", string(text))
	reads := x.start(w)
	w.do("PUT /_sim/checkpoints/started", "")
	require.NotEmpty(t, w.pending(x.kinds), "nothing is started")
	var advanced struct {
		Fired []struct{ Kind, Event string }
	}
	w.do("POST /_sim/clock/advance", `{"by":"100h"}`).Into(&advanced)
	for _, f := range advanced.Fired {
		if slices.Contains(x.kinds, f.Kind) {
			covered[f.Kind+" "+f.Event] = true
		}
	}
	for _, read := range reads {
		w.readTwice(x, read, shown)
	}
}

// readTwice makes a read twice in the clock mode auto, and notes the operation.
func (w *waiting) readTwice(x *waiter, read string, shown map[string]map[string]bool) {
	w.do("POST /_sim/checkpoints/started/restore", "")
	w.do("PUT /_sim/clock", `{"mode":"auto"}`)
	parts := append(strings.SplitN(read, " ", 3), "")
	for range 2 {
		w.Do(parts[0], parts[1], parts[2])
	}
	require.Empty(w.T, w.pending(x.kinds), "after two reads by %s", read)
	operation := w.do("GET /_sim/requests?limit=1", "").Text(".requests[0].operation")
	for _, kind := range x.kinds {
		if shown[kind] == nil {
			shown[kind] = map[string]bool{}
		}
		shown[kind][operation] = true
	}
}

// checkTable compares the table in docs/time.md with the operations that were found.
func checkTable(t *testing.T, shown map[string]map[string]bool) {
	const file = "../../docs/time.md"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, kind := range slices.Sorted(maps.Keys(shown)) {
		operations := "`" + strings.Join(slices.Sorted(maps.Keys(shown[kind])), "`, `") + "`"
		assert.Contains(t, string(text), "| `"+kind+"` | "+operations+" |\n", "a row is missing or wrong in %s", file)
	}
}

// pending lists the pending transitions of rows of the kinds.
func (w *waiting) pending(kinds []string) (list []string) {
	var got struct {
		Timers []struct{ Kind, ID, Event string }
	}
	w.do("GET /_sim/timers", "").Into(&got)
	for _, timer := range got.Timers {
		if slices.Contains(kinds, timer.Kind) && timer.Event != "snapshot" && timer.Event != "expire" {
			list = append(list, timer.Kind+" "+timer.ID+" "+timer.Event)
		}
	}
	return list
}

// A client that only repeats a refused write comes to an end: the second refusal lets the clock jump.
func TestAuto_RepeatedWritesSucceed(t *testing.T) {
	s := simtest.New(t, func(c *simulator.Config) { c.Delays = statemachine.Realistic })
	w := &waiting{Server: s, T: t}
	w.Header.Set("Authorization", "Bearer x")
	w.do("POST /api/v2/projects", `{"name":"acme"}`)
	w.do("PUT /_sim/clock", `{"mode":"auto"}`)
	const path = "/api/v2/projects/acme/volumes"
	id := w.do("POST "+path, `{"name":"v","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`).Text(".UUID")
	w.Must(503, "PUT", path+"/"+id, `{"size":"5 GiB"}`)
	w.Must(200, "PUT", path+"/"+id, `{"size":"5 GiB"}`)
	w.Must(503, "PUT", path+"/"+id, `{"size":"6 GiB"}`)
	w.Must(200, "PUT", path+"/"+id, `{"size":"6 GiB"}`)
	w.do("GET "+path, "")
	w.do("GET "+path, "")
	w.Must(200, "DELETE", path+"/"+id, "")
	w.Must(400, "DELETE", "/api/v2/projects/acme", "")
	w.Must(200, "DELETE", "/api/v2/projects/acme", "")
}
