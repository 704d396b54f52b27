package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Vendor is all that the assembled program needs of a vendor.
type Vendor struct {
	Service  Service
	Machines []statemachine.Lifecycle
	Tables   []store.Verifier // beside those of the machines
	Actions  []Action
	// Minter makes tokens; nil for a vendor that has none.
	Minter Minter
	// Seed fills a world from the vendor's section of a fixture, which is JSON. It is called once for each fixture and
	// seed, with nil where the fixture has no such section. What is wrong in the section is an *InputError with the path
	// inside the section; then nothing of the fixture is kept. May be nil.
	Seed func(tx *store.Tx, section []byte) error
	// Derived are those of Tables whose rows follow from other rows: a world's file does not have them. Derive makes them,
	// and whatever else in a row does, in every cluster of a world that was read from a file; it refuses with an *InputError where the rows contradict
	// each other. It may be nil if Derived is.
	Derived []store.Verifier
	Derive  func(tx *store.Tx) error
	// References are looked at when a world is read from a file.
	References []Reference
	// OfWorld are the kinds of machines of a clustered vendor that lie in the world itself, not in one of its clusters.
	OfWorld []string
}

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
// answers is shown as JSON; nil is an empty object. It refuses with an *InputError, a refusal or store.ErrNotFound.
func Do[P any](vendor, name, doc string, run func(tx *store.Tx, p *P) (any, error)) Action {
	params := []Param{}
	for _, m := range Members(reflect.TypeFor[P]()) {
		params = append(params, Param{Name: m.Name, Type: jsonType(m.Type), Doc: m.Doc})
	}
	return Action{Vendor: vendor, Name: name, Doc: doc, Params: params, run: func(tx *store.Tx, params []byte) (any, error) {
		p := new(P)
		if err := DecodeStrict(params, p); err != nil {
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

// TokenRequest asks a vendor for a token. The world is the transaction's; its partition is the cluster that the token
// is for, or "" for all of them.
type TokenRequest struct {
	Vendor string
	Role   string        // in the vendor's words; "" is its most powerful one
	TTL    time.Duration // of the world's clock; 0 is the vendor's default
}

// Minter makes a token that the vendor's API takes in the transaction's world, and by which Locate finds that world.
// An unknown role is an *InputError. It must not draw from the world's generator, so that a world has the same ids with
// and without tokens.
type Minter func(tx *store.Tx, q TokenRequest) (Signing, error)

// Signing answers what a Minter made, with its signatures: those take a millisecond each and need no transaction, so
// that nobody has to wait for them. The members are what the vendor's clients need: "token" at least.
type Signing func() (map[string]string, error)

// Unsigned is for tokens that need no signature.
func Unsigned(tokens map[string]string) Signing {
	return func() (map[string]string, error) { return tokens, nil }
}
