package control

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/redact"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// verification is the body of POST /_sim/verify. Each member that is given is a check of the world's exchanges in the
// journal; all checks must hold.
type verification struct {
	Match        verifyMatch `json:"match"`
	Count        *countRange `json:"count"`
	Order        []string    `json:"order"`
	NotFollowed  []string    `json:"notFollowedBy" doc:"Two operations: after the first, no request for the second began."`
	NoEarlyRetry bool        `json:"noEarlyRetry"`
	NoLeaks      bool        `json:"noLeaks"`
	NoUnexpected bool        `json:"noUnexpected"`
	Since        string      `json:"since" doc:"A request id, such as req-12, or a time of the world's clock: only later requests count."`
}

// countRange limits the number of exchanges. An absent limit does not apply.
type countRange struct {
	Min *int `json:"min"`
	Max *int `json:"max"`
}

// verdict is the result of one check. Actual is set if the check fails.
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

// problem returns the 406 response with the expected and actual values of the failed checks.
func (v *verified) problem() *Problem {
	var wrong []string
	for _, c := range v.Checks {
		if !c.Holds {
			wrong = append(wrong, fmt.Sprintf("%s: expected %s, but %s", c.Check, c.Expected, c.Actual))
		}
	}
	return &Problem{Status: http.StatusNotAcceptable, Detail: strings.Join(wrong, "; "), Checks: v.Checks}
}

// verify returns 200 if all checks hold, and 406 otherwise. With world=* they are checks of all lives of all worlds.
func verify(c *Control, r *call, q *verification) (verified, error) {
	if err := c.checkVerification(q); err != nil {
		return verified{}, err
	}
	scope, err := c.scope(r)
	if err != nil {
		return verified{}, err
	}
	if err := q.checkScope(scope); err != nil {
		return verified{}, err
	}
	seen, lives, err := c.exchanges(scope, q)
	if err != nil {
		return verified{}, err
	}
	v := verified{Holds: true, Checks: []verdict{}}
	add := func(check, expected, actual string) {
		v.Checks = append(v.Checks, verdict{Check: check, Holds: actual == "", Expected: expected, Actual: actual})
		v.Holds = v.Holds && actual == ""
	}
	if q.Count != nil || len(q.Order) > 0 || len(q.NotFollowed) > 0 {
		selected, err := c.selected(seen, &q.Match)
		if err != nil {
			return verified{}, err
		}
		if q.Count != nil {
			expected, actual := q.Count.judge(q.Match.count(selected))
			add("count", expected, actual)
		}
		if len(q.Order) > 0 {
			add("order", strings.Join(q.Order, " before "), outOfOrder(selected, q.Order))
		}
		if len(q.NotFollowed) > 0 {
			add("notFollowedBy", strings.Join(q.NotFollowed, " without a later "), followed(selected, q.NotFollowed))
		}
	}
	if q.NoEarlyRetry {
		add("noEarlyRetry", "no retry before Retry-After has elapsed, on the world's clock or on the wall clock",
			earlyRetry(seen, lives))
	}
	if q.NoUnexpected {
		add("noUnexpected", "only requests that match an operation", unexpected(seen))
	}
	if q.NoLeaks {
		found, err := c.leaksIn(r, scope)
		if err != nil {
			return verified{}, err
		}
		add("noLeaks", "no resource created since the world started", found)
	}
	if !v.Holds {
		return verified{}, v.problem()
	}
	return v, nil
}

// checkScope returns an error for a check that has no meaning in several worlds.
func (q *verification) checkScope(scope api.Scope) error {
	for name, given := range map[string]bool{"order": len(q.Order) > 0, "notFollowedBy": len(q.NotFollowed) > 0} {
		if scope.All && given {
			return &strict.Error{Path: name, Detail: "is a check of one world, in which requests have an order; name the " +
				"world instead of world=*"}
		}
	}
	return nil
}

// exchanges returns the journal's exchanges of the scope, oldest first, and the numbers of their lives by their ids.
func (c *Control) exchanges(scope api.Scope, q *verification) ([]api.Exchange, map[string]uint64, error) {
	since, err := readSince("since", q.Since)
	if err != nil {
		return nil, nil, err
	}
	found, _, dropped := c.Journal.Find(scope, maxVerified, 0, since)
	if dropped > 0 {
		return nil, nil, &Problem{Status: http.StatusConflict, Detail: fmt.Sprintf(
			"the journal dropped %d exchanges because it is full; clear it (DELETE /_sim/requests) before the test, "+
				"so that all requests of the test are verified", dropped)}
	}
	var seen []api.Exchange
	lives := map[string]uint64{}
	for _, f := range found {
		if x, ok := c.Journal.Read(f); ok {
			x.URL = redact.URL(x.URL) // error texts show it
			seen = append(seen, x)
			lives[x.ID] = c.Journal.LifeOf(f)
		}
	}
	return seen, lives, nil
}

