package openapitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/openapi"
)

// Body is what a document says about the body of an operation.
type Body struct {
	Media   string
	Example any // a body with all members that the schema names
	// Required holds the required members at any depth of the example, as the names and indices that lead to them.
	Required [][]string
	// Least is the example without its optional members.
	Least any
}

// Body returns what the document says about a body in JSON or a form; nil if the operation has no body.
func (c *Checker) Body(method, path string) *Body {
	item, _ := c.find(path)
	content, _ := at(c.doc, "paths", item, strings.ToLower(method), "requestBody", "content").(map[string]any)
	for _, media := range slices.Sorted(maps.Keys(content)) {
		if at(content[media], "example") == nil {
			continue
		}
		example := c.sample(at(content[media], "schema"))
		b := &Body{Media: media, Example: example}
		b.Least = c.least(at(content[media], "schema"), example, nil, b)
		return b
	}
	return nil
}

// sample returns a value with all members that a schema of the document names.
func (c *Checker) sample(schema any) any {
	var components map[string]*openapi.Schema
	var one openapi.Schema
	convert(at(c.doc, "components", "schemas"), &components)
	convert(schema, &one)
	var v any
	convert(openapi.Sample(components, &one), &v)
	return v
}

// convert converts decoded JSON into another Go value.
func convert(from, into any) {
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		panic(err) // it is part of a document
	}
}

// With returns the least body that has the member to which the names lead, and the members that are required with it.
func (b *Body) With(where []string) any { return b.with(b.Least, b.Example, where, nil) }

func (b *Body) with(least, example any, where, above []string) any {
	switch e := example.(type) {
	case []any:
		return []any{b.with(nil, e[0], where[min(1, len(where)):], deeper(above, "0"))}
	case map[string]any:
		o, _ := least.(map[string]any)
		if o = maps.Clone(o); o == nil {
			o = map[string]any{}
		}
		for name, v := range e {
			if o[name] == nil &&
				slices.ContainsFunc(b.Required, func(r []string) bool { return slices.Equal(r, deeper(above, name)) }) {
				o[name] = b.with(nil, v, []string{""}, deeper(above, name))
			}
		}
		if len(where) > 0 && e[where[0]] != nil {
			o[where[0]] = b.with(o[where[0]], e[where[0]], where[1:], deeper(above, where[0]))
		}
		return o
	}
	return example
}

// least records the required members of v, and returns v without the others.
func (c *Checker) least(schema, v any, where []string, b *Body) any {
	if ref, is := at(schema, "$ref").(string); is {
		schema = at(c.doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	if forms, is := at(schema, "anyOf").([]any); is {
		return c.least(forms[0], v, where, b) // of which v is a sample
	}
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = c.least(at(schema, "items"), v[i], deeper(where, strconv.Itoa(i)), b)
		}
		return list
	case map[string]any:
		required, _ := at(schema, "required").([]any)
		o := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inside := c.least(at(schema, "properties", name), v[name], deeper(where, name), b)
			if slices.Contains(required, any(name)) {
				o[name] = inside
				b.Required = append(b.Required, deeper(where, name))
			}
		}
		if at(schema, "properties") == nil {
			return v
		}
		return o
	}
	return v
}

func deeper(where []string, name string) []string { return append(slices.Clone(where), name) }

// Text returns v in the body's media type.
func (b *Body) Text(v any) string {
	if b.Media == "application/x-www-form-urlencoded" {
		form := url.Values{}
		for name, value := range v.(map[string]any) {
			form.Set(name, fmt.Sprint(value))
		}
		return form.Encode()
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON
	}
	return string(text)
}

// Without returns v without the member to which the names lead, and false if v does not have it.
func Without(v any, where []string) (any, bool) {
	switch v := v.(type) {
	case []any:
		i, err := strconv.Atoi(where[0])
		if err != nil || i >= len(v) || len(where) == 1 {
			return nil, false
		}
		inside, had := Without(v[i], where[1:])
		list := slices.Clone(v)
		list[i] = inside
		return list, had
	case map[string]any:
		inside, had := v[where[0]]
		o := maps.Clone(v)
		if len(where) == 1 {
			delete(o, where[0])
			return o, had
		}
		o[where[0]], had = Without(inside, where[1:])
		return o, had
	}
	return nil, false
}
