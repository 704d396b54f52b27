package control

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/strict"
)

// verification is what POST /_sim/verify takes: any of its members, all of which must hold for the world's exchanges in
// the journal.
type verification struct {
	Match        verifyMatch `json:"match"`
	Count        *countRange `json:"count"`
	Order        []string    `json:"order"`
	NoEarlyRetry bool        `json:"noEarlyRetry"`
	NoLeaks      bool        `json:"noLeaks"`
	NoUnexpected bool        `json:"noUnexpected"`
}

// verifyMatch says which exchanges are meant: an operation's id or a glob of it, a status or a class like 4xx. What is
// absent matches all.
type verifyMatch struct {
	Operation string `json:"operation"`
	Status    string `json:"status"`
}

// countRange bounds a number of exchanges; an absent bound is none.
type countRange struct {
	Min *int `json:"min"`
	Max *int `json:"max"`
}

// verdict is one thing that was looked at. Actual is told where it does not hold.
type verdict struct {
	Check    string `json:"check"`
	Holds    bool   `json:"holds"`
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
}

type verified struct {
	Holds  bool      `json:"holds"`
	Checks []verdict `json:"checks"`
}

// problem is the answer 406: expected and actual of what does not hold.
func (v *verified) problem() *Problem {
	var wrong []string
	for _, c := range v.Checks {
		if !c.Holds {
			wrong = append(wrong, fmt.Sprintf("%s: expected %s, but %s", c.Check, c.Expected, c.Actual))
		}
	}
	return &Problem{Status: http.StatusNotAcceptable, Detail: strings.Join(wrong, "; "), Checks: v.Checks}
}

// verify answers 200 when all that was asked holds, else 406 with expected and actual.
func verify(c *Control, r *call, q *verification) (verified, error) {
	seen, err := c.exchanges(r, q)
	if err != nil {
		return verified{}, err
	}
	v := verified{Holds: true, Checks: []verdict{}}
	add := func(check, expected, actual string) {
		v.Checks = append(v.Checks, verdict{Check: check, Holds: actual == "", Expected: expected, Actual: actual})
		v.Holds = v.Holds && actual == ""
	}
	if q.Count != nil {
		expected, actual := q.Count.judge(c.matching(seen, q.Match))
		add("count", expected, actual)
	}
	if len(q.Order) > 0 {
		add("order", strings.Join(q.Order, " before "), outOfOrder(seen, q.Order))
	}
	if q.NoEarlyRetry {
		add("noEarlyRetry", "no retry before Retry-After has passed on the world's clock or on the client's", earlyRetry(seen))
	}
	if q.NoUnexpected {
		add("noUnexpected", "only calls that an operation answers", unexpected(seen))
	}
	if q.NoLeaks {
		leaked, err := c.leaks(r.world())
		if err != nil {
			return verified{}, err
		}
		add("noLeaks", "nothing that was made is left", named(leaked))
	}
	if !v.Holds {
		return verified{}, v.problem()
	}
	return v, nil
}

// exchanges checks the question and answers the journal's exchanges of the call's world, oldest first.
func (c *Control) exchanges(r *call, q *verification) ([]api.Exchange, error) {
	if _, err := c.DB.World(r.world()); err != nil {
		return nil, err
	}
	if err := c.checkVerification(q); err != nil {
		return nil, err
	}
	seen, dropped := c.Journal.List(maxVerified, func(x *api.Exchange) bool { return x.World == r.world() })
	if dropped > 0 {
		return nil, &Problem{Status: http.StatusConflict, Detail: fmt.Sprintf(
			"the journal has forgotten %d exchanges for want of room; empty it before the test, so that what is verified is all there was", dropped)}
	}
	for i := range seen {
		seen[i].URL, _ = c.redactURL(seen[i].URL, nil) // it is shown
	}
	return seen, nil
}

