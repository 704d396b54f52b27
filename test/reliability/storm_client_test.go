package reliability

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// visitor is a client of a world of the storm.
type visitor struct {
	*stormWorld
	random *rand.Rand

	life    int64             // the life that the following are about
	volumes map[string]string // the UUIDs of its volumes that must exist, by name
	shown   time.Time         // the latest instant that the client has seen
}

// visit uses the world until the storm ends.
func (w *stormWorld) visit(c *rand.Rand) {
	v := &visitor{stormWorld: w, random: c}
	for time.Now().Before(w.storm.until) && !w.storm.Failed() {
		if now := w.done.Load(); now != v.life {
			v.life, v.volumes, v.shown = now, map[string]string{}, time.Time{}
		}
		switch n := c.IntN(100); {
		case n < 35:
			v.createVolume()
		case n < 45:
			v.getVolume()
		case n < 55:
			v.deleteVolume()
		case n < 65:
			v.list()
		case n < 75:
			v.readJournal()
		case n < 77:
			v.schedule()
		case n < 84:
			v.advance()
		case n < 90:
			v.readClock()
		case n < 95:
			v.arm()
		default:
			v.scenario()
		}
	}
}

// mine reports whether a request surely ran in the life that the client's model is about.
func (v *visitor) mine(ran span) bool { return ran.definite() && ran.first == v.life }

func (v *visitor) createVolume() {
	name := v.volumeName(v.random)
	v.storm.asked(name, v.done.Load())
	fault := []string{"", "", "", "", "", "after:reset", "reset"}[v.random.IntN(7)]
	a, ran, lost := v.ask(http.MethodPost, volumesPath, newVolume(name), "X-Sim-Fault", fault)
	v.storm.answered(name, ran)
	switch {
	case lost:
		if fault == "" {
			v.storm.Errorf("POST %s in %s got no response", name, v.name)
		}
	case a.Status == 200 && v.mine(ran):
		var made volume
		if err := json.Unmarshal([]byte(a.Text), &made); err != nil || made.Name != name {
			v.storm.Errorf("%s: %s %v", name, a.Text, err)
		}
		v.volumes[name] = made.UUID
	case a.Status >= 300 && a.Header.Get("X-Sim-Fault") == "" && v.mine(ran):
		v.storm.Errorf("%s in %s, life %d, returned %d %s", name, v.name, v.life, a.Status, a.Text)
	}
}

func (v *visitor) getVolume() {
	for name := range v.volumes {
		a, ran, _ := v.ask(http.MethodGet, volumesPath+"/?name="+name, "")
		if v.mine(ran) && a.Status != 200 {
			v.storm.Errorf("volume %s is gone from %s in the middle of life %d: %d %s", name, v.name, v.life, a.Status, a.Text)
		}
		v.storm.count("volumes read", 1)
		return
	}
}

func (v *visitor) deleteVolume() {
	for name, uuid := range v.volumes {
		delete(v.volumes, name)
		v.ask(http.MethodDelete, volumesPath+"/"+uuid, "")
		return
	}
}

// list checks that all volumes of the world belong to its life.
func (v *visitor) list() {
	a, ran, _ := v.ask(http.MethodGet, volumesPath+"?limit=1000", "")
	if a.Status != 200 || !ran.definite() {
		return
	}
	var page struct{ Volumes []volume }
	if err := json.Unmarshal([]byte(a.Text), &page); err != nil {
		v.storm.Errorf("%v: %s", err, a.Text)
	}
	for _, one := range page.Volumes {
		v.belongs(one.Name, ran.first, "the list")
	}
	v.storm.count("volumes seen", len(page.Volumes))
}

// readJournal checks that all exchanges of the world's journal ran in its life.
func (v *visitor) readJournal() {
	list, ran := v.journal()
	if !ran.definite() {
		return
	}
	for _, e := range list {
		if e.World != v.name {
			v.storm.Errorf("the journal of %s has %s of %s", v.name, e.ID, e.World)
		}
		if mark := strings.Join(e.Header["X-Mark"], ""); mark != "" && !v.storm.mayHaveRun(mark, v.name, ran.first) {
			v.storm.Errorf("the journal of %s, life %d, has request %s", v.name, ran.first, mark)
		}
	}
	v.storm.count("exchanges seen", len(list))
}

