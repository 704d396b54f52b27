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
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"storagesim/internal/simulator/simtest"
)

// tenant is the client of one world, with a model of what the world must contain.
type tenant struct {
	world      int
	server     *simtest.Server
	client     *http.Client // shares its connections with all other clients
	stream     *http.Client // the same without a time limit, for the event stream
	owners     *owners
	port       string // URL of the world's own port
	tokens     map[string]string
	rule       string // the operation that the world's fault rule matches
	every      int    // the rule hits every n-th request
	turn       int    // counts requests, to select how the next one names the world
	requests   *atomic.Int64
	sent       int // requests to vendors since the world was created
	journaled  int // the part of them in the world's present life; the journal must have them
	sentBefore int // the part of them before the event stream started
	events     int // events about requests
	tenantState
}

// tenantState is the part of the model that restoring a checkpoint restores.
type tenantState struct {
	now     time.Time
	calls   int             // requests that the rule matched
	volumes map[string]bool // by name
}

// status returns the status of the world's fault rule, which no other world has.
func (c *tenant) status() int { return 430 + c.world }

// response is a response that contains nothing of another world.
type response struct {
	status int
	fault  string
	body   string
}

// do sends a request to the world and checks that the response shows only this world. The requests name the world by
// header, by token, by Host and by port in turn.
func (c *tenant) do(method, path, body string, header ...string) (response, error) {
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
		return response{}, err
	}
	if vendor == "lucidity" {
		req.Header.Set("Content-Type", "application/json")
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
		return response{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return response{}, err
	}
	c.requests.Add(1)
	if vendor != "" {
		c.sent++
		c.journaled++
	}
	a := response{status: resp.StatusCode, fault: resp.Header.Get("X-Sim-Fault"), body: string(text)}
	if world := resp.Header.Get("X-Sim-World"); world != mark(c.world) {
		return a, fmt.Errorf("%s %s by %s: the response is from world %s: %s", method, path, named, world, text)
	}
	if err := c.owners.checkForeign(c.world, resp.Header, a.body); err != nil {
		return a, fmt.Errorf("%s %s by %s: the response contains %w: %v %s", method, path, named, err, resp.Header, text)
	}
	return a, nil
}

// vendorOf returns the vendor whose API has the path.
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

// must is do for a request that must return the status and must not be hit by the rule.
func (c *tenant) must(status int, method, path, body string, header ...string) (string, error) {
	a, err := c.do(method, path, body, header...)
	if err == nil && (a.status != status || a.fault != "") {
		err = fmt.Errorf("%s %s returned %d, fault %q: %s", method, path, a.status, a.fault, a.body)
	}
	return a.body, err
}

// call sends a request that the world's rule may match. If the rule hits it, the status must be that of the rule.
func (c *tenant) call(operation string, status int, method, path, body string) (text string, hit bool, err error) {
	want, mine := status, operation == c.rule
	if mine {
		c.calls++
		if hit = c.calls%c.every == 0; hit {
			want = c.status()
		}
	}
	a, err := c.do(method, path, body)
	if err == nil && (a.status != want || hit != (a.fault != "")) {
		err = fmt.Errorf("%s, request %d for the rule with every %d: want %d, got %d, fault %q: %s",
			operation, c.calls, c.every, want, a.status, a.fault, a.body)
	}
	return a.body, hit, err
}

