package reliability

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

const gib = 1 << 30

// holding is what a client knows of a thing of its own: the acknowledged state, and the state that it would have after the
// one request whose answer never came. Absent is the state of what was never made or was deleted.
type holding struct {
	uuid    string
	size    int // GiB; absent: 0
	pending int // the same, after the open request; -1: none is open
}

const nothingOpen = -1

// client makes requests one after the other about things that only it names, so that it knows what must be there.
type client struct {
	http   *http.Client
	p      *program.Program
	random *rand.Rand
	name   string
	next   int

	volumes     map[string]*holding
	snapshots   map[string]*holding // size 1: there
	checkpoints map[string]*holding
	worlds      map[string]*fork
	now         time.Time // the greatest instant that an advance was answered with
	done        map[string]int
	refused     int
}

// fork is a world of the client's own, and the volumes of its own that are in it.
type fork struct {
	holding

	content map[string]int
	checked bool
}

func newClient(name string) *client {
	return &client{name: name, volumes: map[string]*holding{}, snapshots: map[string]*holding{}, checkpoints: map[string]*holding{},
		worlds: map[string]*fork{}, done: map[string]int{}}
}

func (c *client) fresh(kind string) string {
	c.next++
	return c.name + "-" + kind + strconv.Itoa(c.next)
}

// ask sends a request that would bring h to the state pending. It answers false when the process is gone; then the request
// stays open. A refusal changes nothing.
func (c *client) ask(what string, h *holding, pending int, method, path, body string) (answer program.Answer, alive bool, err error) {
	h.pending = pending
	a, err := program.Call(c.http, method, c.p.HTTP+path, "", body)
	if err != nil {
		return a, false, nil
	}
	switch {
	case a.Status < 300:
		h.size = pending
		c.done[what]++
	case a.Status == 503, a.Status == 409 && what == "snapshot": // the volume is in a temporary state
		c.refused++
	default:
		err = fmt.Errorf("%s %s answered %d %s", method, path, a.Status, a.Text)
	}
	h.pending = nothingOpen
	return a, true, err
}

// any answers a thing of the client's own that is there, in no particular order but the same for the same seed.
func (c *client) any(things map[string]*holding) (string, *holding) {
	best, rank := "", uint64(0)
	salt := c.random.Uint64()
	for name, h := range things {
		if h.size == 0 {
			continue
		}
		hash := salt
		for _, b := range []byte(name) {
			hash = (hash ^ uint64(b)) * 1099511628211
		}
		if best == "" || hash < rank {
			best, rank = name, hash
		}
	}
	return best, things[best]
}

// step makes one request, or two where the second needs the first.
func (c *client) step() (alive bool, err error) {
	draw := c.random.IntN(100)
	name, v := c.any(c.volumes)
	switch {
	case draw < 40 || v == nil:
		return c.create()
	case draw < 60:
		size := v.size + 1
		_, alive, err = c.ask("update", v, size, http.MethodPut, volumesPath+"/"+v.uuid, fmt.Sprintf(`{"size":"%d GiB"}`, size))
	case draw < 75:
		_, alive, err = c.ask("delete", v, 0, http.MethodDelete, volumesPath+"/"+v.uuid, "")
	case draw < 88:
		snapshot := c.fresh("s")
		c.snapshots[snapshot] = &holding{}
		body := `{"name":"` + snapshot + `","sourceVolumeName":"` + name + `"}`
		_, alive, err = c.ask("snapshot", c.snapshots[snapshot], 1, http.MethodPost, "/api/v2/projects/default/snapshots", body)
	case draw < 90:
		return c.checkpoint()
	default:
		return c.advance()
	}
	return alive, err
}

func (c *client) create() (bool, error) {
	name := c.fresh("v")
	h := &holding{}
	c.volumes[name] = h
	a, alive, err := c.ask("create", h, 1, http.MethodPost, volumesPath, newVolume(name))
	if !alive || err != nil {
		return alive, err
	}
	var made volume
	err = json.Unmarshal([]byte(a.Text), &made)
	h.uuid = made.UUID
	return true, err
}

