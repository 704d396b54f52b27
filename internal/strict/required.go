package strict

import (
	"reflect"
	"strings"
)

// Needs lists the members that a document must have: the struct fields with a required tag. The tag's value is the
// error text for a missing member; {path} in it stands for the member's path. With an empty value Missing does not
// report the member: the code that reads the document does, with a better text. On an embedded struct the value "-"
// removes the tags of the struct's fields.
type Needs struct{ members []need }

type need struct {
	field  int // its index in the struct
	name   string
	text   string // the error text; "" for a member that is not reported itself
	inside *Needs // of the member's value or its elements; nil if they need nothing
}

// NeedsOf reads the tags of a struct type and of the struct types in it. It returns nil for any other type.
func NeedsOf(t reflect.Type) *Needs { return needsOf(t, map[reflect.Type]*Needs{}) }

func needsOf(t reflect.Type, known map[reflect.Type]*Needs) *Needs {
	for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice) {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct || DecodesItself(t) {
		return nil
	}
	if n, there := known[t]; there {
		return n
	}
	n := &Needs{}
	known[t] = n
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		text := f.Tag.Get("required")
		if text == "-" || name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if name == "" && !f.Anonymous {
			name = f.Name
		}
		if inside := needsOf(f.Type, known); text != "" || inside != nil {
			n.members = append(n.members, need{field: i, name: name, text: text, inside: inside})
		}
	}
	return n
}

// Missing returns the error for the first member that is missing from v, or nil. V is a pointer to a value of the type
// that n was made from. A member is missing if it has its zero value or is an empty list. Missing does not look inside
// a member that is missing.
func (n *Needs) Missing(v any) *Error {
	if n == nil || len(n.members) == 0 {
		return nil
	}
	return n.missing("", reflect.ValueOf(v))
}

func (n *Needs) missing(path string, v reflect.Value) *Error {
	for v.Kind() == reflect.Pointer {
		if v = v.Elem(); !v.IsValid() {
			return nil
		}
	}
	for _, m := range n.members {
		at, field := path, v.Field(m.field)
		if m.name != "" {
			at = joinPath(path, m.name)
		}
		if field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0 {
			if m.text != "" {
				return &Error{Path: at, Detail: strings.ReplaceAll(m.text, "{path}", at)}
			}
			if m.name != "" {
				continue
			}
		}
		if e := m.missing(at, field); e != nil {
			return e
		}
	}
	return nil
}

// missing looks inside the member's value.
func (m *need) missing(at string, field reflect.Value) *Error {
	if m.inside == nil || len(m.inside.members) == 0 {
		return nil
	}
	if field.Kind() != reflect.Slice {
		return m.inside.missing(at, field)
	}
	for i := range field.Len() {
		if e := m.inside.missing(elementPath(at, i), field.Index(i)); e != nil {
			return e
		}
	}
	return nil
}
