package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Surface is the simulator that a scenario drives.
type Surface struct {
	URL        string // of any listener
	AdminToken string // for control calls; "" where none is needed
	// Watch calls fn at once with everything that happens in a world: the operation and the status of a request, "" for
	// anything else. fn does not block.
	Watch func(world string, fn func(operation string, status int)) (stop func())
	Wall  func() time.Time // the wall clock, on which Took is measured
}

// Run is a scenario on its way. Its methods may be called from any goroutine.
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

	// What follows belongs to the run's own goroutine.
	made  bool // the world that the scenario wants for itself
	vars  values
	since []time.Time // when each step could first have been done but for its At and When, on the world's clock
	wake  chan struct{}
}

// seen is an operation and the status that it was answered with.
type seen struct {
	operation string
	status    int
}

var (
	errStopped  = errors.New("it was stopped")
	errTimedOut = errors.New("its time is over")
)

// failure is an expectation that does not hold.
type failure struct{ why string }

func (f *failure) Error() string { return f.why }

func failed(format string, args ...any) error { return &failure{fmt.Sprintf(format, args...)} }

// Start begins a scenario in a world, or in one of its own if it wants that.
func Start(s *Scenario, id, world string, on Surface) *Run {
	r := &Run{s: s, on: on, world: world, began: on.Wall(), done: make(chan struct{}), counts: map[seen]int{},
		vars: values{}, since: make([]time.Time, len(s.Steps)), wake: make(chan struct{}, 1),
		// A connection for each request: none is tried a second time because an earlier one was cut.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	r.report = Report{ID: id, Name: s.Name, World: world, Verdict: Running, Timeline: []Entry{}, Expect: []Outcome{}}
	for i := range s.Steps {
		step := &s.Steps[i]
		e := Entry{Step: step.ID, Line: step.line, State: StepWaiting, Waits: step.waits()}
		if step.Call != nil {
			e.Request = step.Call.Method + " " + step.Call.Path
		}
		r.report.Timeline = append(r.report.Timeline, e)
	}
	for i := range s.Expect {
		r.report.Expect = append(r.report.Expect, Outcome{Check: s.Expect[i].words(), Line: s.Expect[i].line})
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	r.cancel = cancel
	go r.run(ctx)
	return r
}

// Stop ends the scenario where it is.
func (r *Run) Stop() { r.cancel(errStopped) }

// Done is closed when the scenario has ended and its own world is gone.
func (r *Run) Done() <-chan struct{} { return r.done }

// Report tells how far it is.
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

// run is the scenario's whole life.
func (r *Run) run(ctx context.Context) {
	defer close(r.done)
	defer r.cancel(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, r.s.Timeout, errTimedOut)
	defer cancel()
	err := r.play(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if left := r.leave(); err == nil {
		err = left
	}
	r.finish(err)
}

// play does the steps and looks at the expectations.
func (r *Run) play(ctx context.Context) error {
	if err := r.makeWorld(); err != nil {
		return err
	}
	stop := r.on.Watch(r.world, r.saw)
	defer stop()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for {
		clock, err := r.clock(ctx)
		if err != nil {
			return err
		}
		select {
		case <-r.wake: // what came before now is looked at now
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

// saw is told what happens in the world.
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

// prospect is how the steps stand at an instant.
type prospect struct {
	done   bool
	ready  int       // the first step whose time has come, -1: none
	next   time.Time // the next instant at which that may change by the clock alone; zero: there is none
	states []int     // steps that wait for a state
	others []int     // steps that wait for an operation
}

// survey looks which step comes next. It refuses where a step has waited longer than it may.
func (r *Run) survey(ctx context.Context, clock reading) (p prospect, err error) {
	p = prospect{done: true, ready: -1}
	states := r.states()
	for i := range r.s.Steps {
		s := &r.s.Steps[i]
		if states[s.ID] == StepPassed {
			continue
		}
		p.done = false
		if slices.ContainsFunc(s.After, func(id string) bool { return states[id] != StepPassed }) {
			continue
		}
		if s.At != nil {
			if at := r.start().Add(*s.At); clock.Now.Before(at) {
				p.sooner(at)
				continue
			}
		}
		if r.since[i].IsZero() {
			r.since[i] = clock.Now
		}
		holds, why, err := r.holds(ctx, s.When)
		if err != nil {
			return p, err
		}
		if holds {
			p.ready = i
			return p, nil
		}
		if err := r.patience(i, clock, why, &p); err != nil {
			return p, err
		}
	}
	return p, nil
}

// defaultPatience is how long, on a clock that the runner moves, a step waits for a state.
const defaultPatience = 24 * time.Hour

// patience notes what a step waits for, or fails it.
func (r *Run) patience(i int, clock reading, why string, p *prospect) error {
	w := r.s.Steps[i].When
	within := w.Within
	if within == 0 && r.s.Clock.Advance && w.Operation == "" {
		within = defaultPatience
	}
	if within > 0 {
		until := r.since[i].Add(within)
		if !clock.Now.Before(until) {
			return r.fail(i, failed("it waited %s of the world's clock for %s, but %s", within, w.words(), why))
		}
		p.sooner(until)
	}
	if w.Operation != "" {
		p.others = append(p.others, i)
	} else {
		p.states = append(p.states, i)
	}
	return nil
}

func (p *prospect) sooner(at time.Time) {
	if p.next.IsZero() || at.Before(p.next) {
		p.next = at
	}
}

// advance moves the clock to what comes first.
func (r *Run) advance(ctx context.Context, clock reading, p *prospect) error {
	to := p.next
	if len(p.states) > 0 && clock.Next != nil && (to.IsZero() || clock.Next.Before(to)) {
		to = *clock.Next
	}
	// The end of a patience is no reason to wait for it where nothing can happen until then.
	if len(p.states) > 0 && clock.Next == nil && len(p.others) == 0 && !r.comes(clock) {
		i := p.states[0]
		_, why, err := r.holds(ctx, r.s.Steps[i].When)
		if err != nil {
			return err
		}
		return r.fail(i, failed("it waits for %s, which cannot come any more: %s, and nothing is pending in the world", r.s.Steps[i].When.words(), why))
	}
	if to.IsZero() {
		return r.wait(ctx, clock, p)
	}
	_, err := r.ask(ctx, http.MethodPost, "/_sim/clock/advance", map[string]any{"to": to})
	return err
}

// comes says whether a step that can be done waits for nothing but its instant.
func (r *Run) comes(clock reading) bool {
	states := r.states()
	return slices.ContainsFunc(r.s.Steps, func(s Step) bool {
		return states[s.ID] != StepPassed && s.At != nil && clock.Now.Before(r.start().Add(*s.At)) &&
			!slices.ContainsFunc(s.After, func(id string) bool { return states[id] != StepPassed })
	})
}

// wait waits in real time until something happens in the world or the clock has come to what is next.
func (r *Run) wait(ctx context.Context, clock reading, p *prospect) error {
	waiting, cancel := context.WithCancel(ctx)
	if !p.next.IsZero() && clock.Mode != "frozen" && clock.Rate > 0 {
		cancel()
		left := time.Duration(float64(p.next.Sub(clock.Now)) / clock.Rate)
		waiting, cancel = context.WithTimeout(ctx, max(left, time.Millisecond))
	}
	defer cancel()
	select {
	case <-r.wake:
	case <-waiting.Done():
	}
	return ctx.Err()
}

func (r *Run) start() time.Time { return r.report.Start } // written before the first step, by this goroutine

func (r *Run) states() map[string]StepState {
	states := make(map[string]StepState, len(r.report.Timeline))
	for i := range r.report.Timeline {
		states[r.report.Timeline[i].Step] = r.report.Timeline[i].State
	}
	return states
}

// fail notes in the timeline why a step failed, and is the error that ends the scenario.
func (r *Run) fail(i int, why error) error {
	r.entry(i, func(e *Entry) { e.State, e.Why = StepFailed, why.Error() })
	return fmt.Errorf("step %s: %w", r.s.Steps[i].ID, why)
}

// entry changes a step's place in the timeline; the first change gives it its rank.
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
		v, why = Failed, fmt.Sprintf("it was not through after %s of real time", r.s.Timeout)
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
				e.State, e.Why = StepFailed, "it waited for "+e.Waits+", which did not come in "+r.s.Timeout.String()+" of real time"
			}
		default:
		}
	}
	r.report.Verdict, r.report.Why, r.report.Took = v, why, r.on.Wall().Sub(r.began)
}
