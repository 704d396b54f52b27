package api

import (
	"encoding/json"
	"reflect"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Action is an event of the physical world that a test can trigger: a node fails, a host connects. Do returns one.
type Action struct {
	Vendor string  `json:"vendor"`
	Name   string  `json:"name"` // lower case with dashes, for example "fail-node"
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

// Known is the cause of a refusal of an unknown name. Valid lists the names that exist.
type Known struct {
	Valid []string `json:"valid"`
}

// CauseKind returns refusal.Value.
func (Known) CauseKind() refusal.CauseKind { return refusal.Value }

// WouldWork returns what explain recommends.
func (k Known) WouldWork() string { return "one of: " + strings.Join(k.Valid, ", ") }

// Do returns an action that calls run. The parameters are the fields of P, with their tags json and doc. An unknown
// parameter is refused. If the vendor is clustered, the partition of the transaction is the cluster of the request. The
// result of run is returned to the caller as JSON, nil as an empty object. To refuse the action, run returns an
// *strict.Error, a refusal or store.ErrNotFound; any other error is internal.
func Do[P any](vendor, name, doc string, run func(tx *store.Tx, p *P) (any, error)) Action {
	params := []Param{}
	for _, m := range strict.Members(reflect.TypeFor[P]()) {
		params = append(params, Param{Name: m.Name, Type: jsonType(m.Type), Doc: m.Doc})
	}
	return Action{Vendor: vendor, Name: name, Doc: doc, Params: params,
		run: func(tx *store.Tx, params []byte) (any, error) {
			p := new(P)
			if err := strict.Decode(params, p); err != nil {
				return nil, err
			}
			return run(tx, p)
		}}
}

// Run decodes the parameters and executes the action in tx.
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
