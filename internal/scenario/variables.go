package scenario

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// tokenPrefix begins the names of variables that hold a token of a vendor, which is minted at the start.
const tokenPrefix = "tokens."

// variable is how a text names one: ${volume}, ${n}, ${world}, ${tokens.dms}.
const variable = `\$\{([^}]*)\}?`

// variables notes what is named in texts, or in values of JSON, and not known there.
func (k *checker) variables(path string, line int, known []string, values ...any) {
	pattern := regexp.MustCompile(variable)
	for _, value := range values {
		eachText(value, func(text string) {
			for _, found := range pattern.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(known, found[1]) {
					k.add(k.line(path, line), path, known, "%.80s is not known there: a step before it must save it", found[0])
				}
			}
		})
	}
}

// eachText calls fn with every string in a value.
func eachText(value any, fn func(string)) {
	switch v := value.(type) {
	case string:
		fn(v)
	case map[string]any:
		for _, element := range v {
			eachText(element, fn)
		}
	case map[string]string:
		for _, element := range v {
			fn(element)
		}
	case []any:
		for _, element := range v {
			eachText(element, fn)
		}
	case []Part:
		for _, part := range v {
			eachText(part.Want, fn)
		}
	}
}

// tokens are the vendors of whom the scenario wants a token.
func (s *Scenario) tokens() []string {
	var vendors []string
	pattern := regexp.MustCompile(variable)
	note := func(text string) {
		for _, found := range pattern.FindAllStringSubmatch(text, -1) {
			if vendor, ok := strings.CutPrefix(found[1], tokenPrefix); ok {
				vendors = append(vendors, vendor)
			}
		}
	}
	eachText(s.Header, note)
	for i := range s.Steps {
		if c := s.Steps[i].Call; c != nil {
			for _, value := range []any{c.Path, c.Header, c.Text, c.Body} {
				eachText(value, note)
			}
		}
	}
	slices.Sort(vendors)
	return slices.Compact(vendors)
}

// values are what the variables stand for while a scenario runs.
type values map[string]string

// expand puts values in the place of variables. One that has none is an error.
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
	text = regexp.MustCompile(variable).ReplaceAllStringFunc(text, func(found string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(found, "${"), "}")
		value, ok := v[name]
		if !ok {
			missing = fmt.Errorf("the variable %s has no value", found)
		}
		return escape(value)
	})
	return text, missing
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