// checkpoint keeps the present, makes a world of it, and now and then deletes one.
func (c *client) checkpoint() (bool, error) {
	name := c.fresh("c")
	c.checkpoints[name] = &holding{}
	if _, alive, err := c.ask("checkpoint", c.checkpoints[name], 1, http.MethodPut, "/_sim/checkpoints/"+name, ""); !alive || err != nil {
		return alive, err
	}
	world := c.fresh("w")
	f := &fork{content: map[string]int{}}
	for name, v := range c.volumes {
		f.content[name] = v.size
	}
	c.worlds[world] = f
	if _, alive, err := c.ask("fork", &f.holding, 1, http.MethodPost, "/_sim/worlds", `{"name":"`+world+`","from":"`+name+`"}`); !alive || err != nil {
		return alive, err
	}
	for old, f := range c.worlds {
		if f.size == 1 && old != world && len(c.worlds) > 3 {
			if _, alive, err := c.ask("delete world", &f.holding, 0, http.MethodDelete, "/_sim/worlds/"+old, ""); !alive || err != nil {
				return alive, err
			}
			break
		}
	}
	return true, nil
}

func (c *client) advance() (bool, error) {
	a, alive, err := c.ask("advance", &holding{}, 1, http.MethodPost, "/_sim/clock/advance", `{"by":"50ms"}`)
	if !alive || err != nil {
		return alive, err
	}
	var answer struct{ Now time.Time }
	if err = json.Unmarshal([]byte(a.Text), &answer); answer.Now.After(c.now) {
		c.now = answer.Now
	}
	return true, err
}

// run makes requests until the process is gone.
func (c *client) run(p *program.Program, acknowledged func()) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c.p, c.http = p, &http.Client{Transport: transport}
	for {
		alive, err := c.step()
		if !alive || err != nil {
			return err
		}
		acknowledged()
	}
}

// settle compares a thing with what is there, which from then on is what the client knows.
func (h *holding) settle(t *testing.T, what, name string, there int) {
	t.Helper()
	if there != h.size && (h.pending == nothingOpen || there != h.pending) {
		t.Errorf("%s %s: %d is there; %d was acknowledged, and the open request would make it %d", what, name, there, h.size, h.pending)
	}
	h.size, h.pending = there, nothingOpen
}

// present is what a restarted process says that there is.
type present struct {
	volumes              map[string]volume
	snapshots, worlds    map[string]bool
	checkpoints          map[string]bool
	creating, unfinished int
	now                  time.Time
}

func look(t *testing.T, p *program.Program) present {
	t.Helper()
	now := present{volumes: volumes(t, p, ""), snapshots: map[string]bool{}, worlds: map[string]bool{}, checkpoints: map[string]bool{}}
	for _, v := range now.volumes {
		if v.State == "Creating" {
			now.creating++
		}
		if v.State != "Available" {
			now.unfinished++
		}
	}
	for offset := ""; ; {
		var page struct{ Snapshots []volume }
		must(t, p, 200, http.MethodGet, "/api/v2/projects/default/snapshots?limit=1000&offsetUUID="+offset, "", "", &page)
		if len(page.Snapshots) == 0 {
			break
		}
		for _, s := range page.Snapshots {
			now.snapshots[s.Name] = true
		}
		offset = page.Snapshots[len(page.Snapshots)-1].UUID
	}
	var worlds struct {
		Worlds []struct {
			Name        string
			Checkpoints []string
		}
	}
	must(t, p, 200, http.MethodGet, "/_sim/worlds", "", "", &worlds)
	for _, w := range worlds.Worlds {
		now.worlds[w.Name] = true
		if w.Name == "default" {
			for _, c := range w.Checkpoints {
				now.checkpoints[c] = true
			}
		}
	}
	var clock struct{ Now time.Time }
	must(t, p, 200, http.MethodGet, "/_sim/clock", "", "", &clock)
	now.now = clock.Now
	return now
}

func is(there bool) int {
	if there {
		return 1
	}
	return 0
}

