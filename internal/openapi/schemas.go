package openapi

import (
	"encoding"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"storagesim/internal/api"
	"storagesim/internal/fixture/document"
	"storagesim/internal/wire"
)

// schemas makes JSON Schemas of Go types, by the rules of one wire. Requests and responses have different schemas even
// if they have the same type: a response has no unknown members, and some of its members are always present.
type schemas struct {
	encoding   api.Encoding
	components map[string]*Schema
	names      map[schemaKey]string
	given      Names
}

type schemaKey struct {
	t      reflect.Type
	answer bool
}

// closed is a type of strings with a closed list of values.
type closed interface{ Names() []string }

// short is a type whose values have short forms. ShortForms returns a value of the type of each form. The short form of
// a list is its only element.
type short interface{ ShortForms() []any }

// open is a type of objects that have the members of the type that it returns, and further ones.
type open interface{ Members() any }

const (
	componentPrefix = "#/components/schemas/"
	digits          = `^-?[0-9]+$`
	seconds         = `^-?[0-9]+(\.[0-9]+)?s$`
	goDuration      = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^0$`
)

func reference(name string) *Schema { return &Schema{Ref: componentPrefix + name} }

// gateway reports whether the wire is that of a protobuf gateway.
func (s *schemas) gateway() bool { return s.encoding != api.Plain }

// of returns the schema of a value of the type; structs become components. name is the component's name if the type has
// none.
func (s *schemas) of(t reflect.Type, answer bool, name string) *Schema {
	if t.Kind() == reflect.Pointer {
		return s.of(t.Elem(), answer, name)
	}
	if t.Implements(reflect.TypeFor[short]()) {
		return s.withShortForms(t, answer, name)
	}
	if scalar := s.scalar(t); scalar != nil {
		return scalar
	}
	if t.Implements(reflect.TypeFor[open]()) {
		s.components[upper(t.Name())] = s.object(reflect.TypeOf(reflect.Zero(t).Interface().(open).Members()), answer, name,
			nil)
		s.components[upper(t.Name())].AdditionalProperties = &Schema{}
		return reference(upper(t.Name()))
	}
	switch t.Kind() {
	case reflect.Struct:
		return s.component(t, answer, name)
	case reflect.Slice, reflect.Array:
		return &Schema{Type: "array", Items: s.of(t.Elem(), answer, name)}
	case reflect.Map:
		return &Schema{Type: "object", AdditionalProperties: s.of(t.Elem(), answer, name)}
	default:
		return &Schema{}
	}
}

// withShortForms returns the schema of a type that implements short.
func (s *schemas) withShortForms(t reflect.Type, answer bool, name string) *Schema {
	var forms []*Schema
	for _, form := range reflect.Zero(t).Interface().(short).ShortForms() {
		forms = append(forms, s.of(reflect.TypeOf(form), answer, name))
	}
	if t.Kind() != reflect.Slice {
		return &Schema{AnyOf: append([]*Schema{s.component(t, answer, name)}, forms...)}
	}
	items := &Schema{AnyOf: forms}
	if len(forms) == 1 {
		items = forms[0]
	}
	return &Schema{AnyOf: append(slices.Clone(forms), &Schema{Type: "array", Items: items})}
}

// scalar returns the schema of a type without elements or members, or nil for other types.
func (s *schemas) scalar(t reflect.Type) *Schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &Schema{Type: "string", Format: "date-time"}
	case t == reflect.TypeFor[wire.Duration]():
		return &Schema{Type: "string", Pattern: seconds}
	case t == reflect.TypeFor[json.RawMessage](), t.Implements(reflect.TypeFor[json.Marshaler]()):
		return &Schema{}
	case t.Kind() == reflect.String && t.Implements(reflect.TypeFor[wire.Enum]()) && s.gateway():
		return &Schema{Type: "string", Enum: enumNames(t)}
	case t.Kind() == reflect.String && t.Implements(reflect.TypeFor[closed]()):
		return &Schema{Type: "string", Enum: reflect.Zero(t).Interface().(closed).Names()}
	case t == reflect.TypeFor[document.Duration]():
		return &Schema{Type: "string", Pattern: goDuration, Examples: []any{"90s"}}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return &Schema{Type: "string"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.String:
		return &Schema{Type: "string"}
	case reflect.Int32:
		return &Schema{Type: "integer", Format: "int32"}
	case reflect.Uint32:
		return &Schema{Type: "integer", Format: "int64", Minimum: "0"}
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		format := strings.ToLower(strings.TrimSuffix(t.Kind().String(), "64")) + "64"
		if s.gateway() {
			return &Schema{Type: "string", Format: format, Pattern: digits}
		}
		return &Schema{Type: "integer", Format: format}
	case reflect.Float32, reflect.Float64:
		return &Schema{Type: "number", Format: "double"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &Schema{Type: "string", ContentEncoding: "base64"}
		}
	default:
	}
	return nil
}

// enumNames returns the names of an enum in the order of their numbers.
func enumNames(t reflect.Type) []string {
	numbers := reflect.Zero(t).Interface().(wire.Enum).EnumNumbers()
	names := make([]string, 0, len(numbers))
	for name := range numbers {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := int(numbers[a]) - int(numbers[b]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names
}

// component returns a reference to the struct's schema, which it makes if there is none yet.
func (s *schemas) component(t reflect.Type, answer bool, fallback string) *Schema {
	if t.NumField() == 0 {
		return s.object(t, answer, fallback, nil)
	}
	key := schemaKey{t, answer}
	if name, there := s.names[key]; there {
		return reference(name)
	}
	name := s.free(t, answer, fallback)
	s.names[key] = name
	s.components[name] = &Schema{} // taken, so that the type may contain itself
	s.components[name] = s.object(t, answer, name, nil)
	return reference(name)
}

// free returns an unused component name: the given name or that of the type, with the suffix Input for a request.
func (s *schemas) free(t reflect.Type, answer bool, fallback string) string {
	base := t.Name()
	if given := s.given[t]; given != "" {
		base = given
	}
	if at := strings.IndexByte(base, '['); at >= 0 {
		base = base[:at]
	}
	if base == "" {
		base = fallback
	}
	base = upper(base)
	if stem, is := strings.CutSuffix(base, "Response"); is && answer {
		base = stem + "Answer" // generators call the whole answer of a call its response
	}
	if !answer {
		base += "Input"
	}
	name := base
	if s.components[name] != nil {
		name = upper(path.Base(t.PkgPath())) + base
	}
	for n := 2; s.components[name] != nil; n++ {
		name = fmt.Sprintf("%s%d", base, n)
	}
	return name
}

func upper(word string) string {
	runes := []rune(word)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes)
}

// object returns the schema of a struct without the members in leave.
func (s *schemas) object(t reflect.Type, answer bool, name string, leave func(member string) bool) *Schema {
	o := &Schema{Type: "object"}
	if answer {
		o.AdditionalProperties = false
	}
	for _, m := range members(t) {
		if leave != nil && leave(m.name) {
			continue
		}
		if o.Properties == nil {
			o.Properties = map[string]*Schema{}
		}
		member := s.of(m.t, answer, name+upper(m.name))
		if answer && s.required(m) || !answer && m.required {
			o.Required = append(o.Required, m.name)
		}
		if answer && s.required(m) && s.nullable(m.t) {
			member = orNull(member)
		}
		m.describe(member)
		o.Properties[m.name] = member
	}
	slices.Sort(o.Required)
	return o
}

// required reports whether a response always has the member.
func (s *schemas) required(m member) bool {
	switch s.encoding {
	case api.GatewayV1:
		return false
	case api.GatewayV2:
		return !slices.Contains(m.options, "oneof")
	default:
		return !slices.Contains(m.options, "omitempty") && !slices.Contains(m.options, "omitzero")
	}
}

// nullable reports whether a member that is always present may be null.
func (s *schemas) nullable(t reflect.Type) bool {
	switch {
	case t.Kind() == reflect.Pointer:
		return true
	case s.encoding == api.GatewayV2:
		return t == reflect.TypeFor[time.Time]()
	}
	return false
}

func orNull(s *Schema) *Schema {
	if name, ok := s.Type.(string); ok && s.Enum == nil {
		s.Type = []string{name, "null"}
		return s
	}
	if s.Type == nil && s.Ref == "" {
		return s // lets null through as it is
	}
	return &Schema{AnyOf: []*Schema{s, {Type: "null"}}}
}

// member is a member of the JSON form of a struct.
type member struct {
	name    string
	t       reflect.Type
	options []string
	tag     reflect.StructTag
	// required reports whether a request must have the member (strict.Needs).
	required bool
}

// members returns the members of a struct. Those of an embedded struct without a tag are members of the outer struct.
func members(t reflect.Type) []member {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var list []member
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag[0] == "":
			lent := members(f.Type)
			for k := range lent {
				lent[k].required = lent[k].required && f.Tag.Get("required") != "-"
			}
			list = append(list, lent...)
		case !f.IsExported() || tag[0] == "-":
		default:
			if tag[0] == "" {
				tag[0] = f.Name
			}
			_, required := f.Tag.Lookup("required")
			list = append(list, member{name: tag[0], t: f.Type, options: tag[1:], tag: f.Tag, required: required})
		}
	}
	return list
}

// inferred returns the schema of a JSON value whose form is always the same, such as a refusal.
func inferred(v any) *Schema {
	switch v := v.(type) {
	case nil:
		return &Schema{Type: "null"}
	case bool:
		return &Schema{Type: "boolean"}
	case float64:
		return &Schema{Type: "integer"}
	case string:
		return &Schema{Type: "string"}
	case []any:
		return &Schema{Type: "array", Items: &Schema{}}
	case map[string]any:
		o := &Schema{Type: "object", AdditionalProperties: false, Properties: map[string]*Schema{}}
		for name, value := range v {
			o.Properties[name] = inferred(value)
			o.Required = append(o.Required, name)
		}
		slices.Sort(o.Required)
		return o
	}
	return &Schema{}
}
