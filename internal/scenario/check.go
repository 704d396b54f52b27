package scenario

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/strict"
)

// Catalog is what a scenario can speak of.
type Catalog struct {
	Operations []Operation         // of the vendors
	Calls      []Operation         // of the control surface
	Kinds      map[string][]string // kinds of resources and their states, "gone" among them
	Vendors    []string            // those that mint tokens
	Starts     []string            // what a world can start from
	// Check refuses what a control call would refuse of these parameters and that body whatever the world's state; whole
	// says that the body has no variables, so that its texts can be looked at too. The error is an *strict.Error.
	Check func(call string, params map[string]string, body []byte, whole bool) error
}

// Operation is a row: an id, a method, paths with {parameters}.
type Operation struct {
	ID     string
	Method string
	Paths  []string
	Query  []string // the names that a control call takes
}

// Parse reads a document and checks all of it. The error is an *InvalidError with everything that is wrong.
func Parse(text []byte, c *Catalog) (*Scenario, error) {
	root, problem := parse(text)
	if problem != nil {
		return nil, &InvalidError{Problems: []Problem{*problem}}
	}
	d := &decoder{places: map[string]int{}}
	s := d.scenario(root)
	k := &checker{decoder: d, catalog: c, s: s}
	k.frame()
	k.steps()
	for i := range s.Expect {
		k.expectation(i)
	}
	return s, d.err()
}

// checker looks at the meaning.
type checker struct {
	*decoder

	catalog *Catalog
	s       *Scenario
	byID    map[string]int
}

