package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"

	"storagesim/internal/strict"
)

// DecodePlain fills v, a pointer to a struct, from one JSON object as a service reads it that has no protobuf gateway:
// member names match by exact case, types are not converted, members that v does not have are ignored, and of members
// given twice the last one counts. null and nothing at all leave v as it is. The error is an *strict.Error.
func DecodePlain(data []byte, v any) error {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return nil
	}
	if !utf8.Valid(data) {
		return &strict.Error{Detail: "the body is not valid UTF-8"}
	}
	if !json.Valid(data) {
		return &strict.Error{Detail: syntaxWords(data)}
	}
	t := strict.Pointed(reflect.TypeOf(v))
	if data[0] != '{' && data[0] != 'n' {
		return &strict.Error{Detail: "the body must be a JSON object"}
	}
	return strict.Explain(t, json.Unmarshal(knownOnly(data, t), v))
}

// syntaxWords says what encoding/json finds wrong in data, and where.
func syntaxWords(data []byte) string {
	var whole json.RawMessage
	err := json.Unmarshal(data, &whole)
	return fmt.Sprintf("the body is not JSON: %v", err)
}

// knownOnly drops the members that the type does not have, so that encoding/json cannot take one for a member that
// differs from it in case. The data is valid JSON.
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

func marshaled(v any, otherwise []byte) []byte {
	if text, err := json.Marshal(v); err == nil {
		return text
	}
	return otherwise
}

// AppendPlain appends the JSON of v as such a service writes it: like encoding/json, but <, > and & stay as they are.
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
