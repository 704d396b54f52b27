package scenario

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder reads the form of a document. What is wrong it notes, and goes on.
type decoder struct {
	problems

	places map[string]int // path → line, for the checks of the meaning
}

// object reads a mapping by the functions of its members. It notes unknown members, members given twice and those that
// must be there.
func (d *decoder) object(n *node, path string, members map[string]func(*node, string), must ...string) {
	if n.kind != mapping {
		d.add(n.line, path, slices.Sorted(maps.Keys(members)), "must be an object, not %s", n.words())
		return
	}
	seen := map[string]bool{}
	for _, m := range n.members {
		at := join(path, m.name)
		read, known := members[m.name]
		switch {
		case !known:
			d.add(m.line, at, slices.Sorted(maps.Keys(members)), "is not known")
		case seen[m.name]:
			d.add(m.line, at, nil, "is given twice")
		default:
			d.places[at] = m.line
			read(m.value, at)
		}
		seen[m.name] = true
	}
	for _, name := range must {
		if !seen[name] {
			d.add(n.line, path, nil, "%s is missing", name)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *decoder) text(into *string) func(*node, string) {
	return func(n *node, path string) {
		switch v := n.value.(type) {
		case string:
			*into = v
		case json.Number:
			*into = v.String() // an id of digits that nobody quoted
		default:
			d.add(n.line, path, nil, "must be a string, not %s", n.words())
		}
	}
}

func (d *decoder) truth(into *bool) func(*node, string) {
	return func(n *node, path string) {
		b, ok := n.value.(bool)
		if !ok {
			d.add(n.line, path, nil, "must be true or false, not %s", n.words())
		}
		*into = b
	}
}

// whole reads a number from low to high.
func (d *decoder) whole(into *int, low, high int) func(*node, string) {
	return func(n *node, path string) {
		number, _ := n.value.(json.Number)
		v, err := strconv.Atoi(number.String())
		if err != nil || v < low || v > high {
			d.add(n.line, path, nil, "must be a whole number from %d to %d", low, high)
			return
		}
		*into = v
	}
}

// duration reads a Go duration from low to high.
func (d *decoder) duration(into *time.Duration, low, high time.Duration) func(*node, string) {
	return func(n *node, path string) {
		text, _ := n.value.(string)
		if number, ok := n.value.(json.Number); ok && number.String() == "0" {
			text = "0s"
		}
		v, err := time.ParseDuration(text)
		if err != nil || v < low || v > high {
			d.add(n.line, path, nil, `must be a duration from %s to %s, such as "90s" or "1h30m"`, low, high)
			return
		}
		*into = v
	}
}

// strings reads a string, or an array of them.
func (d *decoder) strings(into *[]string) func(*node, string) {
	return func(n *node, path string) {
		if n.kind != sequence {
			var one string
			d.text(&one)(n, path)
			*into = []string{one}
			return
		}
		*into = make([]string, len(n.list))
		for i, element := range n.list {
			d.text(&(*into)[i])(element, index(path, i))
		}
	}
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// texts reads an object of strings.
func (d *decoder) texts(into *map[string]string) func(*node, string) {
	return func(n *node, path string) {
		*into = map[string]string{}
		if n.kind != mapping {
			d.add(n.line, path, nil, "must be an object, not %s", n.words())
			return
		}
		for _, m := range n.members {
			var text string
			d.text(&text)(m.value, join(path, m.name))
			if _, twice := (*into)[m.name]; twice {
				d.add(m.line, join(path, m.name), nil, "is given twice")
			}
			(*into)[m.name] = text
		}
	}
}

// each reads an array.
func (d *decoder) each(read func(*node, string)) func(*node, string) {
	return func(n *node, path string) {
		if n.kind != sequence {
			d.add(n.line, path, nil, "must be an array, not %s", n.words())
			return
		}
		for i, element := range n.list {
			read(element, index(path, i))
		}
	}
}

// longest is the longest time on a world's clock that a scenario speaks of.
const longest = 100 * 365 * 24 * time.Hour

func (d *decoder) scenario(n *node) *Scenario {
	s := &Scenario{Timeout: DefaultTimeout}
	d.object(n, "", map[string]func(*node, string){
		"name": d.text(&s.Name), "description": d.text(&s.Doc),
		"world":   func(n *node, path string) { s.World = d.world(n, path) },
		"clock":   func(n *node, path string) { d.clock(n, path, &s.Clock) },
		"timeout": d.duration(&s.Timeout, time.Millisecond, maxTimeout),
		"header":  d.texts(&s.Header),
		"steps":   d.each(func(n *node, path string) { s.Steps = append(s.Steps, d.step(n, path)) }),
		"expect":  d.each(func(n *node, path string) { s.Expect = append(s.Expect, d.expectation(n, path)) }),
	}, "name", "steps")
	if n.kind != mapping {
		return s
	}
	if len(s.Steps) > maxSteps {
		d.add(n.line, "steps", nil, "are %d; at most %d are taken", len(s.Steps), maxSteps)
	}
	if steps := n.get("steps"); steps != nil && steps.kind == sequence && len(s.Steps) == 0 {
		d.add(steps.line, "steps", nil, "are none")
	}
	if s.Name != "" && !regexp.MustCompile(goodName).MatchString(s.Name) {
		d.add(d.places["name"], "name", nil, "%.80q is not of letters, digits, dots, dashes and underscores", s.Name)
	}
	return s
}

// goodName is what names of scenarios and ids of steps look like.
const goodName = `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`

func (d *decoder) world(n *node, path string) *World {
	w := &World{}
	d.object(n, path, map[string]func(*node, string){
		"from": d.text(&w.From), "keep": d.truth(&w.Keep),
		"seed": func(n *node, path string) {
			number, _ := n.value.(json.Number)
			seed, err := strconv.ParseUint(number.String(), 10, 64)
			if err != nil {
				d.add(n.line, path, nil, "must be a whole number from 0 to 18446744073709551615")
			}
			w.Seed = &seed
		},
	})
	return w
}

func (d *decoder) clock(n *node, path string, c *Clock) {
	d.object(n, path, map[string]func(*node, string){
		"mode": d.text(&c.Mode), "now": d.text(&c.Now), "advance": d.truth(&c.Advance),
		"rate": func(n *node, path string) {
			number, _ := n.value.(json.Number)
			rate, err := number.Float64()
			if err != nil || rate <= 0 {
				d.add(n.line, path, nil, "must be a number above zero")
			}
			c.Rate = rate
		},
	})
	if c.Advance && c.Mode != "frozen" {
		d.add(n.line, join(path, "advance"), []string{"mode: frozen"}, "moves a frozen clock only")
	}
}

func (d *decoder) step(n *node, path string) Step {
	s := Step{line: n.line, Repeat: 1}
	call := &Call{}
	var at time.Duration
	var line string
	d.object(n, path, map[string]func(*node, string){
		"id": d.text(&s.ID), "after": d.strings(&s.After), "repeat": d.whole(&s.Repeat, 1, maxRepeat),
		"at": func(n *node, path string) {
			d.duration(&at, 0, longest)(n, path)
			s.At = &at
		},
		"when":    func(n *node, path string) { s.When = d.when(n, path) },
		"control": func(n *node, path string) { call.Control = true; d.text(&line)(n, path) },
		"request": d.text(&line),
		"header":  d.texts(&call.Header),
		"timeout": d.duration(&call.Timeout, time.Millisecond, maxTimeout),
		"body": func(n *node, _ string) {
			if call.Body = n.plain(); n.kind == scalar {
				if text, ok := n.value.(string); ok {
					call.Text, call.Body = text, nil
				}
			}
		},
		"expect": func(n *node, path string) { d.answer(n, path, &s.Expect) },
		"save":   d.texts(&s.Save),
	})
	if n.kind != mapping {
		return s
	}
	if s.ID != "" && !regexp.MustCompile(goodName).MatchString(s.ID) {
		d.add(n.line, join(path, "id"), nil, "%.80q is not of letters, digits, dots, dashes and underscores", s.ID)
	}
	d.action(n, path, &s, call, line)
	return s
}

// action makes the step's call of its one line, "METHOD /path".
func (d *decoder) action(n *node, path string, s *Step, call *Call, line string) {
	switch control, request := n.get("control"), n.get("request"); {
	case control != nil && request != nil:
		d.add(n.line, path, nil, "control and request are given together; a step does one thing")
	case control == nil && request == nil:
		for _, name := range []string{"body", "expect", "header", "repeat", "save", "timeout"} {
			if member := n.get(name); member != nil {
				d.add(member.line, join(path, name), nil, "belongs to a control call or a request, which is missing")
			}
		}
		if s.When == nil && s.At == nil {
			d.add(n.line, path, []string{"control", "request", "when", "at"}, "neither does anything nor waits for anything")
		}
	case line != "":
		var ok bool
		if call.Method, call.Path, ok = strings.Cut(line, " "); !ok || !strings.HasPrefix(call.Path, "/") || strings.ContainsAny(call.Path, " \t\r\n#") {
			d.add(n.line, path, nil, "%.200q is not a method and a path, such as GET /api/v2/nodes", line)
			return
		}
		s.Call = call
	}
}

func (d *decoder) when(n *node, path string) *When {
	w := &When{Times: 1}
	var resource bool
	var statuses []string
	d.object(n, path, map[string]func(*node, string){
		"resource": func(n *node, path string) {
			resource = true
			d.resource(n, path, &w.Kind, &w.ID, &w.State)
		},
		"operation": d.text(&w.Operation), "status": d.strings(&statuses), "times": d.whole(&w.Times, 1, 1_000_000),
		"within": d.duration(&w.Within, time.Millisecond, longest),
	})
	if n.kind == mapping && resource == (w.Operation != "") {
		d.add(n.line, path, []string{"resource", "operation"}, "waits for a resource in a state or for an operation: one of them must be given")
	}
	if resource && (n.get("times") != nil || n.get("status") != nil) {
		d.add(n.line, path, nil, "times and status belong to an operation")
	}
	w.Status = d.statuses(n, path, statuses)
	return w
}

func (d *decoder) resource(n *node, path string, kind, id, state *string) {
	d.object(n, path, map[string]func(*node, string){
		"kind": d.text(kind), "id": d.text(id), "state": d.text(state),
	}, "kind", "id", "state")
}

func (d *decoder) statuses(n *node, path string, list []string) Statuses {
	for _, text := range list {
		if _, _, ok := statusRange(text); !ok {
			d.add(n.line, join(path, "status"), nil, "%.80q is neither a status from 100 to 599 nor a class like 4xx", text)
		}
	}
	return list
}

// goodPath is what a path into an answer looks like: .volumes[0].name, or . for all of it.
const goodPath = `^(\.|(\.?[^.\[\]]+|\[[0-9]{1,6}\])+)$`

func (d *decoder) goodPath(line int, at, path string) {
	if !strings.HasPrefix(path, ".") && !strings.HasPrefix(path, "[") || !regexp.MustCompile(goodPath).MatchString(path) {
		d.add(line, at, nil, "%.80q is not a path into an answer, such as .volumes[0].name", path)
	}
}

func (d *decoder) answer(n *node, path string, e *Expect) {
	var statuses []string
	e.Said = true
	d.object(n, path, map[string]func(*node, string){
		"status": d.strings(&statuses), "noAnswer": d.truth(&e.NoAnswer), "header": d.texts(&e.Header),
		"counts": func(n *node, path string) {
			counts := map[string]string{}
			d.texts(&counts)(n, path)
			e.Counts = map[int]int{}
			for text, times := range counts {
				low, high, ok := statusRange(text)
				many, err := strconv.Atoi(times)
				if !ok || low != high || err != nil || many < 0 {
					d.add(n.line, path, nil, "%.80q: %.80q is not a status and how many answers have it", text, times)
				}
				e.Counts[low] = many
			}
		},
		"body": func(n *node, path string) {
			if n.kind != mapping {
				d.add(n.line, path, nil, "must be an object of paths and values, not %s", n.words())
			}
			for _, m := range n.members {
				d.goodPath(m.line, path, m.name)
				e.Body = append(e.Body, Part{Path: m.name, Want: m.value.plain()})
			}
		},
	})
	e.Status = d.statuses(n, path, statuses)
	if e.NoAnswer && (len(e.Status) > 0 || e.Header != nil || e.Body != nil || e.Counts != nil) {
		d.add(n.line, path, nil, "where there is no answer nothing can be expected of it")
	}
	if e.Counts != nil && len(e.Status) > 0 {
		d.add(n.line, path, nil, "counts and status are given together; counts say it all")
	}
}

func (d *decoder) expectation(n *node, path string) Expectation {
	e := Expectation{line: n.line}
	d.object(n, path, map[string]func(*node, string){
		"verify":   func(n *node, _ string) { e.Verify = n.plain() },
		"resource": func(n *node, path string) { d.resource(n, path, &e.Kind, &e.ID, &e.State) },
	})
	if n.kind == mapping && (e.Verify == nil) == (n.get("resource") == nil) {
		d.add(n.line, path, []string{"verify", "resource"}, "exactly one of verify and resource must be given")
	}
	return e
}
