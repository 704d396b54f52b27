package api

import (
	"reflect"

	"storagesim/internal/strict"
)

// InputError says what is wrong in a document that a person wrote, and where: a control call, a fixture.
type InputError = strict.Error

// Member is a member of a JSON object as a Go struct describes it.
type Member = strict.Member

// DecodeStrict is strict.Decode: the error is an *InputError.
func DecodeStrict(data []byte, v any) error { return strict.Decode(data, v) }

// CheckStrict is strict.Check against the members of what v points to.
func CheckStrict(data []byte, v any) error { return strict.Check(data, reflect.TypeOf(v)) }

// Members is strict.Members.
func Members(t reflect.Type) []Member { return strict.Members(t) }
