package simulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// isolationRounds is the environment variable that says how often each client goes round, for a run that is longer than
// that of `make test`: some fifteen answers to a client a round.
const isolationRounds = "ISOLATION_ROUNDS"

// tenant is the client of one world, and what it knows must be there.
type tenant struct {
	world  int
	server *simtest.Server
	client *http.Client // the same for all of them, so that connections pass from world to world
	owners *owners
	port   string // of the world's own
	tokens map[string]string
	rule   string // the operation that the world's rule is about
	every  int    // each so-manieth of these requests is answered with the world's own status
	turn   int    // in how many ways the world was named
	asked  *atomic.Int64
	sent   int // requests to vendors since the world was made, which the journal must have
	before int // those of them before the stream of events began
	told   int // requests that the stream told of
	tenantState
}

// tenantState is what a checkpoint brings back.
type tenantState struct {
	now     time.Time
	calls   int             // of the operation that the rule is about
	volumes map[string]bool // by name
}

func (c *tenant) status() int { return 430 + c.world }

// Sixty-four clients in sixty-four worlds at once, each with its own clock, rule, names, tokens and port, over the same
// connections (issue 4). Every answer to every one of them is looked through for what is another world's: a name, an id, an
// instant; and must be what the client's own model says.
func TestWorlds_NeverSeeEachOther(t *testing.T) {
	rounds := 3
	if text := os.Getenv(isolationRounds); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err, isolationRounds)
		rounds = n
	}
	s := simtest.New(t, func(c *simulator.Config) {
		c.Limits.JournalCount, c.Limits.EventQueue = 100_000, 100_000 // nothing is lost
	})
	s.Header.Set("Authorization", "Bearer x")
	s.Must(200, http.MethodPost, volumesURL, volume("inherited"))
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	s.Must(200, http.MethodPut, "/_sim/checkpoints/common", "")
	shared := &http.Transport{MaxIdleConnsPerHost: 64}
	defer shared.CloseIdleConnections()
	var all owners
	for _, world := range []int{0, 7} { // of two seeds: what the forks begin with is everybody's
		all.inherit(world, s.Must(200, http.MethodGet, "/_sim/state", "").Body)
	}
	var asked atomic.Int64
	tenants := make([]*tenant, 64)
	failures := make(chan error, 3*len(tenants))
	each := func(fn func(c *tenant) error) {
		var clients sync.WaitGroup
		for i := range tenants {
			clients.Go(func() {
				if err := fn(tenants[i]); err != nil {
					failures <- fmt.Errorf("world %s: %w", mark(i), err)
				}
			})
		}
		clients.Wait()
		require.NoError(t, firstOf(failures))
	}
	for i := range tenants {
		tenants[i] = &tenant{world: i, server: s, client: &http.Client{Transport: shared}, owners: &all, asked: &asked, every: 2 + i%3,
			rule: []string{"lightbits.CreateVolume", "lightbits.GetVolume", "lightbits.ListVolumes"}[i%3]}
	}
	each((*tenant).moveIn)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var streams sync.WaitGroup
	var beginning sync.WaitGroup
	for _, c := range tenants {
		beginning.Add(1)
		began := sync.OnceFunc(beginning.Done)
		streams.Go(func() {
			if err := c.watch(ctx, began); err != nil {
				failures <- fmt.Errorf("events of %s: %w", mark(c.world), err)
			}
			began()
		})
	}
	beginning.Wait()
	each(func(c *tenant) error {
		for round := range rounds {
			if err := c.round(round); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
		}
		return c.moveOut()
	})
	ended := make(chan struct{})
	go func() { streams.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		cancel()
		require.Fail(t, "the streams do not end with their worlds")
	}
	require.NoError(t, firstOf(failures))
	for _, c := range tenants {
		require.Equal(t, c.sent-c.before, c.told, "requests to the world %s, and events of them", mark(c.world))
	}
	t.Logf("%d answers looked through", asked.Load())
}

