package reliability

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// startClock is the clock that a life began with. Only a frozen one is checked: it shows Base and the advances of the
// life.
type startClock struct {
	frozen bool
	base   time.Time
}

// moved is an advance: the lives in which it may have run, and whether it surely ended in one of them.
type moved struct {
	ran  span
	by   time.Duration
	done bool
}

// reading is a response of the clock, and of a checkpoint.
type reading struct {
	Mode string
	Now  time.Time
}

func (w *stormWorld) reading(text string) (r reading) {
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		w.storm.Errorf("%v: %s", err, text)
	}
	return r
}

// advances returns the sum of the advances that surely ended in a life, and of those that may have run in it.
func (w *stormWorld) advances(number int64) (sure, possible time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.moves {
		if m.ran.first <= number && number <= m.ran.last {
			possible += m.by
			if m.done {
				sure += m.by
			}
		}
	}
	return sure, possible
}

// advance advances the clock by minutes or days, over the timers of schedules.
func (v *visitor) advance() {
	by := time.Duration(1+v.random.IntN(120)) * time.Minute
	if v.random.IntN(3) == 0 {
		by *= 24
	}
	m := &moved{ran: span{v.done.Load(), forever}, by: by}
	v.mu.Lock()
	v.moves = append(v.moves, m)
	v.mu.Unlock()
	a, ran, _ := v.ask(http.MethodPost, "/_sim/clock/advance", fmt.Sprintf(`{"by":%q}`, by))
	v.mu.Lock()
	m.ran, m.done = ran, a.Status == 200 && ran.definite()
	v.mu.Unlock()
	v.storm.count("advances", 1)
	switch {
	case a.Status == 409:
		v.storm.count("advances that ended with their life", 1)
	case a.Status != 200 && ran.definite():
		v.storm.Errorf("an advance of %s in %s, life %d, returned %d %s", by, v.name, ran.first, a.Status, a.Text)
	}
}

// readClock checks that the world's time does not decrease within a life, and that a frozen clock shows exactly the sum
// of the life's advances. Some of them may still be running.
func (v *visitor) readClock() {
	atLeast, _ := v.advances(v.life)
	a, ran, _ := v.ask(http.MethodGet, "/_sim/clock", "")
	if a.Status != 200 || !v.mine(ran) {
		return
	}
	r := v.reading(a.Text)
	if r.Now.Before(v.shown) {
		v.storm.Errorf("the clock of %s, life %d, shows %s after %s", v.name, v.life, r.Now, v.shown)
	}
	v.shown = r.Now
	v.storm.count("instants", 1)
	v.mu.Lock()
	d := v.dials[v.life]
	v.mu.Unlock()
	if !d.frozen {
		return
	}
	_, atMost := v.advances(v.life)
	if now := r.Now.Sub(d.base); now < atLeast || now > atMost {
		v.storm.Errorf("the clock of %s, life %d, begun by %s, has moved by %s; its advances are %s to %s",
			v.name, v.life, v.how[v.life], now, atLeast, atMost)
	}
	v.storm.count("sums of advances", 1)
}

// schedule makes a snapshot of one of the client's volumes every hour, so that advances fire many timers.
func (v *visitor) schedule() {
	for name := range v.volumes {
		v.ask(http.MethodPost, "/api/v2/projects/default/resourcePolicies", fmt.Sprintf(
			`{"name":"hourly-%s","resourceName":%q,"schedulePolicy":{"retentionTime":"14400s","snapshotSchedulePolicy":`+
				`{"hourlySchedule":{"startTime":"2030-01-01T00:30:00Z","hoursInCycle":1}}}}`, name, name))
		return
	}
}
