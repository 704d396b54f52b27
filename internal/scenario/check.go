package scenario

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/fixture/document"
	"storagesim/internal/nearest"
	"storagesim/internal/strict"
)

// Catalog is what the steps of a scenario can name.
type Catalog struct {
	Operations []Operation         // of the vendors
	Calls      []Operation         // of the control API
	Kinds      map[string][]string // the kinds of resources and their states, "gone" among them
	Vendors    []string            // the vendors that mint tokens
	Starts     []string            // what a world can be made from
	// Check returns an error if a control call would reject these parameters and this body in every state of a world.
	// Whole reports that the body has no variables, so that Check can check its strings too. The error is an
	// *strict.Error.
	Check func(call string, params map[string]string, body []byte, whole bool) error
}

// Operation is an operation of a vendor or a call of the control API.
type Operation struct {
	ID     string
	Method string
	Paths  []string // with {parameters}
	Query  []string // the names of a control call's query parameters
}

// Parse parses a document and checks all of it. The error is an *InvalidError.
func Parse(text []byte, c *Catalog) (*Scenario, error) {
	source, err := document.Parse(text, document.Limits{Bytes: MaxBytes, Depth: maxDepth})
	var syntax *document.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, &InvalidError{Problems: syntax.Problems()}
	case source.Empty():
		return nil, &InvalidError{Problems: []Problem{{Line: 1, Detail: "the document is empty"}}}
	}
	s := &Scenario{}
	k := &checker{source: source, catalog: c, s: s, malformed: map[string]bool{}}
	k.list = source.Decode(s)
	for i := range k.list {
		k.malformed[k.list[i].Path] = true
	}
	if !source.Object() {
		return s, k.err()
	}
	k.head()
	k.steps()
	for i := range s.Expect {
		k.expectation(i)
	}
	return s, k.err()
}

// checker checks what the tags of the types do not say.
type checker struct {
	problems

	source    *document.Document
	catalog   *Catalog
	s         *Scenario
	malformed map[string]bool // the paths that did not decode
	byID      map[string]int
	waits     [][]int // for each step, the steps that it waits for directly
}

// note adds an error at a path.
func (k *checker) note(path string, valid []string, format string, args ...any) {
	k.add(k.source.Line(path), path, valid, format, args...)
}

var (
	goodName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	goodVariable = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)
	// goodPath is the form of a path in a response after its first . or [: .volumes[0].name, or . for the whole body.
	goodPath   = regexp.MustCompile(`^(\.|(\.?[^.\[\]]+|\[[0-9]{1,6}\])+)$`)
	goodHeader = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$")
)

func (k *checker) name(path, name string) {
	if name != "" && !goodName.MatchString(name) {
		k.note(path, nil, "%.80q must be 1 to 64 letters, digits, dots, dashes and underscores", name)
	}
}

// head checks the members beside steps and expect.
func (k *checker) head() {
	k.name("name", k.s.Name)
	c := k.s.Clock
	if modes := []string{"real", "frozen", "auto"}; c.Mode != "" && !slices.Contains(modes, c.Mode) {
		k.note("clock.mode", modes, "%.80q is not a mode of a clock", c.Mode)
	}
	if _, err := time.Parse(time.RFC3339Nano, c.Now); c.Now != "" && err != nil {
		k.note("clock.now", nil, "%.80q is not an RFC 3339 time, such as 2026-01-02T03:04:05Z", c.Now)
	}
	if c.Advance && c.Mode != "frozen" {
		k.note("clock.advance", []string{"mode: frozen"}, "the runner can only advance a frozen clock; add mode: frozen")
	}
	if w := k.s.World; w != nil && w.From != "" && !slices.Contains(k.catalog.Starts, w.From) {
		k.note("world.from", k.catalog.Starts, "%.80q is neither a fixture nor a checkpoint", w.From)
	}
	k.header("header", k.s.Header)
	k.variables("header", scope{step: none}, k.s.Header)
}

// steps gives the steps their ids, resolves what each waits for, and checks each step.
func (k *checker) steps() {
	switch n := len(k.s.Steps); {
	case n > maxSteps:
		k.note("steps", nil, "there are %d steps; at most %d are allowed", n, maxSteps)
	case n == 0 && k.source.Has("steps") && !k.malformed["steps"]:
		k.note("steps", nil, "there must be at least one step")
	}
	k.byID = map[string]int{}
	for i := range k.s.Steps {
		s, path := &k.s.Steps[i], document.Element("steps", i)
		s.line = k.source.Line(path)
		k.name(path+".id", s.ID)
		if s.ID == "" {
			s.ID = "step-" + strconv.Itoa(i+1)
		}
		if other, twice := k.byID[s.ID]; twice {
			k.note(path+".id", nil, "the step in line %d has the id %q too", k.s.Steps[other].line, s.ID)
			continue
		}
		k.byID[s.ID] = i
	}
	k.order()
	if k.cycles() {
		return // the order of the steps is undefined
	}
	for i := range k.s.Steps {
		k.step(i)
	}
}

