package wire

import (
	"reflect"
	"strconv"
	"unicode/utf8"
)

// shown is how much of a bad value an error repeats, in bytes.
const shown = 40

// got describes the next value, for an error about its kind.
func (d *decoder) got() string {
	start := d.pos
	if err := d.skip(); err != nil {
		return "invalid JSON"
	}
	switch c := d.data[start]; c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "string " + clip(string(d.data[start:d.pos]))
	case 't', 'f', 'n':
		return string(d.data[start:d.pos])
	default:
		return "number " + clip(string(d.data[start:d.pos]))
	}
}

func clip(s string) string {
	if len(s) <= shown {
		return s
	}
	end := shown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// mismatch returns the error of a value of the wrong kind, or a syntax error if it is not JSON.
func (d *decoder) mismatch(want string) error {
	start := d.pos
	if err := d.skip(); err != nil {
		return err
	}
	d.pos = start
	return wrong(want, d.got())
}

// memberSet is the set of members that an object contains, by index.
type memberSet [maxMembers / 64]uint64

func (s *memberSet) set(i int, given bool) {
	s[i/64] &^= 1 << (i % 64)
	if given {
		s[i/64] |= 1 << (i % 64)
	}
}

func (s *memberSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// decode reads an object into the struct v.
func (m *message) decode(d *decoder, v reflect.Value) error {
	if d.peek() != '{' {
		return d.mismatch("a JSON object")
	}
	var given memberSet
	next := 0
	empty, err := d.enter('}')
	for more := !empty; more && err == nil; {
		key, err := d.key()
		if err != nil {
			return err
		}
		i := m.find(key, next)
		if i < 0 {
			if err := d.skip(); err != nil {
				return within(string(key), err)
			}
		} else {
			if err := m.members[i].decode(d, v, &given, i); err != nil {
				return within(m.members[i].name, err)
			}
			next = i + 1
		}
		if more, err = d.more('}'); err != nil {
			return err
		}
	}
	if m.grouped {
		m.keepLast(&given, v)
	}
	return err
}

// find returns the index of the member named key, or -1. Members are usually in the order of their declaration, so it
// tries next first.
func (m *message) find(key []byte, next int) int {
	if next < len(m.members) && m.members[next].name == string(key) {
		return next
	}
	if i, ok := m.byName[string(key)]; ok {
		return i
	}
	return -1
}

// decode reads the value of member i into the struct v. Null discards the value of an earlier member of the same name.
func (m *member) decode(d *decoder, v reflect.Value, given *memberSet, i int) error {
	fv := m.of(v)
	if d.null() {
		if given.has(i) {
			fv.SetZero()
			given.set(i, false)
		}
		return nil
	}
	given.set(i, true)
	if m.codec.kind == messageKind {
		fv.SetZero()
	}
	return m.codec.decode(d, fv)
}

// keepLast keeps only the last declared member of each group, of those that were given.
func (m *message) keepLast(given *memberSet, v reflect.Value) {
	for i := range m.members {
		g := m.members[i].group
		if g == "" || !given.has(i) {
			continue
		}
		for j := range m.members {
			if m.members[j].group == g && (j < i || !given.has(j)) {
				m.members[j].of(v).SetZero()
			}
		}
	}
}

// list reads an array into the slice v. A null element is a zero value.
func (d *decoder) list(elem *codec, v reflect.Value) error {
	if d.peek() != '[' {
		return d.mismatch("a JSON array")
	}
	v.SetZero()
	empty, err := d.enter(']')
	for n, more := 0, !empty; more && err == nil; n++ {
		v.Grow(1)
		v.SetLen(n + 1)
		if err = d.element(elem, v.Index(n)); err != nil {
			return within("["+strconv.Itoa(n)+"]", err)
		}
		more, err = d.more(']')
	}
	return err
}

// element reads an element of a list or map into v, which holds its zero value.
func (d *decoder) element(elem *codec, v reflect.Value) error {
	if !d.null() {
		return elem.decode(d, v)
	}
	if elem.kind == pointerKind {
		v.Set(reflect.New(v.Type().Elem()))
	}
	return nil
}

// mapping reads an object into the map v of type t. A null value is a zero value.
func (d *decoder) mapping(t reflect.Type, elem *codec, v reflect.Value) error {
	if d.peek() != '{' {
		return d.mismatch("a JSON object")
	}
	v.Set(reflect.MakeMap(t))
	empty, err := d.enter('}')
	for more := !empty; more && err == nil; {
		key, err := d.key()
		if err != nil {
			return err
		}
		k := string(key)
		held := reflect.New(t.Elem()).Elem()
		if err := d.element(elem, held); err != nil {
			return within(k, err)
		}
		v.SetMapIndex(reflect.ValueOf(k).Convert(t.Key()), held)
		if more, err = d.more('}'); err != nil {
			return err
		}
	}
	return err
}

// unquote reads a string value. If there is none, the error names what, the expected value.
func (d *decoder) unquote(what string) (string, error) {
	if d.peek() != '"' {
		return "", d.mismatch(what)
	}
	b, err := d.text()
	return string(b), err
}

// numeral reads a number, or a string that holds one, as its text.
func (d *decoder) numeral(want string) ([]byte, error) {
	switch c := d.peek(); {
	case c == '"':
		start := d.pos
		b, err := d.text()
		if err == nil && (len(b) == 0 || numberLen(b) != len(b)) {
			err = wrong(want, "string "+clip(string(d.data[start:d.pos])))
		}
		return b, err
	case c == '-' || '0' <= c && c <= '9':
		return d.number()
	}
	return nil, d.mismatch(want)
}