// firstOf is nil while nothing has failed.
func firstOf(failures chan error) error {
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

// answered is an answer that has nothing of another world in it.
type answered struct {
	status int
	fault  string
	body   string
}

// ask sends a request to the world, which is named by turns by header, by token, by Host and by port, and looks at the
// answer.
func (c *tenant) ask(method, path, body string, header ...string) (answered, error) {
	base, named := c.server.URL, "header"
	vendor := ""
	if !strings.HasPrefix(path, "/_sim") {
		vendor = vendorOf(path)
	}
	switch c.turn++; c.turn % 4 {
	case 1:
		if vendor != "" {
			named = "token"
		}
	case 2:
		named = "host"
	case 3:
		base, named = c.port, "port"
	}
	req, err := http.NewRequestWithContext(context.Background(), method, base+path, strings.NewReader(body))
	if err != nil {
		return answered{}, err
	}
	switch named {
	case "header":
		req.Header.Set("X-Sim-World", mark(c.world))
	case "host":
		req.Host = mark(c.world) + ".localhost"
	}
	if token := c.tokens[vendor]; vendor != "" {
		req.Header.Set("Authorization", token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return answered{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answered{}, err
	}
	c.asked.Add(1)
	if vendor != "" {
		c.sent++
	}
	a := answered{status: resp.StatusCode, fault: resp.Header.Get("X-Sim-Fault"), body: string(text)}
	if world := resp.Header.Get("X-Sim-World"); world != mark(c.world) {
		return a, fmt.Errorf("%s %s by %s was answered by the world %s: %s", method, path, named, world, text)
	}
	if err := c.owners.foreign(c.world, resp.Header, a.body); err != nil {
		return a, fmt.Errorf("%s %s by %s was answered with %w: %v %s", method, path, named, err, resp.Header, text)
	}
	return a, nil
}

// vendorOf is whose path it is.
func vendorOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/api/v2"):
		return "lightbits"
	case strings.HasPrefix(path, "/api/v1"):
		return "dms"
	case strings.HasPrefix(path, "/v1"):
		return "lucidlink"
	}
	return "lucidity"
}

// must is ask with the status that the answer must have; no rule may have touched it.
func (c *tenant) must(status int, method, path, body string, header ...string) (string, error) {
	a, err := c.ask(method, path, body, header...)
	if err == nil && (a.status != status || a.fault != "") {
		err = fmt.Errorf("%s %s answered %d, fault %q: %s", method, path, a.status, a.fault, a.body)
	}
	return a.body, err
}

// call is a request of an operation that the world's rule may be about. The rule's answer is the world's own status.
func (c *tenant) call(operation string, status int, method, path, body string) (text string, hit bool, err error) {
	want, mine := status, operation == c.rule
	if mine {
		c.calls++
		if hit = c.calls%c.every == 0; hit {
			want = c.status()
		}
	}
	a, err := c.ask(method, path, body)
	if err == nil && (a.status != want || hit != (a.fault != "")) {
		err = fmt.Errorf("%s, call %d of the rule's, every %d: want %d, answered %d, fault %q: %s", operation, c.calls, c.every, want, a.status, a.fault, a.body)
	}
	return a.body, hit, err
}

// moveIn makes the world: one half from a fixture, the other half as forks of one checkpoint.
func (c *tenant) moveIn() error {
	from := []string{"small", "default/common"}[c.world%2]
	c.tenantState = tenantState{now: time.Date(firstYear+c.world, 1, 1, 0, 0, 0, 0, time.UTC), volumes: map[string]bool{}}
	if from != "small" {
		c.volumes["inherited"] = true
	}
	c.turn = -1 // by header: there is no port yet
	resp, err := c.client.Post(c.server.URL+"/_sim/worlds", "application/json", strings.NewReader(
		fmt.Sprintf(`{"name":%q,"from":%q,"seed":%d,"listen":"127.0.0.1:0"}`, mark(c.world), from, seed(c.world))))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var made struct{ URL string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("the world is not made: %s %w", resp.Status, err)
	}
	c.port = made.URL
	state, err := c.server.Client.Get(c.port + "/_sim/state")
	if err != nil {
		return err
	}
	defer state.Body.Close()
	text, err := io.ReadAll(state.Body)
	if err != nil {
		return err
	}
	c.owners.inherit(c.world, string(text))
	instant := c.now.Format(time.RFC3339)
	for _, step := range [][3]string{
		{http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"` + instant + `"}`},
		{http.MethodPut, "/_sim/faults", fmt.Sprintf(`{"rules":[{"id":%q,"match":{"operation":%q},"when":{"every":%d},"force":true,
			"effect":{"status":%d,"message":"broken in %s"}}]}`, []string{"f-" + mark(c.world), "same"}[c.world/3%2], c.rule, c.every, c.status(), mark(c.world))},
		{http.MethodPost, "/_sim/actions/lucidity/add-instance", fmt.Sprintf(`{"cloudProvider":"AWS","cloudProviderAccountId":"123456789012","instanceId":"i-%s","partitions":["/%[1]s"]}`, mark(c.world))},
	} {
		if _, err := c.must(200, step[0], step[1], step[2]); err != nil {
			return err
		}
	}
	if err := c.mint(); err != nil {
		return err
	}
	if _, err := c.must(200, http.MethodPost, "/api/v1/clusters", `{"apiEndpoint":"`+mark(c.world)+`.example:443"}`); err != nil {
		return err
	}
	domains, err := c.must(200, http.MethodGet, "/v1/domains", "")
	if err != nil {
		return err
	}
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(domains), &list); err != nil || len(list) == 0 {
		return fmt.Errorf("there is no domain: %s %w", domains, err)
	}
	_, err = c.must(201, http.MethodPost, "/v1/filespaces", fmt.Sprintf(`{"domain":%q,"name":%q,"storage":{"provider":"AWS","region":"eu-west-1"}}`, list[0].ID, mark(c.world)))
	return err
}

// mint gets a token of each vendor.
func (c *tenant) mint() error {
	c.tokens = map[string]string{}
	for _, vendor := range []string{"lightbits", "dms", "lucidlink", "lucidity"} {
		text, err := c.must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"`+vendor+`"}`)
		if err != nil {
			return err
		}
		var minted struct{ Token string }
		if err := json.Unmarshal([]byte(text), &minted); err != nil {
			return err
		}
		if c.tokens[vendor] = minted.Token; vendor != "lucidity" {
			c.tokens[vendor] = "Bearer " + minted.Token
		}
	}
	return nil
}