// order resolves which steps each step waits for.
func (k *checker) order() {
	k.waits = make([][]int, len(k.s.Steps))
	for i := range k.s.Steps {
		s, path := &k.s.Steps[i], document.Element("steps", i)
		if s.After == nil && s.At == nil && s.When == nil && i > 0 {
			s.After = document.Strings{k.s.Steps[i-1].ID}
		}
		for _, id := range s.After {
			if before, ok := k.byID[id]; ok {
				k.waits[i] = append(k.waits[i], before)
			} else {
				k.note(path+".after", slices.Sorted(maps.Keys(k.byID)), "there is no step %.80q", id)
			}
		}
	}
}

// cycles reports whether steps wait for themselves.
func (k *checker) cycles() (found bool) {
	const open, done = 1, 2
	mark := make([]int, len(k.s.Steps))
	var visit func(i int, way []string)
	visit = func(i int, way []string) {
		id := k.s.Steps[i].ID
		way = append(way, id)
		if mark[i] == open {
			found = true
			k.note(document.Element("steps", i), nil, "the step waits for itself: %s",
				strings.Join(way[slices.Index(way, id):], " after "))
			return
		}
		if mark[i] == done {
			return
		}
		mark[i] = open
		for _, next := range k.waits[i] {
			visit(next, slices.Clip(way))
		}
		mark[i] = done
	}
	for i := range k.s.Steps {
		visit(i, nil)
	}
	return found
}

func (k *checker) step(i int) {
	s, path := &k.s.Steps[i], document.Element("steps", i)
	if k.malformed[path] {
		return
	}
	if s.When != nil && !k.malformed[path+".when"] {
		k.when(i, path+".when")
	}
	if !k.call(s, path) {
		return
	}
	at := scope{step: i}
	k.header(path+".header", s.Header)
	for _, name := range []string{"control", "request"} {
		if k.source.Has(path + "." + name) {
			k.variables(path+"."+name, at, s.call.path)
		}
	}
	k.variables(path+".header", at, s.Header)
	k.variables(path+".body", at, s.Body)
	if s.call.control {
		k.control(s, path)
	} else {
		k.request(s, path)
	}
	if s.Expect != nil {
		k.response(s, path+".expect")
		k.variables(path+".expect", at, s.Expect.Header, s.Expect.Body)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Save)) {
		k.path(path+".save."+name, s.Save[name])
		if !goodVariable.MatchString(name) || name == "n" || name == "world" {
			k.note(path+".save."+name, nil, "%.80q is not a name for a variable; use letters, digits and underscores, "+
				"not n and not world", name)
		}
	}
	if s.Save != nil && s.Expect != nil && s.Expect.NoAnswer {
		k.note(path+".save", nil, "there is nothing to save, since the step expects no response")
	}
}

// call makes the call of a step from its line, "METHOD /path". It reports whether there is a valid one.
func (k *checker) call(s *Step, path string) bool {
	control, request := k.source.Has(path+".control"), k.source.Has(path+".request")
	switch {
	case control && request:
		k.note(path, nil, "a step has either control or request, not both")
		return false
	case !control && !request:
		for _, name := range []string{"body", "expect", "header", "repeat", "save", "timeout"} {
			if k.source.Has(path + "." + name) {
				k.note(path+"."+name, nil, "belongs to a control call or a request, and the step has neither")
			}
		}
		if s.When == nil && s.At == nil {
			k.note(path, []string{"control", "request", "when", "at"}, "the step does nothing and waits for nothing")
		}
		return false
	}
	line, member := s.Request, ".request"
	if control {
		line, member = s.Control, ".control"
	}
	method, target, ok := strings.Cut(line, " ")
	if !ok || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \t\r\n#") {
		if !k.malformed[path+member] {
			k.note(path+member, nil, "%.200q must be a method and a path, such as GET /api/v2/nodes", line)
		}
		return false
	}
	s.call = &call{control: control, method: method, path: target, header: s.Header, json: s.Body,
		timeout: time.Duration(s.Timeout)}
	if text, ok := s.Body.(string); ok {
		s.call.text, s.call.json = text, nil
	}
	return true
}

func (k *checker) when(i int, path string) {
	w := k.s.Steps[i].When
	if (w.Resource != nil) == (w.Operation != "") {
		k.note(path, []string{"resource", "operation"}, "must have either resource or operation")
	}
	if w.Resource != nil && (k.source.Has(path+".times") || k.source.Has(path+".status")) {
		k.note(path, nil, "times and status belong to operation, not to resource")
	}
	k.statuses(path+".status", w.Status)
	switch {
	case w.Operation != "":
		k.operation(path+".operation", w.Operation)
	case w.Resource != nil:
		k.resource(path+".resource", w.Resource)
		k.variables(path+".resource.id", scope{step: i}, w.Resource.ID)
	}
}

func (k *checker) operation(path, id string) {
	var ids []string
	for i := range k.catalog.Operations {
		ids = append(ids, k.catalog.Operations[i].ID)
	}
	if !slices.Contains(ids, id) {
		k.note(path, nearest.To(id, ids), "there is no operation %.80q", id)
	}
}