// checkVerification refuses a question about what there is not, and one that asks nothing.
func (c *Control) checkVerification(q *verification) error {
	for i, operation := range append([]string{q.Match.Operation}, q.Order...) {
		if err := c.checkOperation(operation); err != nil {
			return err
		}
		if i > 0 && operation == "" {
			return &strict.Error{Path: "order", Detail: "an operation is missing"}
		}
	}
	if _, _, err := statusRange(q.Match.Status); err != nil {
		return err
	}
	if q.Count != nil && q.Count.Min == nil && q.Count.Max == nil {
		return &strict.Error{Path: "count", Detail: "min or max must be given", Valid: []string{"min", "max"}}
	}
	if q.Count == nil && len(q.Order) == 0 && !q.NoEarlyRetry && !q.NoLeaks && !q.NoUnexpected {
		return &strict.Error{Path: "", Detail: "nothing to verify",
			Valid: []string{"count", "order", "noEarlyRetry", "noLeaks", "noUnexpected"}}
	}
	return nil
}

// maxVerified is above what a journal holds.
const maxVerified = 1 << 30

// matching counts the exchanges that are meant.
func (c *Control) matching(seen []api.Exchange, m verifyMatch) int {
	low, high, _ := statusRange(m.Status) // was checked
	n := 0
	for i := range seen {
		x := &seen[i]
		if isOperation(x, m.Operation) && x.Status >= low && x.Status <= high {
			n++
		}
	}
	return n
}

// isOperation says whether an exchange is of an operation, or of one that a glob means; "" is all that have one.
func isOperation(x *api.Exchange, pattern string) bool {
	if pattern == "" {
		return x.Operation != ""
	}
	ok, _ := path.Match(pattern, x.Operation) // the pattern was checked
	return ok
}

func (q *countRange) judge(n int) (expected, actual string) {
	switch {
	case q.Min != nil && q.Max != nil:
		expected = fmt.Sprintf("%d to %d", *q.Min, *q.Max)
	case q.Min != nil:
		expected = fmt.Sprintf("at least %d", *q.Min)
	default:
		expected = fmt.Sprintf("at most %d", *q.Max)
	}
	if q.Min != nil && n < *q.Min || q.Max != nil && n > *q.Max {
		actual = fmt.Sprintf("there were %d", n)
	}
	return expected, actual
}

// outOfOrder says what is missing, or came too early, when the operations did not begin to succeed in that order.
func outOfOrder(seen []api.Exchange, order []string) string {
	from := 0
	for k, pattern := range order {
		found := -1
		for i := from; i < len(seen); i++ {
			if isOperation(&seen[i], pattern) && seen[i].Status < http.StatusBadRequest {
				found = i
				break
			}
		}
		if found < 0 {
			if k == 0 {
				return fmt.Sprintf("no %s succeeded", pattern)
			}
			return fmt.Sprintf("no %s succeeded after %s", pattern, order[k-1])
		}
		from = found + 1
	}
	return ""
}

// earlyRetry finds a call that was repeated before its Retry-After had passed, both on the clock of its world, which a
// test moves, and on the wall clock, on which a client waits while the world's stands still (assumption 381).
func earlyRetry(seen []api.Exchange) string {
	type key struct{ operation, url string }
	until := map[key]api.Exchange{}
	for _, x := range seen {
		k := key{x.Operation, x.Method + " " + x.URL}
		if before, ok := until[k]; ok {
			wait := time.Duration(before.RetryAfter) * time.Second
			if passed := x.At.Sub(before.At); passed < wait && x.Started.Sub(before.Started) < wait {
				return fmt.Sprintf("%s repeated %s %s after %s, which had been told to wait %s", x.ID, before.ID, k.url, passed, wait)
			}
			delete(until, k)
		}
		if x.RetryAfter > 0 {
			until[k] = x
		}
	}
	return ""
}

func unexpected(seen []api.Exchange) string {
	var calls []string
	for _, x := range seen {
		if x.Operation == "" {
			call := fmt.Sprintf("%s %s %s (%d)", x.ID, x.Method, x.URL, x.Status)
			if x.Hint != "" {
				call += ": " + x.Hint
			}
			calls = append(calls, call)
		}
	}
	if len(calls) == 0 {
		return ""
	}
	return fmt.Sprintf("%d went elsewhere: %s", len(calls), strings.Join(calls[:min(len(calls), 10)], ", "))
}
