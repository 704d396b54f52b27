package wire

import (
	"fmt"
	"reflect"
	"strings"
)

// SetField sets the member at path, such as "name" or "configParam.name", in the struct that v points to, from the
// values of a query or path parameter. It allocates nil messages on the path. A repeated member is set to all values,
// any other member to the first one; "map[key]" sets an entry of a map. The accepted forms are those of the vendor's
// gateway in a query (facts/lightbits.md 2.2), including 0x10 for numbers and the number for enums.
//
// It returns ErrUnknownField if there is no such member. It returns an *Error if the value does not fit, if path names
// a message or continues after a member that is not a message, or if another member of its group is already set.
func SetField(v any, path string, values []string) error {
	rv, c, err := target(v)
	if err != nil {
		return err
	}
	name := path
	if open := strings.LastIndexByte(path, '['); open >= 0 && strings.HasSuffix(path, "]") {
		name = path[:open]
		values = append([]string{path[open+1 : len(path)-1]}, values...)
	}
	mem, fv, err := descend(c.message, rv, name)
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return &Error{Path: name, Problem: "expected a value, got none"}
	}
	if err := mem.setText(fv, values); err != nil {
		return within(name, err)
	}
	return nil
}

// descend returns the member at path in the struct v, and its value.
func descend(m *message, v reflect.Value, path string) (*member, reflect.Value, error) {
	for rest := path; ; {
		var name string
		var nested bool
		name, rest, nested = strings.Cut(rest, ".")
		i, known := m.byName[name]
		if !known {
			return nil, v, ErrUnknownField
		}
		mem := &m.members[i]
		if mem.group != "" {
			if err := m.free(i, v); err != nil {
				return nil, v, err
			}
		}
		v = mem.of(v)
		if !nested {
			return mem, v, nil
		}
		if mem.codec.message == nil {
			return nil, v, &Error{Path: path, Problem: fmt.Sprintf(
				"expected nothing after %s, which is not a message, got %q", name, clip(rest))}
		}
		m = mem.codec.message
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
	}
}

// free returns an error if another member of the group of member i is set in the struct v.
func (m *message) free(i int, v reflect.Value) error {
	for j := range m.members {
		other := &m.members[j]
		if j != i && other.group == m.members[i].group && !other.of(v).IsZero() {
			return &Error{Path: m.members[i].name,
				Problem: "expected one member of " + other.group + ", got " + other.name + " too"}
		}
	}
	return nil
}

// setText sets the member's value v from texts.
func (m *member) setText(v reflect.Value, values []string) error {
	c := m.codec
	switch {
	case c.parse != nil:
		return c.parse(values[0], v)
	case c.kind == listKind && c.elem.parse != nil:
		list := reflect.MakeSlice(v.Type(), len(values), len(values))
		for i, s := range values {
			if err := c.elem.parse(s, list.Index(i)); err != nil {
				return within(fmt.Sprintf("[%d]", i), err)
			}
		}
		v.Set(list)
		return nil
	case c.kind == mapKind && c.elem.parse != nil:
		return setEntry(c, v, values)
	}
	return &Error{Problem: "expected a member that fits in a parameter, got a message"}
}

// setEntry puts values, a key and its value, into the map v.
func setEntry(c *codec, v reflect.Value, values []string) error {
	if len(values) != 2 {
		return &Error{Problem: "expected one value for one key, as in map[key]=value"}
	}
	held := reflect.New(v.Type().Elem()).Elem()
	if err := c.elem.parse(values[1], held); err != nil {
		return within("["+values[0]+"]", err)
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	v.SetMapIndex(reflect.ValueOf(values[0]).Convert(v.Type().Key()), held)
	return nil
}
