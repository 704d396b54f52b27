package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"

	"storagesim/internal/strict"
)

// DecodePlain decodes one JSON object into v, a pointer to a struct, as a service without a protobuf gateway does:
// member names match by exact case, types are not converted, unknown members are ignored, and the last of duplicate
// members wins. null and empty data leave v unchanged. The error is an *strict.Error.
func DecodePlain(data []byte, v any) error {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return nil
	}
	if !utf8.Valid(data) {
		return &strict.Error{Detail: "the body is not valid UTF-8"}
	}
	if !json.Valid(data) {
		return &strict.Error{Detail: syntaxError(data)}
	}
	t := strict.Pointed(reflect.TypeOf(v))
	if data[0] != '{' && data[0] != 'n' {
		return &strict.Error{Detail: "the body must be a JSON object"}
	}
	return strict.Explain(t, json.Unmarshal(knownOnly(data, t), v))
}

// syntaxError describes the syntax error in data.
func syntaxError(data []byte) string {
	var whole json.RawMessage
	err := json.Unmarshal(data, &whole)
	return fmt.Sprintf("the body is not JSON: %v", err)
}

// knownOnly removes the members that t does not have. Otherwise encoding/json would match them to members whose names
// differ in case. The data must be valid JSON.
func knownOnly(data []byte, t reflect.Type) []byte {
	t = strict.Pointed(t)
	if t == nil || strict.DecodesItself(t) {
		return data
	}
	switch {
	case t.Kind() == reflect.Struct && data[0] == '{':
		members, _ := strict.MembersOf(t)
		return knownMembers(data, func(name string) (reflect.Type, bool) {
			member, known := members[name]
			return member, known
		})
	case t.Kind() == reflect.Map && data[0] == '{':
		return knownMembers(data, func(string) (reflect.Type, bool) { return t.Elem(), true })
	case t.Kind() == reflect.Slice && data[0] == '[':
		var list []json.RawMessage
		if json.Unmarshal(data, &list) != nil {
			return data
		}
		for i, element := range list {
			list[i] = knownOnly(element, t.Elem())
		}
		return marshaled(list, data)
	}
	return data
}

func knownMembers(data []byte, typeOf func(name string) (reflect.Type, bool)) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return data
	}
	for name, value := range object {
		member, known := typeOf(name)
		if known {
			object[name] = knownOnly(value, member)
		} else {
			delete(object, name)
		}
	}
	return marshaled(object, data)
}

// marshaled returns the JSON of v, or otherwise if v cannot be encoded.
func marshaled(v any, otherwise []byte) []byte {
	if text, err := json.Marshal(v); err == nil {
		return text
	}
	return otherwise
}

// AppendPlain appends the JSON of v as such a service encodes it: as encoding/json does, but without escaping <, > and
// &.
func AppendPlain(dst []byte, v any) ([]byte, error) {
	if ready, ok := v.(JSON); ok {
		return append(dst, ready...), nil
	}
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return dst, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
