// Package strict decodes JSON that a person wrote: control calls, fixtures and exported worlds. It rejects what
// encoding/json silently accepts. Each error names the place in the document and, for a closed list, the valid values.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error is an error in a document.
type Error struct {
	Path   string // such as "clusters[0].servers"; "" for the whole document
	Detail string
	Valid  []string // the valid values, if they are a closed list
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Detail
	}
	return e.Path + ": " + e.Detail
}

// Below puts the path of a part of a document before the path of an *Error inside that part. It returns any other error
// unchanged.
func Below(at string, err error) error {
	var inside *Error
	if !errors.As(err, &inside) {
		return err
	}
	e := *inside
	if e.Path = joinPath(at, inside.Path); inside.Path == "" || strings.HasPrefix(inside.Path, "[") {
		e.Path = at + inside.Path
	}
	return &e
}

// Decode decodes one JSON document into v as encoding/json does. It rejects what encoding/json accepts: members that v
// does not have or that differ in case, members given twice, and data after the end of the document. Empty input counts
// as an empty object. The error is an *Error.
func Decode(data []byte, v any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	if err := Check(data, reflect.TypeOf(v)); err != nil {
		return err
	}
	return Explain(reflect.TypeOf(v), json.Unmarshal(data, v))
}

// Check makes the checks of Decode without decoding: data must be one JSON document, and a value of type t must have
// each of its members. Check does not look at the members' values, except those that their type restricts (see
// checkOwn).
func Check(data []byte, t reflect.Type) error {
	// The whole document first: this finds a truncated document, and encoding/json bounds the depth.
	var whole json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&whole); err != nil {
		return notJSON(data, err)
	}
	rest := bytes.TrimLeft(data[dec.InputOffset():], " \t\r\n")
	dec = json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := checkValue(dec, "", t); err != nil {
		return err
	}
	if len(rest) > 0 {
		return &Error{Detail: fmt.Sprintf("data after the end of the JSON document, at byte %d", len(data)-len(rest)+1)}
	}
	return nil
}

// notJSON is the error for a syntax error, with its position. The first byte is byte 1.
func notJSON(data []byte, err error) *Error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &Error{Detail: fmt.Sprintf("the document is not JSON: %v, at byte %d", err, syntax.Offset)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Detail: fmt.Sprintf("the document is not JSON: unexpected end, after byte %d", len(data))}
	}
	return &Error{Detail: "the document is not JSON: " + err.Error()}
}

// Explain turns an error of encoding/json into an *Error. T is the type that the document was decoded into.
func Explain(t reflect.Type, err error) error {
	var wrongType *json.UnmarshalTypeError
	var own *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case errors.As(err, &wrongType):
		return &Error{Path: memberPath(t, wrongType.Field), Detail: fmt.Sprintf("must be %s, not %s",
			describeType(wrongType.Type), wrongType.Value)}
	}
	return &Error{Detail: err.Error()}
}

// memberPath removes the names of embedded structs from a path of encoding/json: they are not members of the document.
func memberPath(t reflect.Type, path string) string {
	var kept []string
	for step := range strings.SplitSeq(path, ".") {
		for t = Pointed(t); t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array); {
			t = Pointed(t.Elem())
		}
		members, rest := MembersOf(t)
		next, known := members[step]
		switch {
		case known:
			t = next
		case members == nil:
			t = rest
		default:
			if f, ok := t.FieldByName(step); ok && f.Anonymous {
				t = f.Type
				continue
			}
			t = nil
		}
		kept = append(kept, step)
	}
	return strings.Join(kept, ".")
}

// describeType names the JSON type that a Go type is decoded from.
func describeType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Pointer:
		return describeType(t.Elem())
	default:
		return "a whole number in its range"
	}
}

func checkValue(dec *json.Decoder, path string, t reflect.Type) error {
	token, err := dec.Token()
	if err != nil {
		return &Error{Path: path, Detail: err.Error()}
	}
	switch token {
	case json.Delim('{'):
		err = checkObject(dec, path, t)
	case json.Delim('['):
		err = checkArray(dec, path, t)
	default:
		return checkOwn(token, path, t)
	}
	if err == nil {
		_, err = dec.Token() // the closing bracket
	}
	return Explain(t, err)
}

// enum is the part of wire.Enum that checkOwn needs: a string type whose values have names.
type enum interface{ EnumNumbers() map[string]int32 }

