package lightbits

import (
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// UUIDs are compared without regard to case: "the hexadecimal values are output as lower case characters and are case
// insensitive on input" (RFC 9562, section 4). Bind therefore puts all UUIDs of a request into lower case, which is
// the form of stored ones, wherever they come from: the path, the query or the body.

// idMember is a member of a request type that holds a UUID or a list of UUIDs, or a message with such members.
type idMember struct {
	index  []int
	name   string
	nested []idMember // of a message, or of the messages in a list
}

// idMembers has the members of each request type, by reflect.Type.
var idMembers sync.Map //nolint:gochecknoglobals // a cache that depends on the types alone

// isUUID reports whether text has the form of a UUID: 36 characters, in any case.
func isUUID(text string) bool {
	const length = 36
	return len(text) == length && uuid.Validate(text) == nil
}

// bindIDs puts the UUIDs of the message that v points to into lower case. An invalid UUID is InvalidArgument if the
// page of the operation has a 400. Otherwise the handler looks it up and does not find it.
func bindIDs(op *api.Operation, v any) error {
	value := reflect.ValueOf(v).Elem()
	if value.Kind() != reflect.Struct {
		return nil
	}
	members := idMembersOf(value.Type())
	lowerIDs(value, members)
	if len(members) == 0 || !op.Documents(http.StatusBadRequest) {
		return nil
	}
	for _, m := range members {
		switch field := value.FieldByIndex(m.index); field.Kind() {
		case reflect.String:
			if err := wellFormed(m.name, field.String()); err != nil {
				return err
			}
		case reflect.Slice:
			for i := 0; m.nested == nil && i < field.Len(); i++ {
				if err := wellFormed(m.name, field.Index(i).String()); err != nil {
					return err
				}
			}
		default: // the members of identifiers are strings and lists
		}
	}
	return nil
}

// wellFormed returns InvalidArgument for a text that is neither empty nor a UUID.
func wellFormed(name, text string) error {
	if text == "" || isUUID(text) {
		return nil
	}
	return refusal.New(refusal.InvalidArgument,
		`%s %q is invalid: a UUID is expected, as in "6b3f0a52-8c1d-4e7a-9f60-2d4c5b6a7e81"`, name, text)
}

func lowerIDs(value reflect.Value, members []idMember) {
	for _, m := range members {
		switch field := value.FieldByIndex(m.index); {
		case field.Kind() == reflect.String:
			lowerID(field)
		case field.Kind() == reflect.Slice:
			for i := range field.Len() {
				if elem := field.Index(i); m.nested == nil {
					lowerID(elem)
				} else if elem = reflect.Indirect(elem); elem.IsValid() {
					lowerIDs(elem, m.nested)
				}
			}
		default:
			if message := reflect.Indirect(field); message.IsValid() {
				lowerIDs(message, m.nested)
			}
		}
	}
}

func lowerID(field reflect.Value) {
	if text := field.String(); isUUID(text) {
		if lower := strings.ToLower(text); lower != text {
			field.SetString(lower)
		}
	}
}

func idMembersOf(t reflect.Type) []idMember {
	if known, ok := idMembers.Load(t); ok {
		return known.([]idMember)
	}
	members := findIDMembers(t, nil)
	idMembers.Store(t, members)
	return members
}

// findIDMembers finds the members by their names on the wire: UUID, …UUID, UUIDs, …UUIDs, and the two of the
// federation's pages.
func findIDMembers(t reflect.Type, index []int) (members []idMember) {
	for i := range t.NumField() {
		field := t.Field(i)
		at := append(append([]int(nil), index...), i)
		if field.Anonymous && field.Type.Kind() == reflect.Struct {
			members = append(members, findIDMembers(field.Type, at)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		elem, listed := field.Type, false
		if elem.Kind() == reflect.Slice {
			elem, listed = elem.Elem(), true
		}
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		single := strings.HasSuffix(name, "UUID") || name == "cid" || name == "workflowId"
		switch {
		case field.Type.Kind() == reflect.String && single,
			listed && elem.Kind() == reflect.String && strings.HasSuffix(name, "UUIDs"):
			members = append(members, idMember{index: at, name: name})
		case elem.Kind() == reflect.Struct && field.IsExported() && strings.HasPrefix(elem.PkgPath(), "storagesim/"):
			if nested := findIDMembers(elem, nil); nested != nil {
				members = append(members, idMember{index: at, name: name, nested: nested})
			}
		}
	}
	return members
}
