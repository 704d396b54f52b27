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

// check says what an answer has that was not expected. A control call that was refused where nothing was said about its
// answer is no expectation that failed, but a scenario that cannot be carried out.
func (r *Run) check(s *Step, a *answer) error {
	e := &s.Expect
	switch {
	case e.NoAnswer && a.err == nil:
		return failed("expected no answer, but %d came", a.status)
	case e.NoAnswer:
		return nil
	case a.err != nil:
		return failed("expected an answer, but none came: %v", a.err)
	case !e.Said && s.Call.Control && a.status >= http.StatusBadRequest:
		return &refusedError{call: s.Call.Method + " " + s.Call.Path, status: a.status, detail: a.detail()}
	case !e.Status.Has(a.status):
		return failed("expected %s, but the answer is %d: %s", e.Status.words(), a.status, a.detail())
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
	for _, part := range e.Body {
		want, err := r.vars.expandAll(part.Want)
		if err != nil {
			return err
		}
		if got := lookup(a.body, part.Path); !same(want, got) {
			return failed("expected %s to be %s, but it is %s", part.Path, jsonText(want), jsonText(got))
		}
	}
	return nil
}

// keep takes parts of an answer for later.
func (r *Run) keep(s *Step, a *answer) error {
	for _, name := range slices.Sorted(maps.Keys(s.Save)) {
		value := lookup(a.body, s.Save[name])
		switch v := value.(type) {
		case nil:
			return failed("the answer has nothing at %s to save as %s: %s", s.Save[name], name, a.detail())
		case string:
			r.vars[name] = v
		default:
			r.vars[name] = jsonText(v)
		}
	}
	return nil
}

// judge looks at what must hold in the end.
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
		state, err := r.state(ctx, e.Kind, e.ID)
		if err == nil && state != e.State {
			return failed("expected %s, but it is %s", e.words(), state)
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

func jsonText(value any) string {
	text, _ := json.Marshal(value) // it was JSON before
	return string(text)
}

// lookup follows a path like .a.b[0].c through a JSON document; nil where it leads nowhere.
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

// same compares values of JSON; numbers are the same if they are worth the same.
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

// glob fits a text to a pattern in which * stands for anything.
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
		_, behind, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = behind
	}
	return strings.HasSuffix(rest, last)
}
