package fault

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"time"

	"storagesim/internal/strict"
)

// maxLatency bounds the latency that one rule adds to a response (assumption 109).
const maxLatency = time.Hour

// Latency is real time added to a response. Exactly one of Fixed, Uniform, Normal and Lognormal must be set. Cap bounds
// the drawn values.
type Latency struct {
	Fixed     string    `json:"fixed,omitempty" type:"duration" doc:"always the same; one of fixed, uniform, normal and lognormal must be given" range:"0s to 1h" example:"250ms"`
	Uniform   []string  `json:"uniform,omitempty" doc:"shortest and longest duration, any value between them is equally likely" range:"two durations from 0s to 1h" example:"[\"100ms\",\"2s\"]"`
	Normal    *Spread   `json:"normal,omitempty" doc:"a normal distribution; negative values count as 0s"`
	Lognormal *LogRange `json:"lognormal,omitempty" doc:"a lognormal distribution"`
	Cap       string    `json:"cap,omitempty" type:"duration" doc:"largest latency, for distributions; larger values count as this one" default:"1h" range:"0s to 1h" example:"10s"`
}

// Spread is a normal distribution. Negative values count as zero.
type Spread struct {
	Mean   string `json:"mean" type:"duration" doc:"mean" range:"0s to 1h" example:"200ms" required:""`
	Stddev string `json:"stddev" type:"duration" doc:"standard deviation" range:"0s to 1h" example:"50ms" required:""`
}

// LogRange is a lognormal distribution, given by two of its percentiles.
type LogRange struct {
	Median string `json:"median" type:"duration" doc:"median" range:"above 0s, at most 1h" example:"100ms" required:""`
	P99    string `json:"p99" type:"duration" doc:"99th percentile" range:"median to 1h" example:"2s" required:""`
}

// ShortForms returns "": a duration is short for the member fixed.
func (Latency) ShortForms() []any { return []any{""} }

// UnmarshalJSON implements json.Unmarshaler.
func (l *Latency) UnmarshalJSON(text []byte) error {
	type object Latency
	*l = Latency{}
	return decodeDistribution(text, &l.Fixed, (*object)(l))
}

// decodeDistribution decodes the short form of a distribution, a duration, into fixed, and the long one into object.
func decodeDistribution(text []byte, fixed *string, object any) error {
	switch text[0] {
	case '"':
		return json.Unmarshal(text, fixed)
	case '{':
		return json.Unmarshal(text, object)
	}
	return &strict.Error{Detail: string(text) + ` is neither a duration, such as "2s", nor an object, such as ` +
		`{"uniform":["1s","3s"]}`}
}

// sampler draws values of a valid Latency or RetryAfter.
type sampler struct {
	draw func(r *rand.Rand) float64
	cap  time.Duration
}

// sample draws a duration, in whole microseconds.
func (s *sampler) sample(r *rand.Rand) time.Duration {
	return time.Duration(min(max(s.draw(r), 0), float64(s.cap))).Round(time.Microsecond)
}

// spans reads the durations of a member. Most is the largest one.
type spans struct {
	path string // of the object that they are in
	most time.Duration
}

// parseDuration reads a duration from 0 to maxLatency.
func parseDuration(path, text string) (time.Duration, error) {
	return spans{most: maxLatency}.parse(path, text)
}

func (s spans) parse(path, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > s.most {
		return 0, invalid(s.path+path, `%.80q is not a duration from 0s to %.0fh, such as "250ms"`, text, s.most.Hours())
	}
	return d, nil
}

// pair reads two durations. If ordered is set, the second must not be less than the first.
func (s spans) pair(names, texts [2]string, ordered bool) (a, b float64, err error) {
	var d [2]time.Duration
	for i := range d {
		if d[i], err = s.parse(names[i], texts[i]); err != nil {
			return 0, 0, err
		}
	}
	if ordered && d[1] < d[0] {
		return 0, 0, invalid(s.path+names[1], "%s is shorter than %s", d[1], d[0])
	}
	return float64(d[0]), float64(d[1]), nil
}

// compile checks the distribution and returns its sampler.
func (s spans) compile(l *Latency) (*sampler, error) {
	draws := &sampler{cap: s.most}
	var err error
	if l.Cap != "" {
		if draws.cap, err = s.parse(".cap", l.Cap); err != nil {
			return nil, err
		}
	}
	given := 0
	for _, is := range []bool{l.Fixed != "", l.Uniform != nil, l.Normal != nil, l.Lognormal != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, &InvalidError{Path: s.path, Valid: []string{"fixed", "uniform", "normal", "lognormal"},
			Detail: `exactly one distribution must be given, such as "2s", {"uniform":["1s","3s"]}, ` +
				`{"normal":{"mean":"2s","stddev":"500ms"}} or {"lognormal":{"median":"2s","p99":"10s"}}`}
	}
	draws.draw, err = s.distribution(l)
	return draws, err
}

// distribution returns a function that draws from the given distribution, in nanoseconds.
func (s spans) distribution(l *Latency) (func(*rand.Rand) float64, error) {
	switch {
	case l.Uniform != nil:
		if len(l.Uniform) != 2 {
			return nil, invalid(s.path+".uniform", `must be two durations, the shortest and the longest, such as ["1s","3s"]`)
		}
		a, b, err := s.pair([2]string{".uniform[0]", ".uniform[1]"}, [2]string(l.Uniform), true)
		return func(r *rand.Rand) float64 { return a + r.Float64()*(b-a) }, err
	case l.Normal != nil:
		mean, dev, err := s.pair([2]string{".normal.mean", ".normal.stddev"},
			[2]string{l.Normal.Mean, l.Normal.Stddev}, false)
		return func(r *rand.Rand) float64 { return mean + r.NormFloat64()*dev }, err
	case l.Lognormal != nil:
		median, p99, err := s.pair([2]string{".lognormal.median", ".lognormal.p99"},
			[2]string{l.Lognormal.Median, l.Lognormal.P99}, true)
		if err == nil && median == 0 {
			err = invalid(s.path+".lognormal.median", "must be above 0s")
		}
		const z99 = 2.3263478740408408 // the 99th percentile of the standard normal distribution
		return func(r *rand.Rand) float64 { return median * math.Exp(r.NormFloat64()*math.Log(p99/median)/z99) }, err
	}
	d, err := s.fixed(l)
	if err == nil && l.Cap != "" {
		err = invalid(s.path+".cap", "cannot be combined with fixed; remove it")
	}
	return func(*rand.Rand) float64 { return float64(d) }, err
}

// fixed reads the member fixed. The error for text that is no duration lists the other forms.
func (s spans) fixed(l *Latency) (time.Duration, error) {
	if _, err := time.ParseDuration(l.Fixed); err != nil {
		return 0, invalid(s.path, `%.80q is not a duration; use "2s", {"uniform":["1s","3s"]}, `+
			`{"normal":{"mean":"2s","stddev":"500ms"}} or {"lognormal":{"median":"2s","p99":"10s"}}`, l.Fixed)
	}
	return s.parse(".fixed", l.Fixed)
}