// check settles everything that a client knows with what is there; last says that old worlds are looked into once more.
func (c *client) check(t *testing.T, p *program.Program, there present, last bool) {
	t.Helper()
	for name, h := range c.volumes {
		v, found := there.volumes[name]
		size := 0
		if found && v.State != "Deleting" {
			bytes, err := strconv.Atoi(v.Size)
			require.NoError(t, err)
			size, h.uuid = bytes/gib, v.UUID
		}
		h.settle(t, "volume", name, size)
		delete(there.volumes, name)
	}
	for name, h := range c.snapshots {
		h.settle(t, "snapshot", name, is(there.snapshots[name]))
		delete(there.snapshots, name)
	}
	for name, h := range c.checkpoints {
		h.settle(t, "checkpoint", name, is(there.checkpoints[name]))
	}
	for name, f := range c.worlds {
		f.settle(t, "world", name, is(there.worlds[name]))
		if f.size == 1 && (!f.checked || last) {
			c.checkFork(t, p, name, f.content)
			f.checked = true
		}
		delete(there.worlds, name)
	}
	require.False(t, there.now.Before(c.now), "the clock says %s, an advance was answered with %s", there.now, c.now)
}

// checkFork looks for the client's volumes in a world, no more and no less than there were.
func (c *client) checkFork(t *testing.T, p *program.Program, world string, content map[string]int) {
	t.Helper()
	there := map[string]int{}
	for name, v := range volumes(t, p, world) {
		if strings.HasPrefix(name, c.name+"-") && v.State != "Deleting" {
			size, err := strconv.Atoi(v.Size)
			require.NoError(t, err)
			there[name] = size / gib
		}
	}
	want := maps.Clone(content)
	maps.DeleteFunc(want, func(_ string, size int) bool { return size == 0 })
	require.Equal(t, want, there, "world %s", world)
}

// kill -9 at random moments of eight clients on one data directory: all that was acknowledged is there, what was not is there
// as a whole or not at all, every index is as the rows say, and what was on its way gets there.
func TestKill_NothingIsLost(t *testing.T) {
	if binary == "" {
		t.Skip("SIMULATOR does not name a binary; make reliability does")
	}
	rounds := 3
	if all {
		rounds = 20
	}
	random := seeded(t)
	dir := t.TempDir()
	clients := make([]*client, 8)
	for i := range clients {
		clients[i] = newClient("k" + strconv.Itoa(i))
	}
	open, continued := 0, 0
	for round := range rounds {
		p := start(t, "--data", dir)
		must(t, p, 200, http.MethodPut, "/_sim/delays", "", `{"lightbits.volume.create":{"uniform":["10ms","3s"]}}`, nil)
		var count atomic.Int64
		enough := int64(50 + random.IntN(450))
		kill := make(chan struct{})
		var work sync.WaitGroup
		for _, c := range clients {
			c.random = rand.New(rand.NewPCG(random.Uint64(), uint64(round)))
			work.Go(func() {
				if err := c.run(p, func() {
					if count.Add(1) == enough {
						close(kill)
					}
				}); err != nil {
					t.Error(err)
				}
			})
		}
		idle := make(chan struct{})
		go func() {
			defer close(idle)
			work.Wait()
		}()
		select {
		case <-kill:
		case <-idle: // every client has found something wrong
		}
		p.Kill()
		work.Wait()
		require.NoError(t, program.Verify(binary, dir), "round %d", round)

		p = start(t, "--data", dir)
		there := look(t, p)
		continued += there.creating
		for _, c := range clients {
			for _, v := range c.volumes {
				open += is(v.pending != nothingOpen)
			}
			c.check(t, p, there, round == rounds-1)
		}
		require.Empty(t, there.volumes, "volumes that nobody asked for")
		require.Empty(t, there.snapshots, "snapshots that nobody asked for")
		require.Len(t, there.worlds, 1, "worlds that nobody asked for")
		must(t, p, 200, http.MethodPost, "/_sim/clock/advance", "", `{"by":"10s"}`, nil)
		require.Zero(t, look(t, p).unfinished, "a volume did not get where it was going")
		require.NotContains(t, p.Stderr(), "panic")
		p.Kill()
		if t.Failed() {
			t.FailNow()
		}
	}
	done, refused := map[string]int{}, 0
	for _, c := range clients {
		refused += c.refused
		for what, n := range c.done {
			done[what] += n
		}
	}
	t.Logf("%d rounds: acknowledged %v, refused %d; open requests about volumes when it was killed %d; volumes that were being created then %d",
		rounds, done, refused, open, continued)
	require.NotZero(t, continued, "no kill fell into a creation: nothing was tried")
}
