package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Surface is the simulator that a scenario runs against.
type Surface struct {
	URL        string // of any listener
	AdminToken string // for control calls; "" if none is needed
	// Watch calls fn immediately for each event in a world, with the operation and the status of a request, and with ""
	// for any other event. Fn does not block.
	Watch func(world string, fn func(operation string, status int)) (stop func())
	// Life returns the present life of a world.
	Life func(world string) (Life, error)
	Wall func() time.Time // the wall clock, on which Took is measured
}

// Life is a life of a world (see store.Life). Over is closed when it ends.
type Life struct {
	Number uint64
	Over   <-chan struct{}
}

// Run is a running scenario. Its methods may be called from any goroutine.
type Run struct {
	s      *Scenario
	on     Surface
	client *http.Client
	began  time.Time
	cancel context.CancelCauseFunc
	done   chan struct{}

	mu     sync.Mutex // guards the fields below
	report Report
	world  string
	order  int
	counts map[seen]int

	// The fields below belong to the goroutine of run.
	made  bool // the scenario's own world exists
	vars  values
	since []time.Time // for each step, when it first waited for its When only, on the world's clock
	wake  chan struct{}
	life  string // the number of the life that requests are for; "" for any
	// unfollow ends what follow began. over is closed at the end of the life that it follows; nil if there is none.
	unfollow func()
	over     <-chan struct{}
}

// seen is an operation and the status of its response.
type seen struct {
	operation string
	status    int
}

var (
	errStopped  = errors.New("the scenario was stopped")
	errTimedOut = errors.New("the scenario timed out")
	errReplaced = errors.New("the world was reset, restored, replaced or deleted by another caller while the scenario ran")
)

// failure is the error of an expectation that does not hold.
type failure struct{ why string }

func (f *failure) Error() string { return f.why }

func failed(format string, args ...any) error { return &failure{fmt.Sprintf(format, args...)} }

// Start starts a scenario in a world, or in a world of its own if the scenario has one.
func Start(s *Scenario, id, world string, on Surface) *Run {
	r := &Run{s: s, on: on, world: world, began: on.Wall(), done: make(chan struct{}), counts: map[seen]int{},
		vars: values{}, unfollow: func() {}, since: make([]time.Time, len(s.Steps)), wake: make(chan struct{}, 1),
		// One connection per request: net/http retries a request on a reused connection that was closed.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	r.report = Report{ID: id, Name: s.Name, World: world, Verdict: Running, Timeline: []Entry{}, Expect: []Outcome{}}
	for i := range s.Steps {
		step := &s.Steps[i]
		e := Entry{Step: step.ID, Line: step.line, State: StepWaiting, Waits: step.waits()}
		if step.call != nil {
			e.Request = step.call.describe()
		}
		r.report.Timeline = append(r.report.Timeline, e)
	}
	for i := range s.Expect {
		r.report.Expect = append(r.report.Expect, Outcome{Check: s.Expect[i].describe(), Line: s.Expect[i].line})
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	r.cancel = cancel
	if s.World == nil {
		r.follow() // not later: the caller may replace the world as soon as Start returns
	}
	go r.run(ctx)
	return r
}

// Stop stops the scenario. It does not wait for its end.
func (r *Run) Stop() { r.cancel(errStopped) }

// Done returns a channel that is closed when the scenario has ended and its own world is deleted.
func (r *Run) Done() <-chan struct{} { return r.done }

// Report returns what has happened so far.
func (r *Run) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.report
	report.Timeline = slices.Clone(report.Timeline)
	report.Expect = slices.Clone(report.Expect)
	if report.Verdict == Running {
		report.Took = r.on.Wall().Sub(r.began)
	}
	slices.SortStableFunc(report.Timeline, func(a, b Entry) int {
		switch {
		case a.order == b.order:
			return 0
		case a.order == 0 || b.order != 0 && b.order < a.order:
			return 1
		}
		return -1
	})
	return report
}

// run runs the scenario from its start to its verdict.
func (r *Run) run(ctx context.Context) {
	defer close(r.done)
	defer r.cancel(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(r.s.Timeout), errTimedOut)
	defer cancel()
	err := r.play(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	} else if err != nil && r.replaced() { // a call failed before follow has noticed
		err = errReplaced
	}
	if !errors.Is(err, errReplaced) { // whoever replaced the world owns it now
		if deleted := r.deleteWorld(); err == nil {
			err = deleted
		}
	}
	r.finish(err)
}

// play runs the steps and checks the expectations.
func (r *Run) play(ctx context.Context) error {
	if err := r.makeWorld(); err != nil {
		return err
	}
	stop := r.on.Watch(r.world, r.saw)
	defer stop()
	if r.made {
		r.follow()
	}
	defer func() { r.unfollow() }()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for {
		clock, err := r.clock(ctx)
		if err != nil {
			return err
		}
		select {
		case <-r.wake: // survey below looks at what has happened until now
		default:
		}
		p, err := r.survey(ctx, clock)
		if err != nil {
			return err
		}
		switch {
		case p.done:
			return r.judge(ctx)
		case p.ready >= 0:
			err = r.do(ctx, p.ready, clock)
		case r.s.Clock.Advance:
			err = r.advance(ctx, clock, &p)
		default:
			err = r.wait(ctx, clock, &p)
		}
		if err != nil {
			return err
		}
	}
}

// follow stops the scenario when the present life of its world ends, and sends its requests to that life only. A call
// of the scenario's own that begins another life must be made between unfollow and follow.
func (r *Run) follow() {
	r.unfollow, r.over = func() {}, nil
	life, err := r.on.Life(r.world)
	if err != nil {
		return // the scenario has deleted the world itself
	}
	r.over = life.Over
	r.life = strconv.FormatUint(life.Number, 10)
	stop := make(chan struct{})
	r.unfollow = sync.OnceFunc(func() {
		r.life = ""
		close(stop)
	})
	go func() {
		select {
		case <-stop:
		case <-life.Over:
			select {
			case <-stop: // before over
			default:
				r.cancel(errReplaced)
			}
		}
	}()
}

// beginsLife reports whether a control call begins another life of its world, or ends its life.
func beginsLife(method, path string) bool {
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "/_sim"), "?")
	switch method {
	case http.MethodPost:
		return path == "/reset" || strings.HasPrefix(path, "/checkpoints/") || path == "/worlds"
	case http.MethodPut:
		return path == "/state"
	case http.MethodDelete:
		return strings.HasPrefix(path, "/worlds/")
	}
	return false
}

