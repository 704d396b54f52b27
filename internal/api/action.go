package api

import (
	"encoding/json"
	"reflect"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Action is something physical that a person or nature would do: a node fails, a host connects. Make one with Do.
type Action struct {
	Vendor string  `json:"vendor"`
	Name   string  `json:"name"` // lower case with dashes: "fail-node"
	Doc    string  `json:"doc"`
	Params []Param `json:"params"`

	run func(tx *store.Tx, params []byte) (any, error)
}

// Param is a parameter of an action.
type Param struct {
	Name string `json:"name"`
	Type string `json:"type"` // string, integer, number, boolean, array, object
	Doc  string `json:"doc,omitempty"`
}

// Known is the cause of a refusal of a name by an action: the names that there are.
type Known struct {
	Valid []string `json:"valid"`
}

// CauseKind is refusal.Value.
func (Known) CauseKind() refusal.CauseKind { return refusal.Value }

// WouldWork is what explain says.
func (k Known) WouldWork() string { return "one of: " + strings.Join(k.Valid, ", ") }

// Do makes an action of a function. The members of P, with their tags json and doc, are its parameters; others are
// refused. Run gets the request's cluster as the transaction's partition where the vendor is clustered. What it
// answers is shown as JSON; nil is an empty object. It refuses with an *strict.Error, a refusal or store.ErrNotFound.
func Do[P any](vendor, name, doc string, run func(tx *store.Tx, p *P) (any, error)) Action {
	params := []Param{}
	for _, m := range strict.Members(reflect.TypeFor[P]()) {
		params = append(params, Param{Name: m.Name, Type: jsonType(m.Type), Doc: m.Doc})
	}
	return Action{Vendor: vendor, Name: name, Doc: doc, Params: params, run: func(tx *store.Tx, params []byte) (any, error) {
		p := new(P)
		if err := strict.Decode(params, p); err != nil {
			return nil, err
		}
		return run(tx, p)
	}}
}

// Run decodes the parameters and does the action in the transaction.
func (a *Action) Run(tx *store.Tx, params json.RawMessage) (any, error) { return a.run(tx, params) }

func jsonType(t reflect.Type) string {
	t = strict.Pointed(t)
	if strict.DecodesItself(t) {
		return "string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map, reflect.Interface:
		return "object"
	default:
		return "integer"
	}
}
