package openapi

import (
	"reflect"
	"strings"
)

// headers are the common parameters of a call, as references.
func headers(c Call) []*Parameter {
	var list []*Parameter
	for _, one := range [...]struct {
		minds bool
		name  string
	}{
		{c.World, paramWorld}, {c.Clustered, paramCluster}, {c.Faults, paramFault}, {c.Faults, paramFaultPlan},
		{c.Faults, paramPrefer}, {c.IfMatch, paramIfMatch},
	} {
		if one.minds {
			list = append(list, &Parameter{Ref: "#/components/parameters/" + one.name})
		}
	}
	return list
}

// path answers the document's name of a path, and what its parameters are called there: of two paths that differ in the
// names of parameters only, OpenAPI takes one.
func (b *Builder) path(path string) (name string, renamed map[string]string) {
	renamed = map[string]string{}
	name = path
	for _, other := range sortedKeys(b.doc.Paths) {
		if erased(other) == erased(path) {
			name = other
		}
	}
	theirs := pathParams(name)
	for i, own := range pathParams(path) {
		renamed[own] = theirs[i]
	}
	return name, renamed
}

func erased(path string) string {
	for _, p := range pathParams(path) {
		path = strings.Replace(path, "{"+p+"}", "{}", 1)
	}
	return path
}

// pathParams lists the names of a path's parameters.
func pathParams(path string) []string {
	var list []string
	for {
		_, rest, found := strings.Cut(path, "{")
		if !found {
			return list
		}
		name, after, _ := strings.Cut(rest, "}")
		list, path = append(list, name), after
	}
}

// pathSchema is that of a parameter of the path: a number where the member of that name is one.
func (b *Builder) pathSchema(asks reflect.Type, name string) *Schema {
	if asks != nil && asks.Kind() == reflect.Struct {
		for _, m := range members(asks) {
			if m.name == name {
				return b.paramSchema(m.t)
			}
		}
	}
	return &Schema{Type: "string"}
}

// paramSchema is that of a parameter, nil for what fits in none. Numbers are numbers there on every wire.
func (b *Builder) paramSchema(t reflect.Type) *Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if schema := b.schemas.scalar(t); schema != nil {
		if schema.Pattern == digits {
			return &Schema{Type: "integer", Format: schema.Format}
		}
		return schema
	}
	if t.Kind() == reflect.Slice {
		if items := b.paramSchema(t.Elem()); items != nil {
			return &Schema{Type: "array", Items: items}
		}
	}
	return nil
}

// query lists the members of a type as parameters of the query, those of nested messages with dots.
func (b *Builder) query(t reflect.Type, prefix string, leave map[string]bool) []*Parameter {
	var list []*Parameter
	for _, m := range members(t) {
		name := prefix + m.name
		if leave[name] {
			continue
		}
		if schema := b.paramSchema(m.t); schema != nil {
			list = append(list, &Parameter{Name: name, In: "query", Description: m.doc, Required: m.required, Schema: schema})
			continue
		}
		inner := m.t
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && prefix == "" {
			list = append(list, b.query(inner, name+".", leave)...)
		}
	}
	return list
}
