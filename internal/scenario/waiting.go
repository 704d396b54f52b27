package scenario

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// prospect is which steps can run at an instant, and what the others wait for.
type prospect struct {
	done   bool
	ready  int       // the first step that can run; -1 if there is none
	next   time.Time // the next instant at which the clock alone may change that; zero if there is none
	states []int     // steps that wait for a state
	others []int     // steps that wait for an operation
}

// survey finds the next step. It returns an error if a step has waited longer than it may.
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
			if at := r.start().Add(time.Duration(*s.At)); clock.Now.Before(at) {
				p.sooner(at)
				continue
			}
		}
		if r.since[i].IsZero() {
			r.since[i] = clock.Now
			if s.When != nil {
				r.setWaits(i, r.vars.show(s.waits()))
			}
		}
		holds, why, err := r.holds(ctx, s.When)
		if err != nil {
			return p, err
		}
		if holds {
			p.ready = i
			return p, nil
		}
		if err := r.waiting(i, clock, why, &p); err != nil {
			return p, err
		}
	}
	return p, nil
}

// defaultWithin is how long a step waits for a state on a clock that the runner advances.
const defaultWithin = 24 * time.Hour

// waiting notes what a step waits for. It fails the step if it has waited too long.
func (r *Run) waiting(i int, clock reading, why string, p *prospect) error {
	w := r.s.Steps[i].When
	within := time.Duration(w.Within)
	if within == 0 && r.s.Clock.Advance && w.Operation == "" {
		within = defaultWithin
	}
	if within > 0 {
		until := r.since[i].Add(within)
		if !clock.Now.Before(until) {
			return r.fail(i, failed("it waited %s of the world's clock for %s, but %s", within, r.vars.show(w.describe()), why))
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

// advance moves the clock to the next instant at which something can happen.
func (r *Run) advance(ctx context.Context, clock reading, p *prospect) error {
	to := p.next
	if len(p.states) > 0 && clock.Next != nil && (to.IsZero() || clock.Next.Before(to)) {
		to = *clock.Next
	}
	// The step does not wait for the end of its time if nothing can happen until then.
	if len(p.states) > 0 && clock.Next == nil && len(p.others) == 0 && !r.comes(clock) {
		i := p.states[0]
		_, why, err := r.holds(ctx, r.s.Steps[i].When)
		if err != nil {
			return err
		}
		return r.fail(i, failed("it waits for %s, which cannot happen any more: %s, and nothing is pending in the world",
			r.vars.show(r.s.Steps[i].When.describe()), why))
	}
	if to.IsZero() {
		return r.wait(ctx, clock, p)
	}
	_, err := r.ask(ctx, http.MethodPost, "/_sim/clock/advance", map[string]any{"to": to})
	return err
}

// comes reports whether a step waits for its instant only.
func (r *Run) comes(clock reading) bool {
	states := r.states()
	return slices.ContainsFunc(r.s.Steps, func(s Step) bool {
		return states[s.ID] != StepPassed && s.At != nil && clock.Now.Before(r.start().Add(time.Duration(*s.At))) &&
			!slices.ContainsFunc(s.After, func(id string) bool { return states[id] != StepPassed })
	})
}

// wait waits in real time until an event in the world, or until the clock shows the next instant.
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