// createWorld creates the world: from a fixture, or, every second one, as a fork of a common checkpoint.
func (c *tenant) createWorld() error {
	from := []string{"small", "default/common"}[c.world%2]
	now := time.Date(firstYear+c.world, 1, 1, 0, 0, 0, 0, time.UTC)
	c.tenantState = tenantState{now: now, volumes: map[string]bool{}}
	if from != "small" {
		c.volumes["inherited"] = true
	}
	c.turn = -1 // name it by header: there is no port yet
	resp, err := c.client.Post(c.server.URL+"/_sim/worlds", "application/json", strings.NewReader(
		fmt.Sprintf(`{"name":%q,"from":%q,"seed":%d,"listen":"127.0.0.1:0"}`, mark(c.world), from, seed(c.world))))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var made struct{ URL string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("the world was not created: %s %w", resp.Status, err)
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
	rule := fmt.Sprintf(`{"id":%q,"match":{"operation":%q},"when":{"every":%d},"force":true,
		"effect":{"status":%d,"message":"broken in %s"}}`,
		[]string{"f-" + mark(c.world), "same"}[c.world/3%2], c.rule, c.every, c.status(), mark(c.world))
	instance := fmt.Sprintf(`{"cloudProvider":"AWS","cloudProviderAccountId":"123456789012","instanceId":"i-%s",
		"partitions":["/%[1]s"]}`, mark(c.world))
	for _, step := range [][3]string{
		{http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"` + c.now.Format(time.RFC3339) + `"}`},
		{http.MethodPut, "/_sim/faults", `{"rules":[` + rule + `]}`},
		{http.MethodPost, "/_sim/actions/lucidity/add-instance", instance},
	} {
		if _, err := c.must(200, step[0], step[1], step[2]); err != nil {
			return err
		}
	}
	if err := c.mint(); err != nil {
		return err
	}
	cluster := `{"apiEndpoint":"` + mark(c.world) + `.example:443"}`
	if _, err := c.must(200, http.MethodPost, "/api/v1/clusters", cluster); err != nil {
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
	_, err = c.must(201, http.MethodPost, "/v1/filespaces", fmt.Sprintf(
		`{"domain":%q,"name":%q,"storage":{"provider":"AWS","region":"eu-west-1"}}`, list[0].ID, mark(c.world)))
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

// round uses every part of the world once.
func (c *tenant) round(n int) error {
	if n%8 == 7 { // the first token has not expired yet
		if err := c.mint(); err != nil {
			return err
		}
	}
	for _, part := range []func(round int) error{
		c.createVolume, c.otherVendors, c.advance, c.restoreCheckpoint, c.readControl,
	} {
		if err := part(n); err != nil {
			return err
		}
	}
	return nil
}

// createVolume creates a volume and reads it.
func (c *tenant) createVolume(round int) error {
	name := fmt.Sprintf("v-%s-%d", mark(c.world), round)
	_, hit, err := c.call("lightbits.CreateVolume", 200, http.MethodPost, volumesURL, volume(name))
	if err != nil {
		return err
	}
	if !hit {
		c.volumes[name] = true
	}
	status := map[bool]int{true: 200, false: 404}
	_, _, err = c.call("lightbits.GetVolume", status[c.volumes[name]], http.MethodGet, volumesURL+"/?name="+name, "")
	if err != nil {
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

// otherVendors checks that what createWorld created at the vendors other than Lightbits is still there.
func (c *tenant) otherVendors(int) error {
	instance := fmt.Sprintf(`{"instanceIdentifier":{"cloudProviderAccountId":"123456789012",
		"cloudProvider":"AWS","instanceId":"i-%s"}}`, mark(c.world))
	details := "/external/client/api/v1/instance/details"
	for _, step := range [][]string{
		{http.MethodGet, "/api/v1/workflows", ""},
		{http.MethodGet, "/v1/filespaces", ""},
		{http.MethodPost, details, instance, "X-Authtype", "lucidity_access_token"},
	} {
		text, err := c.must(200, step[0], step[1], step[2], step[3:]...)
		if err != nil {
			return err
		}
		if !strings.Contains(text, mark(c.world)) {
			return fmt.Errorf("%s does not return what was created: %s", step[1], text)
		}
	}
	return nil
}

// advance advances the world's clock by a duration that no other world uses.
func (c *tenant) advance(int) error {
	by := time.Duration(10+c.world) * time.Second
	c.now = c.now.Add(by)
	text, err := c.must(200, http.MethodPost, "/_sim/clock/advance", fmt.Sprintf(`{"by":%q}`, by))
	if err == nil && !strings.Contains(text, `"now":"`+c.now.Format(time.RFC3339)+`"`) {
		err = fmt.Errorf("the clock should show %s: %s", c.now, text)
	}
	return err
}

// restoreCheckpoint restores a checkpoint, which removes later volumes and resets the count of the rule's requests.
func (c *tenant) restoreCheckpoint(round int) error {
	if round%3 != 1 {
		return nil
	}
	if _, err := c.must(200, http.MethodPut, "/_sim/checkpoints/c-"+mark(c.world), ""); err != nil {
		return err
	}
	before := c.tenantState
	before.volumes = maps.Clone(c.volumes)
	name := "gone-" + mark(c.world)
	_, hit, err := c.call("lightbits.CreateVolume", 200, http.MethodPost, volumesURL, volume(name))
	if err != nil {
		return err
	}
	if !hit {
		c.volumes[name] = true
	}
	if err := c.list(); err != nil {
		return err
	}
	if _, err := c.must(200, http.MethodPost, "/_sim/checkpoints/c-"+mark(c.world)+"/restore", ""); err != nil {
		return err
	}
	c.tenantState, c.journaled = before, 0
	return c.list()
}

// readControl reads the world through the control surface.
func (c *tenant) readControl(round int) error {
	paths := []string{
		"/_sim/clock", "/_sim/timers", "/_sim/resources?kind=lightbits.volume", "/_sim/faults", "/_sim/checkpoints",
		"/_sim/requests?world=" + mark(c.world) + "&limit=8",
	}
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

// deleteWorld compares the journal with the requests sent, and deletes the world. The leak report must have the volumes
// of the model.
func (c *tenant) deleteWorld() error {
	var journal struct {
		Requests []struct{ World string }
		Dropped  int
		Next     string
	}
	kept, err := c.must(200, http.MethodGet, "/_sim/requests?world="+mark(c.world), "")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(kept), &journal); err != nil {
		return err
	}
	if journal.Dropped == 0 && journal.Next == "" && len(journal.Requests) != c.journaled {
		return fmt.Errorf("the journal has %d requests, %d were sent", len(journal.Requests), c.journaled)
	}
	c.turn = -1 // name it by header: deleting the world closes its port
	text, err := c.must(200, http.MethodDelete, "/_sim/worlds/"+mark(c.world), "")
	if err != nil {
		return err
	}
	var deleted struct{ Leaked []struct{ Kind, Name string } }
	if err := json.Unmarshal([]byte(text), &deleted); err != nil {
		return err
	}
	got := map[string]bool{}
	for _, l := range deleted.Leaked {
		if l.Kind == "lightbits.volume" {
			got[l.Name] = true
		}
	}
	delete(c.volumes, "inherited")
	if !maps.Equal(got, c.volumes) {
		return fmt.Errorf("the leak report has %v, want %v",
			slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(c.volumes)))
	}
	return nil
}

// watch reads the world's events until the world is deleted or the context ends. A reset ends the stream; watch then
// opens the next one after the last event. It calls started after the first stream has begun.
func (c *tenant) watch(ctx context.Context, started func()) error {
	c.sentBefore = c.sent
	last := ""
	for {
		resp, err := c.openStream(ctx, last)
		if err != nil || resp.StatusCode != http.StatusOK {
			if c.events == 0 {
				return fmt.Errorf("there was no event: %w", err)
			}
			return nil // the world and its port are gone
		}
		err = c.readStream(resp.Body, started, &last)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
	}
}

func (c *tenant) openStream(ctx context.Context, last string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.port+"/_sim/events", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Last-Event-ID", last)
	return c.stream.Do(req)
}

// readStream reads one stream to its end, and sets last to the id of its last event.
func (c *tenant) readStream(body io.Reader, started func(), last *string) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		if id, ok := strings.CutPrefix(text, "id: "); ok {
			*last = id
		}
		switch {
		case strings.HasPrefix(text, ": events of the world"):
			started()
		case text == "event: request":
			c.events++
		case text == "event: dropped":
			return errors.New("events were dropped")
		}
		if err := c.owners.checkForeign(c.world, nil, text); err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
	}
	return nil // net/http reports a port that was closed as an error
}