func isEnum(t reflect.Type) bool {
	return t.Kind() == reflect.String && t.Implements(reflect.TypeFor[enum]())
}

// ExampleTime is the time that error texts show as an example.
const ExampleTime = "2026-01-02T03:04:05Z"

// NotATime is the detail of an error for a value that should be a time. Text is the value as the document has it.
func NotATime(text string) string {
	return fmt.Sprintf("%.80s is not a time; use RFC 3339, such as %s", text, ExampleTime)
}

// checkOwn checks a scalar against the rules of its own type: a time, a type with an UnmarshalJSON method, or an enum,
// in which "" means unset.
func checkOwn(token json.Token, path string, t reflect.Type) error {
	t = Pointed(t)
	if token == nil || t == nil {
		return nil
	}
	if word, ok := token.(string); ok && word != "" && isEnum(t) {
		known := reflect.Zero(t).Interface().(enum).EnumNumbers()
		if _, ok := known[word]; !ok {
			return &Error{Path: path, Detail: fmt.Sprintf("unknown value %q", word), Valid: slices.Sorted(maps.Keys(known))}
		}
	}
	if !DecodesItself(t) {
		return nil
	}
	text, err := json.Marshal(token)
	if err != nil {
		return err
	}
	err = json.Unmarshal(text, reflect.New(t).Interface())
	if err != nil && t == reflect.TypeFor[time.Time]() {
		return &Error{Path: path, Detail: NotATime(string(text))}
	}
	var own *Error
	if errors.As(err, &own) && own.Path == "" {
		return &Error{Path: path, Detail: own.Detail, Valid: own.Valid}
	}
	return nil
}

func checkObject(dec *json.Decoder, path string, t reflect.Type) error {
	members, rest := MembersOf(t)
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return &Error{Path: path, Detail: err.Error()}
		}
		name := token.(string)
		at := joinPath(path, name)
		if seen[name] {
			return &Error{Path: at, Detail: "is given twice"}
		}
		seen[name] = true
		member, known := members[name]
		if !known && members != nil {
			return &Error{Path: at, Detail: "is not a member of this object", Valid: sortedNames(members)}
		}
		if !known {
			member = rest
		}
		if err := checkValue(dec, at, member); err != nil {
			return err
		}
	}
	return nil
}

func checkArray(dec *json.Decoder, path string, t reflect.Type) error {
	t = Pointed(t)
	var element reflect.Type
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && !DecodesItself(t) {
		element = t.Elem()
	}
	for i := 0; dec.More(); i++ {
		if err := checkValue(dec, elementPath(path, i), element); err != nil {
			return err
		}
	}
	return nil
}

func elementPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Pointed removes all pointers from a type.
func Pointed(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// DecodesItself reports whether a type has an UnmarshalJSON method. Check does not look into such a value.
func DecodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// shortForms is an object type whose values have short forms. Check looks into the objects.
type shortForms interface{ ShortForms() []any }

// MembersOf returns the JSON members of a struct type by name. For a map type it returns nil and the type of the
// elements, for any other type nil and nil.
func MembersOf(t reflect.Type) (members map[string]reflect.Type, rest reflect.Type) {
	t = Pointed(t)
	switch {
	case t == nil || DecodesItself(t) && !t.Implements(reflect.TypeFor[shortForms]()):
		return nil, nil
	case t.Kind() == reflect.Map:
		return nil, t.Elem()
	case t.Kind() != reflect.Struct:
		return nil, nil
	}
	members = make(map[string]reflect.Type, t.NumField())
	for _, f := range Members(t) {
		members[f.Name] = f.Type
	}
	return members, nil
}

func sortedNames(members map[string]reflect.Type) []string {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Member is a member of a JSON object as a Go struct describes it.
type Member struct {
	Name string
	Doc  string // of the field's doc tag
	Type reflect.Type
}

// Members returns the JSON members of a struct type in the order of its fields, including those of embedded structs.
func Members(t reflect.Type) []Member {
	var list []Member
	t = Pointed(t)
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			list = append(list, Members(f.Type)...)
		case !f.IsExported() || name == "-":
		case name == "":
			list = append(list, Member{Name: f.Name, Doc: f.Tag.Get("doc"), Type: f.Type})
		default:
			list = append(list, Member{Name: name, Doc: f.Tag.Get("doc"), Type: f.Type})
		}
	}
	return list
}