// round is what the client does again and again.
func (c *tenant) round(n int) error {
	if n%8 == 7 { // before the first of the tokens expires
		if err := c.mint(); err != nil {
			return err
		}
	}
	for _, part := range []func(round int) error{c.work, c.others, c.time, c.aside, c.look} {
		if err := part(n); err != nil {
			return err
		}
	}
	return nil
}

// work makes a volume and looks at it.
func (c *tenant) work(round int) error {
	name := fmt.Sprintf("v-%s-%d", mark(c.world), round)
	_, hit, err := c.call("lightbits.CreateVolume", 200, http.MethodPost, volumesURL, volume(name))
	if err != nil {
		return err
	}
	if !hit {
		c.volumes[name] = true
	}
	status := map[bool]int{true: 200, false: 404}
	if _, _, err := c.call("lightbits.GetVolume", status[c.volumes[name]], http.MethodGet, volumesURL+"/?name="+name, ""); err != nil {
		return err
	}
	return c.list()
}

// list compares the list of volumes with the model.
func (c *tenant) list() error {
	text, hit, err := c.call("lightbits.ListVolumes", 200, http.MethodGet, volumesURL, "")
	if err != nil || hit {
		return err
	}
	var listed struct{ Volumes []struct{ Name string } }
	if err := json.Unmarshal([]byte(text), &listed); err != nil {
		return err
	}
	got := map[string]bool{}
	for _, v := range listed.Volumes {
		got[v.Name] = true
	}
	if !maps.Equal(got, c.volumes) {
		return fmt.Errorf("the list has %v, want %v", got, c.volumes)
	}
	return nil
}

// others are the vendors that are not Lightbits: what the client made of each when it moved in is still there.
func (c *tenant) others(int) error {
	for _, step := range [][]string{
		{http.MethodGet, "/api/v1/workflows", ""},
		{http.MethodGet, "/v1/filespaces", ""},
		{http.MethodPost, "/external/client/api/v1/instance/details", fmt.Sprintf(`{"instanceIdentifier":{"cloudProviderAccountId":"123456789012",
			"cloudProvider":"AWS","instanceId":"i-%s"}}`, mark(c.world)), "X-Authtype", "lucidity_access_token"},
	} {
		text, err := c.must(200, step[0], step[1], step[2], step[3:]...)
		if err != nil {
			return err
		}
		if !strings.Contains(text, mark(c.world)) {
			return fmt.Errorf("%s lacks what was made there: %s", step[1], text)
		}
	}
	return nil
}