// arm arms a fault for one request and sends the request. If both ran in one life, the fault must hit.
func (v *visitor) arm() {
	id := fmt.Sprintf("%s-%d-%08x", v.name, v.done.Load(), v.random.Uint32())
	a, ran, _ := v.ask(http.MethodPost, "/_sim/faults", fmt.Sprintf(
		`{"id":%q,"match":{"operation":"lightbits.GetCluster","header":{"X-Rule":%q}},"effect":{"status":500}}`, id, id))
	if a.Status != 201 {
		return
	}
	hit, hitRan, _ := v.ask(http.MethodGet, "/api/v2/cluster", "", "X-Rule", id)
	if same := ran.definite() && hitRan == ran; same && hit.Status != 500 {
		v.storm.Errorf("rule %s of %s, life %d, did not hit: %d %s", id, v.name, ran.first, hit.Status, hit.Text)
	}
	// A rule of a life that is over does not hit, unless the life went on from a checkpoint.
	if later := v.done.Load(); hitRan.definite() && hit.Status == 500 && hitRan.first > ran.last &&
		!v.storm.within(life{v.name, hitRan.first})[life{v.name, ran.last}] {
		v.storm.Errorf("rule %s of %s, life %d, hit in life %d (now %d)", id, v.name, ran.last, hitRan.first, later)
	}
	v.storm.count("rules", 1)
	v.ask(http.MethodDelete, "/_sim/faults/"+id, "")
}

// scenario starts a scenario that creates volumes, one of them an hour later.
func (v *visitor) scenario() {
	first, second := v.volumeName(v.random)+"-now", v.volumeName(v.random)+"-later"
	text := fmt.Sprintf(`{"name":"storm","description":"volumes now and later","steps":[
		{"id":"now","request":"POST %s","header":{"Authorization":"Bearer x"},"body":%s},
		{"id":"later","at":"1h","request":"POST %s","header":{"Authorization":"Bearer x"},"body":%s}]}`,
		volumesPath, newVolume(first), volumesPath, newVolume(second))
	v.storm.asked(first, v.done.Load())
	v.storm.asked(second, v.done.Load())
	a, ran, _ := v.ask(http.MethodPost, "/_sim/scenarios", text)
	v.storm.answered(first, ran)
	v.storm.answered(second, ran)
	switch {
	case a.Status == 201:
		v.storm.count("scenarios", 1)
	case a.Status == 400:
		v.storm.Errorf("%s", a.Text)
	}
}

// listen reads the world's events until the storm ends. A stream ends with the life that it was opened in, and has no
// event of another one.
func (w *stormWorld) listen() {
	for time.Now().Before(w.storm.until) && !w.storm.Failed() {
		if err := w.stream(); err != nil {
			w.storm.Errorf("events of %s: %v", w.name, err)
		}
	}
}

func (w *stormWorld) stream() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.storm.p.HTTP+"/_sim/events?type=request", nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Sim-World", w.name)
	opened := span{first: w.done.Load()}
	resp, err := w.storm.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	opened.last = w.begun.Load()
	if resp.StatusCode != 200 {
		return nil // between two lives
	}
	over := make(chan struct{})
	defer close(over)
	late := make(chan struct{})
	go w.endStream(opened, over, late, cancel)
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		if err := w.checkEvent(data, opened); err != nil {
			return err
		}
		w.storm.count("events seen", 1)
	}
	select {
	case <-late:
		return fmt.Errorf("a stream of the lives %d to %d is open in life %d", opened.first, opened.last, w.done.Load())
	default:
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// endStream ends a stream when the storm is over. It closes late if the stream is open long after its life.
func (w *stormWorld) endStream(opened span, over, late chan struct{}, cancel func()) {
	defer cancel()
	var ended time.Time
	for time.Now().Before(w.storm.until) {
		select {
		case <-over:
			return
		case <-time.After(50 * time.Millisecond):
		}
		switch {
		case w.done.Load() <= opened.last:
		case ended.IsZero():
			ended = time.Now()
		case time.Since(ended) > 30*time.Second:
			close(late)
			return
		}
	}
}

// checkEvent checks an event of a stream that was opened in one of the lives.
func (w *stormWorld) checkEvent(data string, opened span) error {
	var e struct{ World, URL string }
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return err
	}
	if e.World != w.name {
		return fmt.Errorf("an event of %s: %s", e.World, data)
	}
	_, name, byName := strings.Cut(e.URL, "?name=")
	if !byName {
		return nil
	}
	w.storm.count("events with a life seen", 1)
	// The volume was created in the life that its name says, and asked for in that life or at its end.
	if made, err := strconv.ParseInt(strings.Split(name, "-")[1], 10, 64); err != nil || made > opened.last {
		return fmt.Errorf("a stream of the lives %d to %d has %s", opened.first, opened.last, data)
	}
	return nil
}