// leaksIn describes the leaks in the worlds of the scope; "" if there are none.
func (c *Control) leaksIn(r *call, scope api.Scope) (string, error) {
	if !scope.All {
		leaked, err := c.leaks(cmp.Or(r.query.Get("world"), r.world()))
		return foundLeaks(leaked), err
	}
	var words []string
	for _, world := range c.worldNames() {
		leaked, err := c.leaks(world)
		switch found := foundLeaks(leaked); {
		case errors.Is(err, store.ErrNoWorld): // deleted meanwhile
		case err != nil:
			return "", err
		case found != "":
			words = append(words, fmt.Sprintf("in world %s %s", world, found))
		}
	}
	return strings.Join(words, ", "), nil
}

// checkVerification returns an error for an unknown operation or status, and for a body without a check.
func (c *Control) checkVerification(q *verification) error {
	for i, operation := range append([]string{q.Match.Operation}, q.Order...) {
		if err := c.checkOperation(operation); err != nil {
			return err
		}
		if i > 0 && operation == "" {
			return &strict.Error{Path: "order", Detail: "an empty string is not an operation"}
		}
	}
	for _, operation := range q.NotFollowed {
		if err := c.checkOperation(operation); err != nil || operation == "" {
			return cmp.Or(err, error(&strict.Error{Path: "notFollowedBy", Detail: "an empty string is not an operation"}))
		}
	}
	if n := len(q.NotFollowed); n != 0 && n != 2 {
		return &strict.Error{Path: "notFollowedBy", Detail: fmt.Sprintf("has %d operations and not two, such as "+
			`["lightbits.DeleteVolume","lightbits.UpdateVolume"]`, n)}
	}
	if err := c.checkVerifyMatch(&q.Match); err != nil {
		return err
	}
	if _, err := readSince("since", q.Since); err != nil {
		return err
	}
	if q.Count != nil && q.Count.Min == nil && q.Count.Max == nil {
		return &strict.Error{Path: "count", Detail: "needs min or max", Valid: []string{"min", "max"}}
	}
	if q.Count == nil && len(q.Order) == 0 && len(q.NotFollowed) == 0 && !q.NoEarlyRetry && !q.NoLeaks && !q.NoUnexpected {
		return &strict.Error{Path: "", Detail: "the request verifies nothing; give at least one check",
			Valid: []string{"count", "order", "notFollowedBy", "noEarlyRetry", "noLeaks", "noUnexpected"}}
	}
	return nil
}

// maxVerified is larger than any journal.
const maxVerified = 1 << 30

// isOperation reports whether the exchange's operation matches the pattern. The pattern "" matches any operation.
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
		actual = fmt.Sprintf("found %d", n)
	}
	return expected, actual
}

// outOfOrder describes the first operation that did not succeed in the given order; "" if all did.
func outOfOrder(seen []api.Exchange, order []string) string {
	from := 0
	for k, pattern := range order {
		found := -1
		for i := from; i < len(seen); i++ {
			if isOperation(&seen[i], pattern) && happened(&seen[i]) {
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

// happened reports whether an exchange did what it asks for, or may still do it: it succeeded, its response was lost
// after the operation had succeeded, or it is open.
func happened(x *api.Exchange) bool {
	switch {
	case x.Open:
		return true
	case x.Lost != nil:
		return x.Lost.Status < http.StatusBadRequest
	}
	return x.Status != 0 && x.Status < http.StatusBadRequest
}

// followed describes the first request for the second operation that began after one for the first that happened; "" if
// there is none.
func followed(seen []api.Exchange, pair []string) string {
	first := ""
	for i := range seen {
		if first != "" && isOperation(&seen[i], pair[1]) {
			return fmt.Sprintf("%s %s followed %s", seen[i].Operation, seen[i].ID, first)
		}
		if first == "" && isOperation(&seen[i], pair[0]) && happened(&seen[i]) {
			first = seen[i].Operation + " " + seen[i].ID
		}
	}
	return ""
}

// earlyRetry describes the first request that was repeated before its Retry-After had elapsed, both on the world's
// clock, which a test moves, and on the wall clock, on which a client waits while the world's clock is frozen
// (assumption 381). Lives has the lives of the exchanges by id: a request does not repeat one of another life.
func earlyRetry(seen []api.Exchange, lives map[string]uint64) string {
	type key struct {
		operation, url string
		life           uint64
	}
	until := map[key]api.Exchange{}
	for _, x := range seen {
		k := key{x.Operation, x.Method + " " + x.URL, lives[x.ID]}
		if before, ok := until[k]; ok {
			wait := time.Duration(before.RetryAfter) * time.Second
			if passed := x.At.Sub(before.At); passed < wait && x.Started.Sub(before.Started) < wait {
				return fmt.Sprintf("%s repeated %s (%s) after %s; its Retry-After was %s", x.ID, before.ID, k.url, passed, wait)
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
	return fmt.Sprintf("%d matched no operation: %s", len(calls), strings.Join(calls[:min(len(calls), 10)], ", "))
}
