// Package wire is the JSON mapping of protobuf gateways for plain Go structs.
//
// Two of the simulated vendors put a protobuf gateway in front of their service, and its JSON is not that of
// encoding/json: member names match by exact case (a message here may have both "Name" and "name"), 64-bit integers
// travel as strings and 32-bit ones as numbers, enums by name, bytes as base64, durations as "3600s"; null means "not
// given" and unknown members are ignored (facts/lightbits.md 2.1). Database rows have the same form, so each type is
// compiled once into an encoder and a decoder.
//
// A message is a struct. The tag `json:"name"` gives a member's wire name, `json:"-"` hides it; the members of an
// embedded struct without a tag belong to the message. Options after the name:
//
//	oneof         with EmitZero the member is left out, rather than null, while it is unset
//	snake         the member is also read by its name in snake case, as the .proto file has it
//	group=<word>  a request sets only one of the members of a group: the one that is declared last wins, in any
//	              order of the request, as in the real gateway (testdata/gateway.txt)
//
// Member types:
//
//	bool, string, float64                as in JSON, without conversions
//	int32, uint32                        number out; number or decimal string in
//	int, int64, uint64                   string out; number or decimal string in
//	[]byte                               base64
//	time.Time                            RFC 3339 in UTC; the zero time is unset
//	Duration                             seconds, "3600s"
//	string types implementing Enum       name out; name or number in
//	structs, *T, []T, map[string]T       nested; a nil pointer is an unset message, oneof member or wrapper
//	json.RawMessage                      any JSON, kept byte for byte
//
// Anything else is an error of Append, Unmarshal and SetField, never a panic.
package wire

import (
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Zero selects how members with their zero value are encoded. It also selects the string escapes of a gateway
// generation: OmitZero escapes <, >, &, U+2028 and U+2029, EmitZero does not.
type Zero int

const (
	// OmitZero leaves out "", 0, false, empty lists and maps, the first enum value, unset times and messages: the default
	// of grpc-gateway v1. A struct held by value is left out when it would be written as {}.
	OmitZero Zero = iota
	// EmitZero writes every member; nil pointers, zero times and nil raw members are null, or absent if tagged oneof: the
	// default of grpc-gateway v2.
	EmitZero
)

// MaxDepth is how deep objects and arrays may nest in a request; one level more is an error.
const MaxDepth = 100

// Duration is a protobuf duration: written in seconds with 0, 3, 6 or 9 fraction digits ("3600s", "0.500s"), read from
// any Go duration string ("1h"). A number, with or without quotes, has no unit and is an error; only "0" needs none.
type Duration time.Duration

// Enum is implemented by string types that stand for a protobuf enum.
type Enum interface {
	// EnumNumbers returns the number of each name. It must return the same for all values of the type. If several names
	// have the same number, the first in alphabetical order is written and stored; the others are only read. The zero
	// value is the name of number 0 or the empty string.
	EnumNumbers() map[string]int32
}

// ErrUnknownField is returned by SetField if the message has no such member. Gateways ignore such query parameters.
var ErrUnknownField = errors.New("no such member")

// Error is the error of a request that does not fit its message.
type Error struct {
	// Path is the member, as in "acl.values[2]"; empty for the message itself.
	Path string
	// Problem describes what was expected and what was given.
	Problem string
}

// Error returns "path: problem".
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + ": " + e.Problem
}

// Append appends the JSON of v, which is a struct, pointer, slice or map of what the package comment lists. It returns
// an error and dst unchanged if a type is not supported, v is nil, an enum name is unknown, a time is outside the years
// 1 to 9999 or a raw member is not JSON. The client causes none of these, so the error is not an *Error.
func Append(dst []byte, v any, z Zero) ([]byte, error) {
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	if !rv.IsValid() || rv.Kind() == reflect.Pointer {
		return dst, fmt.Errorf("wire: cannot write a nil %T", v)
	}
	c, err := codecOf(rv.Type())
	if err != nil {
		return dst, err
	}
	if !rv.CanAddr() {
		held := reflect.New(rv.Type()).Elem()
		held.Set(rv)
		rv = held
	}
	out, err := c.encode(dst, rv, z)
	if err != nil {
		return dst, fmt.Errorf("wire: %T: %s", v, err.Error())
	}
	return out, nil
}

// Unmarshal reads one JSON object into the struct that v points to. Members that are absent or null keep their values;
// the others are replaced, lists and nested messages too. Empty data, white space and null are the empty message. The
// last of duplicate members wins. If data is invalid, Unmarshal returns an *Error and v may be partly filled.
func Unmarshal(data []byte, v any) error {
	d := &decoder{data: data}
	if err := d.message(v); err != nil {
		return err
	}
	d.space()
	if d.pos < len(data) {
		return d.syntax("the end after the message")
	}
	return nil
}

// UnmarshalFirst is Unmarshal for the first JSON value in data. What follows the value is not read.
func UnmarshalFirst(data []byte, v any) error { return (&decoder{data: data}).message(v) }

// message reads a message into the struct that v points to; null and the end of the data are the empty message.
func (d *decoder) message(v any) error {
	rv, c, err := target(v)
	if err != nil {
		return err
	}
	d.space()
	if d.pos == len(d.data) || d.null() {
		return nil
	}
	return c.decode(d, rv)
}

// target returns the struct that v points to and its codec.
func target(v any) (reflect.Value, *codec, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct {
		return rv, nil, fmt.Errorf("wire: cannot read into %T, only into a pointer to a struct", v)
	}
	c, err := codecOf(rv.Type().Elem())
	if err == nil && c.message == nil {
		err = fmt.Errorf("wire: cannot read into %T, which is not a message", v)
	}
	return rv.Elem(), c, err
}

// wrong returns the error of a value of the wrong kind or range.
func wrong(want, got string) *Error {
	return &Error{Problem: "expected " + want + ", got " + got}
}

// within prepends a member, list index or map key to the path of an *Error. It returns other errors unchanged.
func within(name string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Path == "":
		e.Path = name
	case e.Path[0] == '[':
		e.Path = name + e.Path
	default:
		e.Path = name + "." + e.Path
	}
	return e
}
