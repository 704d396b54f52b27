package statemachine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/strict"
)

// Profile chooses the defaults of all named delays.
type Profile string

// The profiles. With Instant a resource reaches its final state at once. Fast delays are tenths of a second, and
// Realistic ones are minutes.
const (
	Instant   Profile = "instant"
	Fast      Profile = "fast"
	Realistic Profile = "realistic"
)

// ParseProfile returns the profile with that name, or an error for an unknown name.
func ParseProfile(s string) (Profile, error) {
	switch p := Profile(s); p {
	case Instant, Fast, Realistic:
		return p, nil
	default:
		return "", fmt.Errorf("delays %q: must be instant, fast or realistic", s)
	}
}

type distribution int

const (
	fixed distribution = iota
	uniform
	normal
	lognormal
	reads
	held
)

// maxDelay bounds every delay to a hundred years, so that no due time leaves the range of time.Time.
const maxDelay = 100 * 365 * 24 * time.Hour

// maxReads bounds reads:N.
const maxReads = 1_000_000

// Delay is how long a timed transition waits: a duration, a distribution, a number of observations, or until it is
// released. Its JSON forms are those of control-api.md: "5s", {"uniform":["1s","3s"]},
// {"normal":{"mean":"2s","stddev":"500ms"}}, {"lognormal":{"median":"2s","p99":"10s"}}, "reads:3", "held".
type Delay struct {
	how  distribution
	a, b time.Duration
	n    int
}

// ParseDelay reads one of the JSON forms, or the text of a string form without quotes.
func ParseDelay(data []byte) (Delay, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return Delay{}, delayError("nothing")
	}
	if data[0] == '{' {
		return parseDistribution(data)
	}
	text := string(data)
	if data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return Delay{}, delayError(string(data))
		}
	}
	switch {
	case text == "held":
		return Delay{how: held}, nil
	case strings.HasPrefix(text, "reads:"):
		n, err := strconv.Atoi(strings.TrimPrefix(text, "reads:"))
		if err != nil || n < 1 || n > maxReads {
			return Delay{}, fmt.Errorf("delay %q: reads takes a number from 1 to %d, as in reads:3", text, maxReads)
		}
		return Delay{how: reads, n: n}, nil
	}
	d, err := parseBounded(text)
	return Delay{a: d}, err
}

func parseDistribution(data []byte) (Delay, error) {
	var form struct {
		Uniform   *[2]string                     `json:"uniform"`
		Normal    *struct{ Mean, Stddev string } `json:"normal"`
		Lognormal *struct{ Median, P99 string }  `json:"lognormal"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&form); err != nil {
		return Delay{}, delayError(string(data))
	}
	var d Delay
	var a, b string
	given := 0
	if form.Uniform != nil {
		d.how, a, b, given = uniform, form.Uniform[0], form.Uniform[1], given+1
	}
	if form.Normal != nil {
		d.how, a, b, given = normal, form.Normal.Mean, form.Normal.Stddev, given+1
	}
	if form.Lognormal != nil {
		d.how, a, b, given = lognormal, form.Lognormal.Median, form.Lognormal.P99, given+1
	}
	if given != 1 {
		return Delay{}, delayError(string(data))
	}
	var err error
	if d.a, err = parseBounded(a); err != nil {
		return Delay{}, err
	}
	if d.b, err = parseBounded(b); err != nil {
		return Delay{}, err
	}
	if d.how != normal && d.b < d.a {
		return Delay{}, fmt.Errorf("delay %s: the second duration must not be shorter than the first", data)
	}
	if d.how == lognormal && d.a == 0 {
		return Delay{}, fmt.Errorf("delay %s: the median must be longer than zero", data)
	}
	return d, nil
}

func parseBounded(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case strict.IsLongDuration(text, err):
		return 0, fmt.Errorf("delay %.80q: must not be longer than %s", text, maxDelay)
	case err != nil:
		return 0, delayError(text)
	case d < 0:
		return 0, fmt.Errorf("delay %q: must not be negative", text)
	case d > maxDelay:
		return 0, fmt.Errorf("delay %q: must not be longer than %s", text, maxDelay)
	}
	return d, nil
}

func delayError(got string) error {
	return fmt.Errorf(`delay %s: must be a duration like "5s", "reads:3", "held", {"uniform":["1s","3s"]}, `+
		`{"normal":{"mean":"2s","stddev":"500ms"}} or {"lognormal":{"median":"2s","p99":"10s"}}`, got)
}

// MarshalJSON returns the form that ParseDelay reads.
func (d Delay) MarshalJSON() ([]byte, error) {
	switch d.how {
	case uniform:
		return json.Marshal(map[string][2]string{"uniform": {d.a.String(), d.b.String()}})
	case normal:
		return json.Marshal(map[string]any{"normal": map[string]string{"mean": d.a.String(), "stddev": d.b.String()}})
	case lognormal:
		return json.Marshal(map[string]any{"lognormal": map[string]string{"median": d.a.String(), "p99": d.b.String()}})
	case reads:
		return json.Marshal("reads:" + strconv.Itoa(d.n))
	case held:
		return json.Marshal("held")
	case fixed:
	}
	return json.Marshal(d.a.String())
}

// UnmarshalJSON is ParseDelay.
func (d *Delay) UnmarshalJSON(data []byte) error {
	parsed, err := ParseDelay(data)
	*d = parsed
	return err
}

// immediate reports whether the delay is always zero.
func (d Delay) immediate() bool { return d.how == fixed && d.a == 0 }

// draw returns the duration for one transition. It calls random for distributions only.
func (d Delay) draw(random func() *rand.Rand) time.Duration {
	var v float64
	switch d.how {
	case uniform:
		v = float64(d.a) + random().Float64()*float64(d.b-d.a)
	case normal:
		v = float64(d.a) + random().NormFloat64()*float64(d.b)
	case lognormal:
		const z99 = 2.3263478740408408 // the 99th percentile of the standard normal distribution
		sigma := math.Log(float64(d.b)/float64(d.a)) / z99
		v = float64(d.a) * math.Exp(random().NormFloat64()*sigma)
	case fixed, reads, held:
		return d.a
	}
	return time.Duration(min(max(v, 0), float64(maxDelay))).Round(time.Millisecond)
}

// multiply multiplies a duration by a factor. The result is bounded by 0 and maxDelay.
func multiply(d time.Duration, units float64) time.Duration {
	if math.IsNaN(units) {
		return d
	}
	return time.Duration(min(max(float64(d)*units, 0), float64(maxDelay))).Round(time.Millisecond)
}