// line is where a path stands, or the nearest that contains it.
func (k *checker) line(path string, otherwise int) int {
	for path != "" {
		if line := k.places[path]; line > 0 {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return max(otherwise, 1)
}

func (k *checker) frame() {
	if modes := []string{"real", "frozen", "auto"}; k.s.Clock.Mode != "" && !slices.Contains(modes, k.s.Clock.Mode) {
		k.add(k.line("clock.mode", 1), "clock.mode", modes, "%.80q is no mode of a clock", k.s.Clock.Mode)
	}
	if now := k.s.Clock.Now; now != "" {
		if _, err := time.Parse(time.RFC3339Nano, now); err != nil {
			k.add(k.line("clock.now", 1), "clock.now", nil, "%.80q is not an RFC 3339 time", now)
		}
	}
	if w := k.s.World; w != nil && w.From != "" && !slices.Contains(k.catalog.Starts, w.From) {
		k.add(k.line("world.from", 1), "world.from", k.catalog.Starts, "%.80q is neither a fixture nor a checkpoint", w.From)
	}
	k.header("header", k.s.Header, 1)
	k.variables("header", 1, k.saved(nil), k.s.Header)
}

// steps names the steps, ties them together, and checks each.
func (k *checker) steps() {
	k.byID = map[string]int{}
	for i := range k.s.Steps {
		s := &k.s.Steps[i]
		if s.ID == "" {
			s.ID = "step-" + strconv.Itoa(i+1)
		}
		if other, twice := k.byID[s.ID]; twice {
			k.add(s.line, index("steps", i)+".id", nil, "%q is the id of the step in line %d already", s.ID, k.s.Steps[other].line)
			continue
		}
		k.byID[s.ID] = i
	}
	for i := range k.s.Steps {
		s := &k.s.Steps[i]
		path := index("steps", i)
		for _, id := range s.After {
			if _, ok := k.byID[id]; !ok {
				k.add(k.line(path+".after", s.line), path+".after", slices.Sorted(maps.Keys(k.byID)), "%.80q is no step", id)
			}
		}
		if s.After == nil && s.At == nil && s.When == nil && i > 0 {
			s.After = []string{k.s.Steps[i-1].ID}
		}
	}
	if k.cycles() {
		return // who comes before whom cannot be said
	}
	for i := range k.s.Steps {
		k.step(i)
	}
}

// cycles finds the steps that wait for themselves.
func (k *checker) cycles() (found bool) {
	const open, done = 1, 2
	mark := make([]int, len(k.s.Steps))
	var visit func(i int, way []string)
	visit = func(i int, way []string) {
		way = append(way, k.s.Steps[i].ID)
		if mark[i] == open {
			found = true
			k.add(k.s.Steps[i].line, index("steps", i), nil, "waits for itself: %s", strings.Join(way[slices.Index(way, k.s.Steps[i].ID):], " after "))
			return
		}
		if mark[i] == done {
			return
		}
		mark[i] = open
		for _, id := range k.s.Steps[i].After {
			if next, ok := k.byID[id]; ok {
				visit(next, slices.Clip(way))
			}
		}
		mark[i] = done
	}
	for i := range k.s.Steps {
		visit(i, nil)
	}
	return found
}

// before are the steps that are done when step i begins, whatever happens.
func (k *checker) before(i int) map[int]bool {
	seen := map[int]bool{}
	var visit func(i int)
	visit = func(i int) {
		for _, id := range k.s.Steps[i].After {
			if next, ok := k.byID[id]; ok && !seen[next] {
				seen[next] = true
				visit(next)
			}
		}
	}
	visit(i)
	return seen
}

func (k *checker) step(i int) {
	s := &k.s.Steps[i]
	path := index("steps", i)
	known := k.saved(k.before(i))
	if s.When != nil {
		k.when(s, path, known)
	}
	if s.Call == nil {
		return
	}
	k.header(path+".header", s.Call.Header, s.line)
	what := path + ".request"
	if s.Call.Control {
		what = path + ".control"
	}
	k.variables(what, s.line, known, s.Call.Path)
	k.variables(path+".header", s.line, known, s.Call.Header)
	k.variables(path+".body", s.line, known, s.Call.Text, s.Call.Body)
	k.variables(path+".expect", s.line, known, s.Expect.Header, s.Expect.Body)
	if s.Call.Control {
		k.control(s, path)
	} else {
		k.request(s, path)
	}
	for name, at := range s.Save {
		k.goodPath(k.line(path+".save", s.line), path+".save."+name, at)
		if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`).MatchString(name) || name == "n" || name == "world" {
			k.add(k.line(path+".save", s.line), path+".save", nil, "%.80q cannot be the name of a variable", name)
		}
	}
	if s.Repeat == 1 && s.Expect.Counts != nil {
		k.add(k.line(path+".expect.counts", s.line), path+".expect.counts", nil, "is for a step that is repeated")
	}
	if s.Save != nil && s.Expect.NoAnswer {
		k.add(k.line(path+".save", s.line), path+".save", nil, "keeps parts of an answer, and none is expected")
	}
}

// saved are the variables that these steps keep.
func (k *checker) saved(steps map[int]bool) []string {
	names := []string{"n", "world"}
	for i := range steps {
		names = append(names, slices.Collect(maps.Keys(k.s.Steps[i].Save))...)
	}
	for _, vendor := range k.catalog.Vendors {
		names = append(names, tokenPrefix+vendor)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (k *checker) when(s *Step, path string, known []string) {
	w := s.When
	if w.Operation != "" {
		k.operation(k.line(path+".when.operation", s.line), path+".when.operation", w.Operation)
		return
	}
	k.resource(k.line(path+".when.resource", s.line), path+".when.resource", w.Kind, w.State)
	k.variables(path+".when.resource.id", s.line, known, w.ID)
}

func (k *checker) operation(line int, path, id string) {
	var ids []string
	for i := range k.catalog.Operations {
		ids = append(ids, k.catalog.Operations[i].ID)
	}
	if !slices.Contains(ids, id) {
		k.add(line, path, closest(id, ids), "%.80q is no operation", id)
	}
}

func (k *checker) resource(line int, path, kind, state string) {
	states, ok := k.catalog.Kinds[kind]
	switch {
	case !ok:
		k.add(line, path+".kind", slices.Sorted(maps.Keys(k.catalog.Kinds)), "%.80q is no kind of resource", kind)
	case !slices.Contains(states, state):
		k.add(line, path+".state", states, "%.80q is no state of %s", state, kind)
	}
}

// control finds the call and has it look at its parameters and its body.
func (k *checker) control(s *Step, path string) {
	line := k.line(path+".control", s.line)
	target, query, _ := strings.Cut(s.Call.Path, "?")
	if !strings.HasPrefix(target, "/_sim/") {
		target = "/_sim" + target
		s.Call.Path = "/_sim" + s.Call.Path
	}
	op, params := find(k.catalog.Calls, s.Call.Method, target)
	if op == nil {
		k.add(line, path+".control", nearest(k.catalog.Calls, s.Call.Method, target), "there is no control call %s %.200s", s.Call.Method, target)
		return
	}
	s.Call.ID = op.ID
	for pair := range strings.SplitSeq(query, "&") {
		if name, _, _ := strings.Cut(pair, "="); query != "" && !slices.Contains(op.Query, name) {
			k.add(line, path+".control", op.Query, "%.80q is no parameter of %s", name, op.ID)
		}
	}
	body := []byte(s.Call.Text)
	if s.Call.Body != nil {
		body, _ = json.Marshal(s.Call.Body) // it was JSON before
	}
	whole := !strings.Contains(string(body), "${")
	k.refused(k.line(path+".body", line), path, k.catalog.Check(op.ID, params, body, whole))
}

// refused notes what a control call refuses.
func (k *checker) refused(line int, path string, err error) {
	var input *strict.Error
	switch {
	case err == nil:
	case errors.As(err, &input):
		k.add(line, join(path+".body", input.Path), input.Valid, "%s", input.Detail)
	default:
		k.add(line, path, nil, "%s", err.Error())
	}
}

func (k *checker) request(s *Step, path string) {
	line := k.line(path+".request", s.line)
	target, _, _ := strings.Cut(s.Call.Path, "?")
	if strings.HasPrefix(target, "/_sim/") {
		k.add(line, path+".request", []string{"control"}, "%.200s is no vendor's path", target)
		return
	}
	op, _ := find(k.catalog.Operations, s.Call.Method, target)
	if op == nil {
		k.add(line, path+".request", nearest(k.catalog.Operations, s.Call.Method, target), "no operation answers %s %.200s", s.Call.Method, target)
		return
	}
	s.Call.ID = op.ID
}

func (k *checker) expectation(i int) {
	e := &k.s.Expect[i]
	path := index("expect", i)
	all := map[int]bool{}
	for n := range k.s.Steps {
		all[n] = true
	}
	if e.Verify == nil {
		k.resource(k.line(path+".resource", e.line), path+".resource", e.Kind, e.State)
		k.variables(path+".resource.id", e.line, k.saved(all), e.ID)
		return
	}
	body, _ := json.Marshal(e.Verify) // it was JSON before
	k.refused(k.line(path+".verify", e.line), path+".verify", k.catalog.Check(verifyCall, nil, body, true))
}

// verifyCall is the call that judges expectations.
const verifyCall = "control.Verify"

// header refuses names and values that HTTP cannot carry.
func (k *checker) header(path string, header map[string]string, line int) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if !regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$").MatchString(name) || strings.ContainsFunc(header[name], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			k.add(k.line(path, line), path, nil, "%.80q: %.80q cannot be a header", name, header[name])
		}
	}
}