func (k *checker) resource(path string, r *Resource) {
	states, ok := k.catalog.Kinds[r.Kind]
	switch {
	case k.malformed[path] || k.malformed[path+".kind"] || k.malformed[path+".state"]:
	case !ok:
		k.note(path+".kind", slices.Sorted(maps.Keys(k.catalog.Kinds)), "there is no kind of resource %.80q", r.Kind)
	case !slices.Contains(states, r.State):
		k.note(path+".state", states, "%s has no state %.80q", r.Kind, r.State)
	}
}

func (k *checker) statuses(path string, list []string) {
	for _, text := range list {
		if _, _, ok := statusRange(text); !ok {
			k.note(path, nil, "%.80q must be a status from 100 to 599 or a class such as 4xx", text)
		}
	}
}

func (k *checker) path(at, path string) {
	if !strings.HasPrefix(path, ".") && !strings.HasPrefix(path, "[") || !goodPath.MatchString(path) {
		k.note(at, nil, "%.80q must be a path in the response, such as .volumes[0].name", path)
	}
}

func (k *checker) response(s *Step, path string) {
	e := s.Expect
	k.statuses(path+".status", e.Status)
	for _, name := range slices.Sorted(maps.Keys(e.Counts)) {
		if low, high, ok := statusRange(name); !ok || low != high {
			k.note(path+".counts", nil, "%.80q must be a status from 100 to 599", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Body)) {
		k.path(path+".body", name)
	}
	switch {
	case e.NoAnswer && (len(e.Status) > 0 || e.Header != nil || e.Body != nil || e.Counts != nil):
		k.note(path, nil, "noAnswer excludes the other members, which are about a response")
	case e.Counts != nil && len(e.Status) > 0:
		k.note(path, nil, "counts and status exclude each other; counts is enough")
	}
	if e.Counts != nil && s.Repeat == 1 {
		k.note(path+".counts", nil, "counts is for a step with repeat")
	}
}

// control finds the control call of a step and checks its parameters and its body.
func (k *checker) control(s *Step, path string) {
	target, query, _ := strings.Cut(s.call.path, "?")
	if !strings.HasPrefix(target, "/_sim/") {
		target = "/_sim" + target
		s.call.path = "/_sim" + s.call.path
	}
	op, params := find(k.catalog.Calls, s.call.method, target)
	if op == nil {
		k.note(path+".control", nearestOperations(k.catalog.Calls, s.call.method, target),
			"there is no control call %s %.200s", s.call.method, target)
		return
	}
	for pair := range strings.SplitSeq(query, "&") {
		if name, _, _ := strings.Cut(pair, "="); query != "" && !slices.Contains(op.Query, name) {
			k.note(path+".control", op.Query, "%s has no parameter %.80q", op.ID, name)
		}
	}
	body := []byte(s.call.text)
	if s.call.json != nil {
		body = []byte(jsonText(s.call.json))
	}
	whole := !strings.Contains(string(body), "${")
	k.rejected(path, path+".body", k.catalog.Check(op.ID, params, body, whole))
}

// rejected notes the error of a control call.
func (k *checker) rejected(path, body string, err error) {
	var input *strict.Error
	switch {
	case err == nil:
	case errors.As(err, &input):
		if !k.source.Has(body) { // the call has no body, so the error is about its parameters or what is missing
			k.note(path, input.Valid, "%s", input.Error())
			return
		}
		k.note(document.Path(body, input.Path), input.Valid, "%s", input.Detail)
	default:
		k.note(path, nil, "%s", err.Error())
	}
}

// request checks that a vendor has an operation for a step's request.
func (k *checker) request(s *Step, path string) {
	target, _, _ := strings.Cut(s.call.path, "?")
	if strings.HasPrefix(target, "/_sim/") {
		k.note(path+".request", []string{"control"}, "%.200s is a path of the control API; use control", target)
		return
	}
	if op, _ := find(k.catalog.Operations, s.call.method, target); op == nil {
		k.note(path+".request", nearestOperations(k.catalog.Operations, s.call.method, target),
			"no vendor has the operation %s %.200s", s.call.method, target)
	}
}

// verifyCall is the control call that checks a verification.
const verifyCall = "control.Verify"

func (k *checker) expectation(i int) {
	e, path := &k.s.Expect[i], document.Element("expect", i)
	e.line = k.source.Line(path)
	if k.malformed[path] {
		return
	}
	if (e.Verify == nil) == (e.Resource == nil) {
		k.note(path, []string{"verify", "resource"}, "must have either verify or resource")
		return
	}
	if e.Resource != nil {
		k.resource(path+".resource", e.Resource)
		k.variables(path+".resource.id", scope{step: end}, e.Resource.ID)
		return
	}
	body := []byte(jsonText(e.Verify))
	k.rejected(path, path+".verify", k.catalog.Check(verifyCall, nil, body, true))
}

// header rejects names and values that HTTP does not allow.
func (k *checker) header(path string, header map[string]string) {
	control := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if !goodHeader.MatchString(name) || strings.ContainsFunc(header[name], control) {
			k.note(path, nil, "%.80q: %.80q is not a valid HTTP header", name, header[name])
		}
	}
}
