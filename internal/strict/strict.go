// Package strict decodes JSON that a person wrote: control calls, fixtures, worlds in a file. What encoding/json forgives
// is refused, and the refusal says where in the document it is and what would be right there.
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
)

// Error says what is wrong in a document, and where.
type Error struct {
	Path   string // "clusters[0].servers"; "" for the whole document
	Detail string
	Valid  []string // what would be right there, where that is a closed list
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Detail
	}
	return e.Path + ": " + e.Detail
}

// Below says of an error inside a part of a document where that part lies. An error that is no *Error comes back as it is.
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

// Decode fills v from one JSON document as encoding/json does, and refuses what that forgives: members that v
// does not have or that differ in case, members given twice, and anything behind the document. Nothing at all is an
// empty object. The error is an *Error.
func Decode(data []byte, v any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	if err := Check(data, reflect.TypeOf(v)); err != nil {
		return err
	}
	return Explain(reflect.TypeOf(v), json.Unmarshal(data, v))
}

// Check is Decode without decoding: whether the text is one JSON document whose members a value of the type has, each of
// them once. What their values are is not looked at.
func Check(data []byte, t reflect.Type) error {
	// The whole document first: this finds what is cut off, and bounds how deep it nests.
	var whole json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&whole); err != nil {
		return &Error{Detail: "is not JSON: " + err.Error()}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := checkValue(dec, "", t); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &Error{Detail: fmt.Sprintf("there is something behind the end of the JSON document, at byte %d", dec.InputOffset())}
	}
	return nil
}

// Explain says a decoding error of encoding/json in its own words. The document is of type t.
func Explain(t reflect.Type, err error) error {
	var wrongType *json.UnmarshalTypeError
	var own *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case errors.As(err, &wrongType):
		return &Error{Path: memberPath(t, wrongType.Field), Detail: fmt.Sprintf("must be %s, not %s", typeWords(wrongType.Type), wrongType.Value)}
	}
	return &Error{Detail: err.Error()}
}

// memberPath leaves out of a path of encoding/json the names of embedded structs, which are no members.
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

// typeWords calls a Go type what it is in JSON.
func typeWords(t reflect.Type) string {
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
		return typeWords(t.Elem())
	default:
		return "a whole number in its range"
	}
}

func checkValue(dec *json.Decoder, path string, t reflect.Type) error {
	token, err := dec.Token()
	if err != nil {
		return &Error{Path: path, Detail: "is not JSON: " + err.Error()}
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

// words is a type of texts that are names of numbers on the wire, as wire.Enum says.
type words interface{ EnumNumbers() map[string]int32 }

// checkOwn says where a value is that its type refuses: one that decodes itself, or one of a few words, of which "" stands
// for none.
func checkOwn(token json.Token, path string, t reflect.Type) error {
	t = Pointed(t)
	if token == nil || t == nil {
		return nil
	}
	if word, ok := token.(string); ok && word != "" && t.Kind() == reflect.String && t.Implements(reflect.TypeFor[words]()) {
		known := reflect.Zero(t).Interface().(words).EnumNumbers()
		if _, ok := known[word]; !ok {
			return &Error{Path: path, Detail: fmt.Sprintf("%q is none of the names", word), Valid: slices.Sorted(maps.Keys(known))}
		}
	}
	if !DecodesItself(t) {
		return nil
	}
	text, err := json.Marshal(token)
	if err != nil {
		return err
	}
	var own *Error
	if errors.As(json.Unmarshal(text, reflect.New(t).Interface()), &own) && own.Path == "" {
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
			return &Error{Path: path, Detail: "is not JSON: " + err.Error()}
		}
		name := token.(string)
		at := joinPath(path, name)
		if seen[name] {
			return &Error{Path: at, Detail: "is given twice"}
		}
		seen[name] = true
		member, known := members[name]
		if !known && members != nil {
			return &Error{Path: at, Detail: "is not known", Valid: sortedNames(members)}
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

// Pointed is what a pointer type points to in the end; other types are themselves.
func Pointed(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// DecodesItself says that a type has its own idea of its JSON, which is then not looked into.
func DecodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// MembersOf answers the members of a struct, or nil and the type that all members have.
func MembersOf(t reflect.Type) (members map[string]reflect.Type, rest reflect.Type) {
	t = Pointed(t)
	switch {
	case t == nil || DecodesItself(t):
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
	Doc  string // the tag doc
	Type reflect.Type
}

// Members lists the JSON members of a struct type in the order of its fields, embedded structs' among them.
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
