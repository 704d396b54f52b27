package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reading is the response of GET /_sim/clock.
type reading struct {
	Mode string     `json:"mode"`
	Rate float64    `json:"rate"`
	Now  time.Time  `json:"now"`
	Next *time.Time `json:"next"`
}

// answer is the response to a request. If err is not nil, there was no response or only a part of one.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// maxBody is how much of a response is read, in bytes.
const maxBody = 4 << 20

// send sends a request to the world.
func (r *Run) send(
	ctx context.Context, control bool, method, path string, body []byte, header map[string]string,
) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.on.URL+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("%s %.200s: %w", method, path, err)
	}
	req.Header.Set("X-Sim-World", r.world)
	if control && r.on.AdminToken != "" {
		req.Header.Set("Authorization", "Bearer "+r.on.AdminToken)
	}
	for name, value := range header {
		if http.CanonicalHeaderKey(name) == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	// A step may be about another world.
	if r.life != "" && req.Header.Get("X-Sim-World") == r.world && !strings.HasPrefix(path, "/_sim/in/") {
		req.Header.Set("X-Sim-Life", r.life)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return answer{err: err}, nil
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody)); err != nil {
		a.err = fmt.Errorf("the response with status %d is incomplete: %w", a.status, err)
	}
	return a, nil
}

// ask makes a control call of the runner itself and returns the body of the response. The call must succeed.
func (r *Run) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	a, err := r.send(ctx, true, method, path, text, nil)
	switch {
	case err != nil:
		return nil, err
	case a.err != nil:
		return nil, fmt.Errorf("%s %s: %w", method, path, a.err)
	case a.status >= http.StatusBadRequest:
		return nil, &refusedError{call: method + " " + path, status: a.status, detail: a.detail()}
	}
	return a.body, nil
}

// refusedError is the refusal of a control call.
type refusedError struct {
	call   string
	status int
	detail string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s was refused with %d: %s", e.call, e.status, e.detail)
}

// detail returns the detail of a problem document, otherwise the beginning of the body.
func (a *answer) detail() string {
	var problem struct{ Detail string }
	if json.Unmarshal(a.body, &problem) == nil && problem.Detail != "" {
		return problem.Detail
	}
	return strings.ToValidUTF8(string(a.body[:min(len(a.body), 300)]), "")
}

// makeWorld makes the scenario's own world, if it has one. The call is not canceled with the scenario: the runner must
// learn the name of the world to delete it.
func (r *Run) makeWorld() error {
	w := r.s.World
	if w == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), worldTimeout)
	defer cancel()
	body := map[string]any{}
	if w.From != "" {
		body["from"] = w.From
	}
	if w.Seed != nil {
		body["seed"] = *w.Seed
	}
	if !w.Keep {
		body["ttl"] = (time.Duration(r.s.Timeout) + 10*time.Minute).String() // in case the process ends before the scenario
	}
	text, err := r.ask(ctx, http.MethodPost, "/_sim/worlds", body)
	if err != nil {
		return err
	}
	var made struct{ Name string }
	if err := json.Unmarshal(text, &made); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made, r.world, r.report.World = true, made.Name, made.Name
	return nil
}

// worldTimeout bounds the creation and the deletion of the scenario's own world.
const worldTimeout = 5 * time.Second

// deleteWorld deletes the scenario's own world.
func (r *Run) deleteWorld() error {
	if !r.made || r.s.World.Keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), worldTimeout)
	defer cancel()
	_, err := r.ask(ctx, http.MethodDelete, "/_sim/worlds/"+r.world, nil)
	return err
}

