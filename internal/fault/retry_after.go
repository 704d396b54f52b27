package fault

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"
)

// RetryAfter is the header Retry-After of an injected response. Its JSON is a string if only Fixed is set.
type RetryAfter struct {
	Fixed     string    `json:"fixed,omitempty" type:"duration" doc:"always the same; one of fixed, uniform, normal and lognormal must be given" range:"0s to 24h" example:"2s"`
	Uniform   []string  `json:"uniform,omitempty" doc:"shortest and longest duration, any value between them is equally likely" range:"two durations from 0s to 24h" example:"[\"1s\",\"30s\"]"`
	Normal    *Spread   `json:"normal,omitempty" doc:"a normal distribution; negative values count as 0s"`
	Lognormal *LogRange `json:"lognormal,omitempty" doc:"a lognormal distribution"`
	Cap       string    `json:"cap,omitempty" type:"duration" doc:"largest duration, for distributions; larger values count as this one" default:"24h" range:"0s to 24h" example:"1m"`
	As        RetryForm `json:"as,omitempty" doc:"seconds: a number, rounded up; date: an HTTP date on the world's clock" default:"seconds" example:"date"`
}

// RetryForm is a form of the header Retry-After (RFC 9110, 10.2.3).
type RetryForm string

// The forms of the header.
const (
	InSeconds RetryForm = "seconds"
	AsDate    RetryForm = "date"
)

// Names lists the forms.
func (RetryForm) Names() []string { return []string{string(InSeconds), string(AsDate)} }

// ShortForms returns "": a duration is short for the member fixed.
func (RetryAfter) ShortForms() []any { return []any{""} }

// UnmarshalJSON implements json.Unmarshaler.
func (a *RetryAfter) UnmarshalJSON(text []byte) error {
	type object RetryAfter
	*a = RetryAfter{}
	return decodeDistribution(text, &a.Fixed, (*object)(a))
}

// MarshalJSON implements json.Marshaler.
func (a *RetryAfter) MarshalJSON() ([]byte, error) {
	if a.Fixed != "" && a.Cap == "" && a.As == "" {
		return json.Marshal(a.Fixed)
	}
	type object RetryAfter
	return json.Marshal((*object)(a))
}

func (a *RetryAfter) compile() (*sampler, error) {
	if a.As != "" && a.As != InSeconds && a.As != AsDate {
		return nil, &InvalidError{Path: pathRetryAfter + ".as", Valid: a.As.Names(),
			Detail: quoted(string(a.As)) + " is not a form of the header"}
	}
	return spans{pathRetryAfter, maxRetry}.compile(&Latency{Fixed: a.Fixed, Uniform: a.Uniform, Normal: a.Normal,
		Lognormal: a.Lognormal, Cap: a.Cap})
}

// retryAfter returns the value of the header for a response at the instant now of the world's clock, or "" for none.
// random may be nil if the effect has no such member.
func (r *Ready) retryAfter(random *rand.Rand, now, renewed time.Time) string {
	e := &r.Rule.Effect
	switch {
	case r.retry != nil:
		d := r.retry.sample(random)
		if e.RetryAfter.As == AsDate {
			return now.Add(d + time.Second - 1).UTC().Format(httpDate)
		}
		return wholeSeconds(d)
	case e.Status != 0 && !renewed.IsZero():
		return wholeSeconds(renewed.Sub(now))
	}
	return ""
}

// httpDate is the layout of an HTTP date (RFC 9110, 5.6.7).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
