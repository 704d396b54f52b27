package scenario

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"storagesim/internal/fixture/document"
)

// tokenPrefix begins the names of the variables that hold a vendor's token. Tokens are minted before the first step.
const tokenPrefix = "tokens."

// variable is the form of a variable in a text: ${volume}, ${n}, ${world}, ${tokens.dms}.
var variable = regexp.MustCompile(`\$\{([^}]*)\}?`)

// scope is where a variable is used: in a step, or in one of the places below.
type scope struct{ step int }

const (
	none = -1 // in the header of the scenario, where no step has run
	end  = -2 // in an expectation, where every step has run
)

// variables checks the variables in texts and in values of JSON.
func (k *checker) variables(path string, at scope, values ...any) {
	known := k.known(at)
	for _, value := range values {
		eachText(value, func(text string) {
			for _, found := range variable.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(known, found[1]) {
					k.unknown(path, at, found[0], found[1], known)
					known = k.known(at)
				}
			}
		})
	}
}

// unknown notes a variable that has no value. If a step saves it, the using step does not wait for that step.
func (k *checker) unknown(path string, at scope, text, name string, known []string) {
	saver := slices.IndexFunc(k.s.Steps, func(s Step) bool { _, ok := s.Save[name]; return ok })
	switch {
	case saver < 0:
		k.note(path, known, "the variable %.80s is unknown: no step saves it", text)
		return
	case at.step < 0:
		k.note(path, known, "the variable %.80s is unknown here: step %s saves it later", text, k.s.Steps[saver].ID)
		return
	case at.step == saver || k.before(saver)[at.step]:
		k.note(path, known, "the variable %.80s has no value yet: step %s saves it", text, k.s.Steps[saver].ID)
		return
	}
	user, id := &k.s.Steps[at.step], k.s.Steps[saver].ID
	if k.source.Has(document.Element("steps", at.step) + ".after") {
		k.note(path, nil, "step %s does not wait for %s, which saves %.80s; add %s to its after", user.ID, id, text, id)
	} else {
		k.note(path, nil, "step %s has no after, so it does not wait for %s, which saves %.80s; add after: %s",
			user.ID, id, text, id)
	}
	k.waits[at.step] = append(k.waits[at.step], saver) // the steps after this one are right once this one is
}

// known returns the variables that have a value in a place.
func (k *checker) known(at scope) []string {
	names := []string{"n", "world"}
	before := map[int]bool{}
	if at.step >= 0 {
		before = k.before(at.step)
	}
	for i := range k.s.Steps {
		if before[i] || at.step == end {
			names = slices.AppendSeq(names, maps.Keys(k.s.Steps[i].Save))
		}
	}
	for _, vendor := range k.catalog.Vendors {
		names = append(names, tokenPrefix+vendor)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// before returns the steps that have always passed when step i starts.
func (k *checker) before(i int) map[int]bool {
	seen := map[int]bool{}
	var visit func(i int)
	visit = func(i int) {
		for _, next := range k.waits[i] {
			if !seen[next] {
				seen[next] = true
				visit(next)
			}
		}
	}
	visit(i)
	return seen
}

// eachText calls fn with every string in a value, in an order that depends only on the value.
func eachText(value any, fn func(string)) {
	switch v := value.(type) {
	case string:
		fn(v)
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			eachText(v[name], fn)
		}
	case map[string]string:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			fn(v[name])
		}
	case []any:
		for _, element := range v {
			eachText(element, fn)
		}
	}
}

// tokens returns the vendors whose tokens the scenario uses.
func (s *Scenario) tokens() []string {
	var vendors []string
	note := func(text string) {
		for _, found := range variable.FindAllStringSubmatch(text, -1) {
			if vendor, ok := strings.CutPrefix(found[1], tokenPrefix); ok {
				vendors = append(vendors, vendor)
			}
		}
	}
	eachText(s.Header, note)
	for i := range s.Steps {
		if c := s.Steps[i].call; c != nil {
			note(c.path)
			eachText(c.header, note)
			eachText(s.Steps[i].Body, note)
		}
	}
	slices.Sort(vendors)
	return slices.Compact(vendors)
}

// values are the values of the variables while a scenario runs.
type values map[string]string

// expand replaces the variables in a text. A variable without a value is an error.
func (v values) expand(text string) (string, error) {
	return v.replace(text, func(s string) string { return s })
}

// path is expand for a path or a query.
func (v values) path(text string) (string, error) {
	return v.replace(text, func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") })
}

func (v values) replace(text string, escape func(string) string) (string, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var missing error
	text = variable.ReplaceAllStringFunc(text, func(found string) string {
		value, ok := v[variableName(found)]
		if !ok {
			missing = fmt.Errorf("the variable %s has no value", found)
		}
		return escape(value)
	})
	return text, missing
}

func variableName(found string) string {
	return strings.TrimSuffix(strings.TrimPrefix(found, "${"), "}")
}

// show replaces the variables in a text for a person to read. It leaves those without a value, and tokens, which are
// secret, as they are.
func (v values) show(text string) string {
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		name := variableName(found)
		if value, ok := v[name]; ok && !strings.HasPrefix(name, tokenPrefix) {
			return value
		}
		return found
	})
}

// expandAll is expand for every string in a value of JSON.
func (v values) expandAll(value any) (any, error) {
	var err error
	switch in := value.(type) {
	case string:
		return v.expand(in)
	case map[string]any:
		out := make(map[string]any, len(in))
		for name, element := range in {
			if out[name], err = v.expandAll(element); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(in))
		for i, element := range in {
			if out[i], err = v.expandAll(element); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}
