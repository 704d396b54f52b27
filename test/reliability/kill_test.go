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

// holding is the client's model of one resource: its acknowledged state, and the state that it would have after the
// last request, if that got no response.
type holding struct {
	uuid    string
	size    int // GiB; 0 if the resource does not exist
	pending int // size after the unanswered request, or nothingOpen
}

const nothingOpen = -1

// client sends requests one after the other about resources that no other client uses, so that its model is complete.
type client struct {
	http   *http.Client
	p      *program.Program
	random *rand.Rand
	name   string
	next   int

	volumes     map[string]*holding
	snapshots   map[string]*holding // size 1 if it exists
	checkpoints map[string]*holding
	worlds      map[string]*fork
	now         time.Time // latest time that an advance returned
	done        map[string]int
	refused     int
}

// fork is a world that the client created, with the sizes of the client's volumes in it.
type fork struct {
	holding

	content map[string]int
	checked bool
}

func newClient(name string) *client {
	return &client{
		name: name, volumes: map[string]*holding{}, snapshots: map[string]*holding{},
		checkpoints: map[string]*holding{}, worlds: map[string]*fork{}, done: map[string]int{},
	}
}

func (c *client) fresh(kind string) string {
	c.next++
	return c.name + "-" + kind + strconv.Itoa(c.next)
}

// ask sends a request that changes h to the state pending. Alive is false if the process has ended; h.pending then
// remains set. An error response changes nothing.
func (c *client) send(
	what string, h *holding, pending int, method, path, body string,
) (answer program.Response, alive bool, err error) {
	h.pending = pending
	a, err := program.Call(c.http, method, c.p.HTTP+path, "", body)
	if err != nil {
		return a, false, nil
	}
	switch {
	case a.Status < 300:
		h.size = pending
		c.done[what]++
	case a.Status == 503, what == "snapshot" && (a.Status == 409 || a.Status == 501): // the volume is in a temporary state
		c.refused++
	default:
		err = fmt.Errorf("%s %s returned %d %s", method, path, a.Status, a.Text)
	}
	h.pending = nothingOpen
	return a, true, err
}

// any returns one of the existing resources; the same seed gives the same one.
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