// replaced reports whether the life that follow follows has ended.
func (r *Run) replaced() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// saw counts an event in the world and wakes the runner.
func (r *Run) saw(operation string, status int) {
	if operation != "" {
		r.mu.Lock()
		r.counts[seen{operation, status}]++
		r.mu.Unlock()
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Run) start() time.Time { return r.report.Start } // written by this goroutine, before the first step

func (r *Run) states() map[string]StepState {
	states := make(map[string]StepState, len(r.report.Timeline))
	for i := range r.report.Timeline {
		states[r.report.Timeline[i].Step] = r.report.Timeline[i].State
	}
	return states
}

// fail writes the failure of a step into the timeline and returns the error that ends the scenario.
func (r *Run) fail(i int, why error) error {
	r.entry(i, func(e *Entry) { e.State, e.Why = StepFailed, why.Error() })
	return fmt.Errorf("step %s: %w", r.s.Steps[i].ID, why)
}

// setWaits changes what the report says that a step waits for.
func (r *Run) setWaits(i int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Timeline[i].Waits = text
}

// entry changes a step's entry in the timeline. The first change decides its place in the report.
func (r *Run) entry(i int, change func(*Entry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := &r.report.Timeline[i]
	if e.order == 0 {
		r.order++
		e.order = r.order
	}
	change(e)
}

// finish writes the verdict.
func (r *Run) finish(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, why := Passed, ""
	var fail *failure
	switch {
	case err == nil:
	case errors.Is(err, errStopped):
		v, why = Stopped, err.Error()
	case errors.Is(err, errTimedOut):
		v, why = Failed, fmt.Sprintf("it did not end within its timeout, %s of real time", r.s.Timeout)
	case errors.As(err, &fail):
		v, why = Failed, err.Error()
	default:
		v, why = Broken, err.Error()
	}
	for i := range r.report.Timeline {
		e := &r.report.Timeline[i]
		switch e.State {
		case StepRunning:
			e.State, e.Why = StepFailed, why
		case StepWaiting:
			if e.State = StepSkipped; errors.Is(err, errTimedOut) && !r.since[i].IsZero() {
				e.State = StepFailed
				e.Why = "it waited for " + e.Waits + ", which did not happen within " + r.s.Timeout.String() + " of real time"
			}
		default:
		}
	}
	r.report.Verdict, r.report.Why, r.report.Took = v, why, r.on.Wall().Sub(r.began)
}
