package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// check compares a response with what the step expects. If the step expects nothing, a refused control call is not a
// failed expectation: the scenario cannot run, and its verdict is Broken.
func (r *Run) check(s *Step, a *answer) error {
	e := s.Expect
	if e == nil {
		e = &Response{}
	}
	switch {
	case e.NoAnswer && a.err == nil:
		return failed("expected no response, but got %d", a.status)
	case e.NoAnswer:
		return nil
	case a.err != nil:
		return failed("expected a response, but got none: %v", a.err)
	case s.Expect == nil && s.call.control && a.status >= http.StatusBadRequest:
		return &refusedError{call: s.call.method + " " + s.call.path, status: a.status, detail: a.detail()}
	case !hasStatus(e.Status, a.status):
		return failed("expected %s, but the response is %d: %s", describeStatuses(e.Status), a.status, a.detail())
	}
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		want, err := r.vars.expand(e.Header[name])
		if err != nil {
			return err
		}
		if got := a.header.Values(name); !slices.ContainsFunc(got, func(v string) bool { return glob(want, v) }) {
			return failed("expected the header %s to be %q, but it is %q", name, want, got)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(e.Body)) {
		want, err := r.vars.expandAll(e.Body[path])
		if err != nil {
			return err
		}
		if got := lookup(a.body, path); !same(want, got) {
			return failed("expected %s to be %s, but it is %s", path, jsonText(want), jsonText(got))
		}
	}
	return nil
}

// save saves values of a response in variables.
func (r *Run) save(s *Step, a *answer) error {
	for _, name := range slices.Sorted(maps.Keys(s.Save)) {
		value := lookup(a.body, s.Save[name])
		switch v := value.(type) {
		case nil:
			return failed("the response has no value at %s to save as %s: %s", s.Save[name], name, a.detail())
		case string:
			r.vars[name] = v
		default:
			r.vars[name] = jsonText(v)
		}
	}
	return nil
}

// judge checks the expectations of the scenario. It returns the first failure.
func (r *Run) judge(ctx context.Context) error {
	var first error
	for i := range r.s.Expect {
		err := r.expect(ctx, &r.s.Expect[i])
		var fail *failure
		if err != nil && !errors.As(err, &fail) {
			return err
		}
		r.mu.Lock()
		o := &r.report.Expect[i]
		holds := err == nil
		o.Check = r.vars.show(o.Check)
		if o.Holds = &holds; !holds {
			o.Why = fail.why
		}
		r.mu.Unlock()
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (r *Run) expect(ctx context.Context, e *Expectation) error {
	if e.Verify == nil {
		state, err := r.state(ctx, e.Resource)
		if err == nil && state != e.Resource.State {
			return failed("expected that %s, but it is %s", r.vars.show(e.describe()), state)
		}
		return err
	}
	_, err := r.ask(ctx, http.MethodPost, "/_sim/verify", e.Verify)
	var refused *refusedError
	if errors.As(err, &refused) && refused.status == http.StatusNotAcceptable {
		return failed("%s", refused.detail)
	}
	return err
}

// lookup returns the value at a path such as .a.b[0].c in a JSON document, or nil if there is none.
func lookup(text []byte, path string) any {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// same reports whether two JSON values are equal. Numbers are equal if their values are: 1 and 1.0.
func same(want, got any) bool {
	switch w := want.(type) {
	case json.Number:
		g, ok := got.(json.Number)
		a, aErr := w.Float64()
		b, bErr := g.Float64()
		return ok && (w == g || aErr == nil && bErr == nil && a == b)
	case map[string]any:
		g, ok := got.(map[string]any)
		return ok && maps.EqualFunc(w, g, same)
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(w, g, same)
	}
	return reflect.DeepEqual(want, got)
}

// glob reports whether a text matches a pattern, in which * stands for any text.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, last)
}