// step sends one random request, or several if they depend on each other.
func (c *client) step() (alive bool, err error) {
	draw := c.random.IntN(100)
	name, v := c.any(c.volumes)
	switch {
	case draw < 40 || v == nil:
		return c.create()
	case draw < 60:
		size := v.size + 1
		body := fmt.Sprintf(`{"size":"%d GiB"}`, size)
		_, alive, err = c.send("update", v, size, http.MethodPut, volumesPath+"/"+v.uuid, body)
	case draw < 75:
		_, alive, err = c.send("delete", v, 0, http.MethodDelete, volumesPath+"/"+v.uuid, "")
	case draw < 88:
		snapshot := c.fresh("s")
		c.snapshots[snapshot] = &holding{}
		body := `{"name":"` + snapshot + `","sourceVolumeName":"` + name + `"}`
		path := "/api/v2/projects/default/snapshots"
		_, alive, err = c.send("snapshot", c.snapshots[snapshot], 1, http.MethodPost, path, body)
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
	a, alive, err := c.send("create", h, 1, http.MethodPost, volumesPath, newVolume(name))
	if !alive || err != nil {
		return alive, err
	}
	var made volume
	err = json.Unmarshal([]byte(a.Text), &made)
	h.uuid = made.UUID
	return true, err
}

// checkpoint creates a checkpoint and a world from it, and deletes an older world if there are more than three.
func (c *client) checkpoint() (bool, error) {
	name := c.fresh("c")
	h := &holding{}
	c.checkpoints[name] = h
	if _, alive, err := c.send("checkpoint", h, 1, http.MethodPut, "/_sim/checkpoints/"+name, ""); !alive || err != nil {
		return alive, err
	}
	world := c.fresh("w")
	f := &fork{content: map[string]int{}}
	for name, v := range c.volumes {
		f.content[name] = v.size
	}
	c.worlds[world] = f
	body := `{"name":"` + world + `","from":"` + name + `"}`
	if _, alive, err := c.send("fork", &f.holding, 1, http.MethodPost, "/_sim/worlds", body); !alive || err != nil {
		return alive, err
	}
	for old, f := range c.worlds {
		if f.size == 1 && old != world && len(c.worlds) > 3 {
			_, alive, err := c.send("delete world", &f.holding, 0, http.MethodDelete, "/_sim/worlds/"+old, "")
			return alive, err
		}
	}
	return true, nil
}

func (c *client) advance() (bool, error) {
	a, alive, err := c.send("advance", &holding{}, 1, http.MethodPost, "/_sim/clock/advance", `{"by":"50ms"}`)
	if !alive || err != nil {
		return alive, err
	}
	var answer struct{ Now time.Time }
	if err = json.Unmarshal([]byte(a.Text), &answer); answer.Now.After(c.now) {
		c.now = answer.Now
	}
	return true, err
}

// run sends requests until the process has ended. It calls acknowledged after each step.
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

// compare compares the model of a resource with the actual size, which becomes the new model.
func (h *holding) compare(t *testing.T, what, name string, there int) {
	t.Helper()
	if there != h.size && (h.pending == nothingOpen || there != h.pending) {
		t.Errorf("%s %s: size %d; %d was acknowledged, and %d is the result of the unanswered request",
			what, name, there, h.size, h.pending)
	}
	h.size, h.pending = there, nothingOpen
}

// present is the content of a restarted process.
type present struct {
	volumes              map[string]volume
	snapshots, worlds    map[string]bool
	checkpoints          map[string]bool
	creating, unfinished int
	now                  time.Time
}

func look(t *testing.T, p *program.Program) present {
	t.Helper()
	now := present{
		volumes: volumes(t, p, ""), snapshots: map[string]bool{}, worlds: map[string]bool{}, checkpoints: map[string]bool{},
	}
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

// check compares the client's model with what the process has. Worlds that were checked before are checked again only
// if last is true.
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
		h.compare(t, "volume", name, size)
		delete(there.volumes, name)
	}
	for name, h := range c.snapshots {
		h.compare(t, "snapshot", name, is(there.snapshots[name]))
		delete(there.snapshots, name)
	}
	for name, h := range c.checkpoints {
		h.compare(t, "checkpoint", name, is(there.checkpoints[name]))
	}
	for name, f := range c.worlds {
		f.compare(t, "world", name, is(there.worlds[name]))
		if f.size == 1 && (!f.checked || last) {
			c.checkFork(t, p, name, f.content)
			f.checked = true
		}
		delete(there.worlds, name)
	}
	require.False(t, there.now.Before(c.now), "the clock shows %s, an advance returned %s", there.now, c.now)
}

// checkFork checks that a world has exactly the client's volumes that it was created with.
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

// The process is killed (SIGKILL) at random moments while eight clients use it. After a restart on the same data,
// everything acknowledged is there, an unanswered request has happened completely or not at all, the indexes match the
// rows, and pending transitions continue.
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
		case <-idle: // every client has failed
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
		require.Empty(t, there.volumes, "volumes that no client created")
		require.Empty(t, there.snapshots, "snapshots that no client created")
		require.Len(t, there.worlds, 1, "worlds that no client created")
		must(t, p, 200, http.MethodPost, "/_sim/clock/advance", "", `{"by":"10s"}`, nil)
		require.Zero(t, look(t, p).unfinished, "a transition was lost")
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
	t.Logf("%d rounds: acknowledged %v, refused %d; at the kills, %d requests for volumes had no response and %d volumes "+
		"were in creation", rounds, done, refused, open, continued)
	require.NotZero(t, continued, "no volume was in creation at a kill, so the test shows nothing")
}
