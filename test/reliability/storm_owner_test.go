package reliability

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

// begin begins a life with the control requests in calls. Each of them must succeed.
func (w *stormWorld) begin(from []life, d startClock, calls ...[3]string) {
	next := w.begun.Load() + 1
	w.mu.Lock()
	w.origins[next], w.how[next], w.dials[next] = from, calls[len(calls)-1][1], d
	w.mu.Unlock()
	w.begun.Store(next)
	for _, call := range calls {
		world := w.name
		if strings.HasPrefix(call[1], "/_sim/worlds") {
			world = ""
		}
		a, err := program.Call(w.storm.client, call[0], w.storm.p.HTTP+call[1], world, call[2])
		if err != nil || a.Status >= 300 {
			w.storm.Errorf("%s %s in %s returned %d %s %v", call[0], call[1], w.name, a.Status, a.Text, err)
		}
	}
	w.done.Store(next)
	w.storm.count("lives", 1)
}

// create creates the world with one of the clocks, which it returns.
func (w *stormWorld) create(c *rand.Rand, before ...[3]string) startClock {
	d := startClock{frozen: c.IntN(2) == 0, base: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	clock := `{"mode":"frozen","now":"2030-01-01T00:00:00Z"}`
	if !d.frozen {
		clock = []string{`{"mode":"real","rate":60}`, `{"mode":"auto"}`}[c.IntN(2)]
	}
	body := fmt.Sprintf(`{"name":%q,"clock":%s}`, w.name, clock)
	w.begin(nil, d, append(before, [3]string{http.MethodPost, "/_sim/worlds", body})...)
	return d
}

// rule begins one life of the world after the other. Some requests are held back by a fault over the beginning.
func (w *stormWorld) rule(c *rand.Rand) {
	start, startAt := []life(nil), w.dials[1] // what a reset returns to
	for n := 0; time.Now().Before(w.storm.until) && !w.storm.Failed(); n++ {
		<-time.After(time.Duration(c.IntN(300)) * time.Millisecond)
		mark := fmt.Sprint(w.name, "-c", n)
		now := life{w.name, w.done.Load()}
		at := reading{}
		must(w.storm.T, w.storm.p, 200, http.MethodPut, "/_sim/checkpoints/"+mark, w.name, "", &at)
		w.mu.Lock()
		there := startClock{w.dials[now.number].frozen, at.Now}
		w.mu.Unlock()
		w.storm.mu.Lock()
		w.storm.marks[mark] = now
		w.storm.mu.Unlock()
		trapped := func() {}
		if c.IntN(3) == 0 {
			trapped = w.trap(c)
		}
		switch c.IntN(5) {
		case 0:
			w.begin(start, startAt, [3]string{http.MethodPost, "/_sim/reset", ""})
		case 1:
			w.begin([]life{now}, there, [3]string{http.MethodPost, "/_sim/checkpoints/" + mark + "/restore", ""})
		case 2:
			start, startAt = nil, startClock{}
			w.begin(nil, startClock{}, [3]string{http.MethodPut, "/_sim/state", `{"lightbits":{"clusters":[{"name":"east"}]}}`})
			w.begin(nil, startClock{}, [3]string{http.MethodPost, "/_sim/reset", `{"to":"small"}`})
		case 3:
			w.forget()
			start, startAt = nil, w.create(c, [3]string{http.MethodDelete, "/_sim/worlds/" + w.name, ""})
		case 4:
			start, startAt = []life{now}, there
			w.moveOver(mark, now, there)
		}
		trapped()
	}
}

// forget forgets the world's checkpoints, which go with it.
func (w *stormWorld) forget() {
	w.storm.mu.Lock()
	defer w.storm.mu.Unlock()
	for mark, of := range w.storm.marks {
		if of.world == w.name {
			delete(w.storm.marks, mark)
		}
	}
}

// moveOver replaces the world by a fork of a fork of itself.
func (w *stormWorld) moveOver(mark string, now life, d startClock) {
	other := w.name + "-fork"
	must(w.storm.T, w.storm.p, 201, http.MethodPost, "/_sim/worlds", w.name,
		fmt.Sprintf(`{"name":%q,"from":%q}`, other, mark), nil)
	must(w.storm.T, w.storm.p, 200, http.MethodPut, "/_sim/checkpoints/back", other, "", nil)
	w.forget()
	next := w.begun.Load() + 1
	w.mu.Lock()
	w.origins[next], w.how[next], w.dials[next] = []life{now}, "a fork of a fork", d
	w.mu.Unlock()
	w.begun.Store(next)
	must(w.storm.T, w.storm.p, 200, http.MethodDelete, "/_sim/worlds/"+w.name, "", "", nil)
	must(w.storm.T, w.storm.p, 201, http.MethodPost, "/_sim/worlds", other,
		fmt.Sprintf(`{"name":%q,"from":"back"}`, w.name), nil)
	w.done.Store(next)
	w.storm.count("lives", 1)
	must(w.storm.T, w.storm.p, 200, http.MethodDelete, "/_sim/worlds/"+other, "", "", nil)
}

// trap sends a request that a fault delays beyond the world's next life. The returned function requires that the
// request was refused. Its volume must not be seen anywhere.
func (w *stormWorld) trap(c *rand.Rand) func() {
	id := fmt.Sprintf("trap-%08x", c.Uint32())
	must(w.storm.T, w.storm.p, 201, http.MethodPost, "/_sim/faults", w.name, fmt.Sprintf(
		`{"id":%q,"match":{"operation":"lightbits.CreateVolume","header":{"X-Trap":%q}},"effect":{"latency":"1h"}}`, id, id), nil)
	ended := make(chan int, 1)
	go func() {
		a, _, _ := w.ask(http.MethodPost, volumesPath, newVolume(id), "X-Trap", id)
		ended <- a.Status
	}()
	deadline := time.Now().Add(time.Minute)
	for !w.journalHasOpen(id) {
		if time.Now().After(deadline) {
			w.storm.Errorf("the delayed request %s of %s is not in the journal", id, w.name)
			return func() {}
		}
		<-time.After(10 * time.Millisecond)
	}
	return func() {
		select {
		case status := <-ended:
			require.Contains(w.storm, []int{404, 409}, status, "%s, delayed over the end of a life of %s", id, w.name)
			w.storm.count("traps", 1)
		case <-time.After(time.Minute):
			w.storm.Errorf("%s, delayed over the end of a life of %s, has no response", id, w.name)
		}
	}
}

// exchange is an entry of the journal.
type exchange struct {
	ID     string
	World  string
	URL    string
	Open   bool
	Header map[string][]string
}

func (w *stormWorld) journal() (list []exchange, ran span) {
	a, ran, _ := w.ask(http.MethodGet, "/_sim/requests", "")
	var page struct{ Requests []exchange }
	if a.Status == 200 {
		require.NoError(w.storm, json.Unmarshal([]byte(a.Text), &page))
	}
	return page.Requests, ran
}

func (w *stormWorld) journalHasOpen(trap string) bool {
	list, _ := w.journal()
	return slices.ContainsFunc(list, func(e exchange) bool {
		return e.Open && slices.Equal(e.Header["X-Trap"], []string{trap})
	})
}