// prepare sets the clock, mints the tokens and reads the instant at which the scenario starts.
func (r *Run) prepare(ctx context.Context) error {
	r.vars["world"] = r.world
	setting := map[string]any{}
	if c := r.s.Clock; c.Mode != "" {
		setting["mode"] = c.Mode
	}
	if r.s.Clock.Now != "" {
		setting["now"] = r.s.Clock.Now
	}
	if r.s.Clock.Rate != 0 {
		setting["rate"] = r.s.Clock.Rate
	}
	if len(setting) > 0 {
		if _, err := r.ask(ctx, http.MethodPut, "/_sim/clock", setting); err != nil {
			return err
		}
	}
	for _, vendor := range r.s.tokens() {
		text, err := r.ask(ctx, http.MethodPost, "/_sim/tokens", map[string]any{"vendor": vendor})
		if err != nil {
			return err
		}
		var minted struct{ Token string }
		if err := json.Unmarshal(text, &minted); err != nil {
			return err
		}
		r.vars[tokenPrefix+vendor] = minted.Token
	}
	clock, err := r.clock(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Start = clock.Now
	return err
}

func (r *Run) clock(ctx context.Context) (c reading, err error) {
	text, err := r.ask(ctx, http.MethodGet, "/_sim/clock", nil)
	if err != nil {
		return c, err
	}
	err = json.Unmarshal(text, &c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Now = c.Now
	return c, err
}

// holds reports whether the condition of a step holds, and otherwise describes what there is instead.
func (r *Run) holds(ctx context.Context, w *When) (holds bool, why string, err error) {
	switch {
	case w == nil:
		return true, "", nil
	case w.Operation != "":
		r.mu.Lock()
		defer r.mu.Unlock()
		n := 0
		for s, times := range r.counts {
			if s.operation == w.Operation && (len(w.Status) == 0 || hasStatus(w.Status, s.status)) {
				n += times
			}
		}
		return n >= w.Times, fmt.Sprintf("it was called %d times", n), nil
	}
	state, err := r.state(ctx, w.Resource)
	return state == w.Resource.State, "it is " + state, err
}

// gone is the state of a resource that does not exist.
const gone = "gone"

// state returns the state of a resource.
func (r *Run) state(ctx context.Context, in *Resource) (string, error) {
	id, err := r.vars.path(in.ID)
	if err != nil {
		return "", err
	}
	text, err := r.ask(ctx, http.MethodGet, "/_sim/resources/"+in.Kind+"/"+id, nil)
	var refused *refusedError
	if errors.As(err, &refused) && refused.status == http.StatusNotFound {
		return gone, nil
	}
	if err != nil {
		return "", err
	}
	var resource struct{ State string }
	err = json.Unmarshal(text, &resource)
	return resource.State, err
}

// do runs a step.
func (r *Run) do(ctx context.Context, i int, clock reading) error {
	s := &r.s.Steps[i]
	began := r.on.Wall()
	r.entry(i, func(e *Entry) {
		e.State, e.At, e.After, e.Waits = StepRunning, clock.Now, clock.Now.Sub(r.start()).String(), ""
	})
	var err error
	if s.call != nil {
		err = r.perform(ctx, i)
	}
	r.entry(i, func(e *Entry) { e.Took = r.on.Wall().Sub(began) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return r.fail(i, err)
	}
	r.entry(i, func(e *Entry) { e.State = StepPassed })
	return nil
}

func (r *Run) perform(ctx context.Context, i int) error {
	s := &r.s.Steps[i]
	counts := map[string]int{}
	var last answer
	for n := range s.Repeat {
		r.vars["n"] = strconv.Itoa(n + 1)
		r.entry(i, func(e *Entry) { e.Request = r.vars.show(s.call.describe()) })
		a, err := r.request(ctx, s.call)
		if err != nil {
			return err
		}
		counts[strconv.Itoa(a.statusOr0())]++
		r.note(i, s.Repeat, &a)
		if s.counts() == nil {
			if err := r.check(s, &a); err != nil {
				if s.Repeat > 1 {
					return fmt.Errorf("repetition %d: %w", n+1, err)
				}
				return err
			}
		}
		last = a
	}
	if want := s.counts(); want != nil {
		if !maps.Equal(want, counts) {
			return failed("expected the responses %s, but got %s", describeCounts(want), describeCounts(counts))
		}
	}
	return r.save(s, &last)
}

// statusOr0 returns 0 if there was no complete response.
func (a *answer) statusOr0() int {
	if a.err != nil {
		return 0
	}
	return a.status
}

// counts returns how many responses must have each status, or nil if the step does not say.
func (s *Step) counts() map[string]int {
	if s.Expect == nil {
		return nil
	}
	return s.Expect.Counts
}

func describeCounts(counts map[string]int) string {
	var list []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d × %s", counts[status], status))
	}
	return strings.Join(list, ", ")
}

// note writes a response into the timeline.
func (r *Run) note(i, repeat int, a *answer) {
	r.entry(i, func(e *Entry) {
		e.Status, e.Answer = a.status, strings.ToValidUTF8(string(a.body[:min(len(a.body), maxAnswer)]), "�")
		if repeat > 1 {
			if e.Statuses == nil {
				e.Statuses = map[string]int{}
			}
			e.Statuses = maps.Clone(e.Statuses)
			e.Statuses[strconv.Itoa(a.statusOr0())]++
		}
	})
}

// request makes the call of a step, with the variables replaced.
func (r *Run) request(ctx context.Context, c *call) (answer, error) {
	path, err := r.vars.path(c.path)
	if err != nil {
		return answer{}, err
	}
	text, err := r.vars.expand(c.text)
	if err != nil {
		return answer{}, err
	}
	body := []byte(text)
	header := map[string]string{}
	if c.json != nil {
		value, err := r.vars.expandAll(c.json)
		if err != nil {
			return answer{}, err
		}
		if body, err = json.Marshal(value); err != nil {
			return answer{}, err
		}
		header["Content-Type"] = "application/json"
	}
	headers := []map[string]string{r.s.Header, c.header}
	if c.control {
		headers = headers[1:] // those of the scenario are for the vendors
	}
	for _, more := range headers {
		for name, value := range more {
			if header[http.CanonicalHeaderKey(name)], err = r.vars.expand(value); err != nil {
				return answer{}, err
			}
		}
	}
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	if c.control && beginsLife(c.method, path) {
		r.unfollow()
		defer r.follow()
	}
	return r.send(ctx, c.control, c.method, path, body, header)
}