// time moves the world's clock, by as much as no other world's.
func (c *tenant) time(int) error {
	by := time.Duration(10+c.world) * time.Second
	c.now = c.now.Add(by)
	text, err := c.must(200, http.MethodPost, "/_sim/clock/advance", fmt.Sprintf(`{"by":%q}`, by))
	if err == nil && !strings.Contains(text, `"now":"`+c.now.Format(time.RFC3339)+`"`) {
		err = fmt.Errorf("the clock should show %s: %s", c.now, text)
	}
	return err
}

// aside goes back to a checkpoint: what came after it is gone, the counts of the rule among it.
func (c *tenant) aside(round int) error {
	if round%3 != 1 {
		return nil
	}
	if _, err := c.must(200, http.MethodPut, "/_sim/checkpoints/c-"+mark(c.world), ""); err != nil {
		return err
	}
	before := c.tenantState
	before.volumes = maps.Clone(c.volumes)
	if _, hit, err := c.call("lightbits.CreateVolume", 200, http.MethodPost, volumesURL, volume("gone-"+mark(c.world))); err != nil {
		return err
	} else if !hit {
		c.volumes["gone-"+mark(c.world)] = true
	}
	if err := c.list(); err != nil {
		return err
	}
	if _, err := c.must(200, http.MethodPost, "/_sim/checkpoints/c-"+mark(c.world)+"/restore", ""); err != nil {
		return err
	}
	c.tenantState = before
	return c.list()
}

// look reads what the control surface says of the world.
func (c *tenant) look(round int) error {
	paths := []string{"/_sim/clock", "/_sim/timers", "/_sim/resources?kind=lightbits.volume", "/_sim/faults", "/_sim/checkpoints", "/_sim/requests?world=" + mark(c.world) + "&limit=8"}
	if round%3 == 2 {
		paths = append(paths, "/_sim/state", "/_sim/resources", "/_sim/delays")
	}
	for _, path := range paths {
		text, err := c.must(200, http.MethodGet, path, "")
		if err != nil {
			return err
		}
		switch {
		case path == "/_sim/clock" && !strings.Contains(text, c.now.Format(time.RFC3339)):
			return fmt.Errorf("the clock should show %s: %s", c.now, text)
		case path == "/_sim/faults" && !strings.Contains(text, fmt.Sprintf(`"hits":%d,`, c.calls/c.every)):
			return fmt.Errorf("the rule should have hit %d times: %s", c.calls/c.every, text)
		}
	}
	return nil
}

// moveOut compares the journal with what was sent, and deletes the world, whose leaks must be what the model has.
func (c *tenant) moveOut() error {
	var journal struct {
		Requests []struct{ World string }
		Dropped  int
	}
	kept, err := c.must(200, http.MethodGet, "/_sim/requests?limit=100000&world="+mark(c.world), "")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(kept), &journal); err != nil {
		return err
	}
	if journal.Dropped == 0 && len(journal.Requests) != c.sent {
		return fmt.Errorf("the journal has %d requests, and %d were sent", len(journal.Requests), c.sent)
	}
	c.turn = -1 // by header: the port goes with the world
	text, err := c.must(200, http.MethodDelete, "/_sim/worlds/"+mark(c.world), "")
	if err != nil {
		return err
	}
	var gone struct{ Leaked []struct{ Kind, Name string } }
	if err := json.Unmarshal([]byte(text), &gone); err != nil {
		return err
	}
	got := map[string]bool{}
	for _, l := range gone.Leaked {
		if l.Kind == "lightbits.volume" {
			got[l.Name] = true
		}
	}
	delete(c.volumes, "inherited")
	if !maps.Equal(got, c.volumes) {
		return fmt.Errorf("the leak report has %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(c.volumes)))
	}
	return nil
}

// watch reads the world's events until the world or the context ends. Began is told once they come.
func (c *tenant) watch(ctx context.Context, began func()) error {
	c.before = c.sent
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.port+"/_sim/events", nil)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch {
		case strings.HasPrefix(lines.Text(), ": events of the world"):
			began()
		case lines.Text() == "event: request":
			c.told++
		case lines.Text() == "event: dropped":
			return errors.New("events were dropped")
		}
		if err := c.owners.foreign(c.world, nil, lines.Text()); err != nil {
			return fmt.Errorf("%w: %s", err, lines.Text())
		}
	}
	if c.told == 0 {
		return fmt.Errorf("nothing was told: %s, %w", resp.Status, lines.Err())
	}
	return nil
}
