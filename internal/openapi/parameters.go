package openapi

import (
	"reflect"
	"strings"
)

// headers returns references to the common parameters of a call.
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

// path returns the path as the document has it, and the names of its parameters there. Of two paths that differ only in
// the names of parameters, OpenAPI allows one.
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

// pathParams returns the names of a path's parameters.
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

// pathSchema returns the schema of a parameter of the path: a number if the member of that name is one.
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

// paramSchema returns the schema of a parameter, or nil for a type that no parameter can have. Numbers are numbers in
// parameters on every wire.
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

// query returns the members of a type as parameters of the query; those of nested messages have names with dots.
func (b *Builder) query(t reflect.Type, prefix string, leave map[string]bool) []*Parameter {
	var list []*Parameter
	for _, m := range members(t) {
		name := prefix + m.name
		if leave[name] {
			continue
		}
		if schema := b.paramSchema(m.t); schema != nil {
			m.describe(schema)
			p := &Parameter{Name: name, In: "query", Description: schema.Description, Required: m.required, Schema: schema}
			schema.Description = ""
			list = append(list, p)
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
