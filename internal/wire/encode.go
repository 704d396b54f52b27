package wire

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"
)

func (m *message) encode(dst []byte, v reflect.Value, z Zero) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	for i := range m.members {
		if dst, err = m.members[i].encode(dst, v, z); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// encode writes the member of the struct v with its name, or nothing if it is omitted.
func (m *member) encode(dst []byte, v reflect.Value, z Zero) ([]byte, error) {
	fv, c := m.of(v), m.codec
	empty := c.empty != nil && c.empty(fv)
	if empty && (z == OmitZero || m.oneof) {
		return dst, nil
	}
	before := len(dst)
	if dst[before-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, m.key...)
	if empty && c.null {
		return append(dst, "null"...), nil
	}
	start := len(dst)
	dst, err := c.encode(dst, fv, z)
	if err != nil {
		return dst, within(m.name, err)
	}
	if z == OmitZero && c.kind == messageKind && len(dst) == start+len("{}") {
		return dst[:before], nil
	}
	return dst, nil
}

func (b builder) buildList(c *codec, t reflect.Type) error {
	elem, err := b.build(t.Elem())
	if err != nil {
		return err
	}
	if elem.kind == listKind || elem.kind == mapKind {
		return fmt.Errorf("%s: protobuf has no lists of lists or maps", t)
	}
	*c = codec{kind: listKind, elem: elem}
	c.empty = func(v reflect.Value) bool { return v.Len() == 0 }
	c.encode = func(dst []byte, v reflect.Value, z Zero) ([]byte, error) {
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = elem.encode(dst, v.Index(i), z); err != nil {
				return dst, within(fmt.Sprintf("[%d]", i), err)
			}
		}
		return append(dst, ']'), nil
	}
	c.decode = func(d *decoder, v reflect.Value) error { return d.list(elem, v) }
	return nil
}

func (b builder) buildMap(c *codec, t reflect.Type) error {
	if t.Key().Kind() != reflect.String {
		return fmt.Errorf("%s: only maps with string keys are supported", t)
	}
	elem, err := b.build(t.Elem())
	if err != nil {
		return err
	}
	if elem.kind == listKind || elem.kind == mapKind {
		return fmt.Errorf("%s: protobuf has no maps of lists or maps", t)
	}
	*c = codec{kind: mapKind, elem: elem}
	c.empty = func(v reflect.Value) bool { return v.Len() == 0 }
	c.encode = func(dst []byte, v reflect.Value, z Zero) ([]byte, error) { return appendMap(dst, v, elem, z) }
	c.decode = func(d *decoder, v reflect.Value) error { return d.mapping(t, elem, v) }
	return nil
}

func appendMap(dst []byte, v reflect.Value, elem *codec, z Zero) ([]byte, error) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	held := reflect.New(v.Type().Elem()).Elem()
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k.String(), z == OmitZero), ':')
		held.Set(v.MapIndex(k))
		var err error
		if dst, err = elem.encode(dst, held, z); err != nil {
			return dst, within(k.String(), err)
		}
	}
	return append(dst, '}'), nil
}

const hexDigits = "0123456789abcdef"

// plain reports whether the ASCII byte c needs no escape inside a JSON string.
func plain(c byte, html bool) bool {
	if c == '<' || c == '>' || c == '&' {
		return !html
	}
	return c >= ' ' && c != '"' && c != '\\'
}

// appendString writes s in quotes. Invalid UTF-8 becomes U+FFFD. With html, it also escapes what is unsafe inside a
// script element.
func appendString(dst []byte, s string, html bool) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if !plain(c, html) {
				dst = appendEscape(append(dst, s[start:i]...), c)
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, s[start:i]...), `\ufffd`...)
			start = i + size
		} else if html && (r == '\u2028' || r == '\u2029') {
			dst = append(append(dst, s[start:i]...), `\u202`...)
			dst = append(dst, hexDigits[r&0xf])
			start = i + size
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
