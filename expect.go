package storagesim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Expectation is something that must hold of the requests to a world.
type Expectation interface {
	// verification returns the body of POST /_sim/verify and what the check is called.
	verification() (body map[string]any, name string)
}

// Expect fails the test if an expectation does not hold now, and says what happened instead. The test goes on.
func (w *World) Expect(expectations ...Expectation) {
	w.tb.Helper()
	var unmet []string
	for _, e := range expectations {
		body, name := e.verification()
		status, text := w.program.call(http.MethodPost, "/_sim/verify", w.Name, body)
		switch status {
		case http.StatusOK:
		case http.StatusNotAcceptable:
			unmet = append(unmet, name+": "+found(text))
		default:
			w.tb.Fatalf("storagesim: %s: %s", name, problem(text))
		}
	}
	if len(unmet) > 0 {
		w.tb.Errorf("storagesim: %s", strings.Join(unmet, "\n"))
	}
}

// found returns what failed checks expected and found.
func found(text []byte) string {
	var p struct {
		Checks []struct {
			Holds            bool
			Expected, Actual string
		}
	}
	if json.Unmarshal(text, &p) != nil {
		return problem(text)
	}
	var words []string
	for _, c := range p.Checks {
		if !c.Holds {
			words = append(words, fmt.Sprintf("expected %s, but %s", c.Expected, c.Actual))
		}
	}
	return strings.Join(words, "; ")
}

// CallCount is the expectation that requests for an operation were sent. Without Min, Max and Exactly it expects one or
// more of them, whatever their responses were.
type CallCount struct {
	op       Operation
	status   string
	min, max *int
}

// Calls expects requests for an operation.
func Calls(op Operation) CallCount { return CallCount{op: op} }

// Met expects that requests for an operation had the status: that the client has seen this refusal.
func Met(op Operation, status int) CallCount { return CallCount{op: op, status: fmt.Sprint(status)} }

// Min expects n requests or more.
func (c CallCount) Min(n int) CallCount {
	c.min = &n
	return c
}

// Max expects n requests or fewer.
func (c CallCount) Max(n int) CallCount {
	c.max = &n
	return c
}

// Exactly expects n requests.
func (c CallCount) Exactly(n int) CallCount { return c.Min(n).Max(n) }

func (c CallCount) verification() (body map[string]any, name string) {
	match := map[string]string{"operation": string(c.op)}
	name = string(c.op)
	if c.status != "" {
		match["status"] = c.status
		name += " " + c.status
	}
	count := map[string]int{}
	if c.min != nil {
		count["min"] = *c.min
	}
	if c.max != nil {
		count["max"] = *c.max
	}
	if len(count) == 0 {
		count["min"] = 1
	}
	return map[string]any{"match": match, "count": count}, name
}

// check is an expectation about all requests.
type check struct {
	name  string
	value any
}

func (c check) verification() (body map[string]any, name string) {
	return map[string]any{c.name: c.value}, c.name
}

// InOrder expects that the operations succeeded in this order, with any others between them.
func InOrder(ops ...Operation) Expectation { return check{"order", ops} }

// NotFollowed expects that no request for the second operation began after the first had succeeded.
func NotFollowed(first, second Operation) Expectation {
	return check{"notFollowedBy", []Operation{first, second}}
}

// NoEarlyRetry expects that no client repeated a request before the Retry-After that it was given.
func NoEarlyRetry() Expectation { return check{"noEarlyRetry", true} }

// NoLeaks expects that everything that was created in the world is deleted, or is being deleted.
func NoLeaks() Expectation { return check{"noLeaks", true} }

// NoUnexpected expects that no request went to a path that no vendor has.
func NoUnexpected() Expectation { return check{"noUnexpected", true} }
