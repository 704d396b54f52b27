package strict

import (
	"reflect"
	"strings"
)

// Needs are the members that a document must have, as the tag required of its type's fields says. The text of the tag is
// what whoever left the member out is told; {path} in it stands for where the member lies. The empty text says that the
// reader of the document refuses it in words of its own, which know what would be right; of those Missing says nothing.
// On an embedded struct the text "-" lifts the tags of what it lends.
type Needs struct{ members []need }

type need struct {
	at     int // the field
	name   string
	words  string // "" where only inside is looked at
	inside *Needs // of what the member holds, or each of its elements; nil for nothing
}

// NeedsOf reads the tags of a struct type, and of what it holds; of any other type there are none.
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
		words := f.Tag.Get("required")
		if words == "-" || name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if name == "" && !f.Anonymous {
			name = f.Name
		}
		if inside := needsOf(f.Type, known); words != "" || inside != nil {
			n.members = append(n.members, need{at: i, name: name, words: words, inside: inside})
		}
	}
	return n
}

// Missing answers what the first member that is missing from v says, nil where none is. V is a pointer to a value of the
// type. A member is missing when it has its zero value, or is a list without elements; of what lies in a member that is
// missing itself nothing is said.
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
		at, field := path, v.Field(m.at)
		if m.name != "" {
			at = joinPath(path, m.name)
		}
		if field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0 {
			if m.words != "" {
				return &Error{Path: at, Detail: strings.ReplaceAll(m.words, "{path}", at)}
			}
			if m.name != "" {
				continue
			}
		}
		if e := m.within(at, field); e != nil {
			return e
		}
	}
	return nil
}

// within looks into what a member holds.
func (m *need) within(at string, field reflect.Value) *Error {
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
