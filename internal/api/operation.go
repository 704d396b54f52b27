// Package api serves the operations of the vendors over HTTP: routing, decoding, authentication, the transaction, fault
// injection, the response and the journal.
//
// Each documented operation of each vendor is one Operation, a row of the vendor's table. The router, the fault
// injection, the listing under /_sim/operations, the conformance suite and the OpenAPI documents are all derived from
// these rows. A handler takes a transaction and a decoded request, and returns a value or an error. The vendor's
// Dialect encodes both.
package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Operation is one documented operation.
type Operation struct {
	Vendor string // "lightbits"
	Name   string // verb and noun from the vendor's page, for example "CreateVolume"; unique within the vendor
	Method string
	Path   string   // in chi's syntax, for example /api/v2/volumes/{UUID}
	Also   []string // further paths of the same operation, in the same syntax
	// Statuses lists the HTTP statuses that the vendor's page documents, success first. Checks and fault injection use
	// them. They do not determine the status of a refusal: the dialect derives that from the refusal's kind.
	Statuses []int
	// Further lists statuses that the page does not document but the vendor's machine-readable definition does, or that
	// were observed in use. They can be injected too.
	Further []int
	// FromState lists statuses that are in none of the two, but that the simulator returns from the state of a world, for
	// a reason that docs/assumptions.md numbers. They can be injected too. Documents does not report them.
	FromState []int
	// Extra reports that the operation is in the vendor's machine-readable definition but has no page.
	Extra bool
	// Needs is the permission that the caller must have. An operation with the zero value needs no token.
	Needs Permission
	// Endpoint is the handler. An operation with the zero value returns 501 in the vendor's format.
	Endpoint Endpoint
	// Enabled reports whether a world with the given settings has the operation; nil means that every world has it. An
	// operation that is not enabled returns 501.
	Enabled func(WorldSettings) bool
	// Unavailable is the message of the 501 of an operation that has no endpoint or is not enabled. "" means the default
	// message, which says that the operation is not emulated.
	Unavailable string
	// ReadOnly reports that the operation changes nothing although its method is not GET.
	ReadOnly bool
	// EmptyLast reports that the last parameter of the path may be empty: /volumes/?name=x is the same operation.
	EmptyLast bool
	// Consumes is the media type of the request body; "" means application/json.
	Consumes string
	// Produces lists the media types of successful responses; none means application/json.
	Produces []string
	// MaxBody is the largest request body in bytes; 0 means DefaultMaxBody.
	MaxBody int64

	id string // the result of ID, cached by NewServer
}

// DefaultMaxBody is the largest request body, in bytes, of an operation whose MaxBody is 0.
const DefaultMaxBody = 1 << 20

// Permission is an action on a resource, as the vendor's roles name them.
type Permission struct {
	Resource string // "volumes"
	Action   string // "create"
}

// ID returns the vendor and the name, for example "lightbits.CreateVolume". It is unique among all vendors.
func (op *Operation) ID() string {
	if op.id != "" {
		return op.id
	}
	return op.Vendor + "." + op.Name
}

// Paths returns Path and Also.
func (op *Operation) Paths() []string { return append([]string{op.Path}, op.Also...) }

// Reads reports whether the operation runs in a read transaction.
func (op *Operation) Reads() bool { return op.Method == http.MethodGet || op.ReadOnly }

// Implemented reports whether the operation has a handler and is enabled in a world without settings of its own.
func (op *Operation) Implemented() bool { return op.implementedIn(WorldSettings{}) }

func (op *Operation) implementedIn(world WorldSettings) bool {
	return op.handled() && (op.Enabled == nil || op.Enabled(world))
}

func (op *Operation) handled() bool { return op.Endpoint.call != nil }

// AllStatuses returns Statuses followed by Further.
func (op *Operation) AllStatuses() []int { return slices.Concat(op.Statuses, op.Further) }

// Injectable returns the statuses that can be injected without force: AllStatuses followed by FromState.
func (op *Operation) Injectable() []int { return slices.Concat(op.Statuses, op.Further, op.FromState) }

// notImplemented returns the refusal of an operation that has no endpoint or is not enabled.
func (op *Operation) notImplemented() error {
	if op.Unavailable != "" {
		return refusal.New(refusal.Unimplemented, "%s", op.Unavailable)
	}
	return refusal.New(refusal.Unimplemented, "%s is not emulated", op.Name)
}

// Documents reports whether status is one of AllStatuses.
func (op *Operation) Documents(status int) bool {
	return slices.Contains(op.Statuses, status) || slices.Contains(op.Further, status)
}

// Endpoint is the handler of an operation with the Go types of its request and its response. Handle returns one.
type Endpoint struct {
	newRequest   func() any // returns a pointer to a zero requestType
	call         func(tx *store.Tx, r *Request, q any) (any, error)
	requestType  reflect.Type
	responseType reflect.Type
}

// Handle returns an endpoint that calls handler. Before the transaction begins, Dialect.Bind decodes the request into a
// new Q. In the transaction, the server first authorizes the caller. It then refuses a request that lacks a member that
// the tags of Q require (see strict.Needs): the refusal is InvalidArgument with the message of the tag. Only then it
// calls handler.
//
// Dialect.Respond encodes the result of handler inside the transaction, so the result may hold stored bytes (JSON). An
// error of handler or of the encoding rolls the transaction back.
func Handle[Q, A any](handler func(tx *store.Tx, r *Request, q *Q) (A, error)) Endpoint {
	needs := strict.NeedsOf(reflect.TypeFor[Q]())
	return Endpoint{
		newRequest: func() any { return new(Q) },
		call: func(tx *store.Tx, r *Request, q any) (any, error) {
			if missing := needs.Missing(q); missing != nil {
				return nil, refusal.New(refusal.InvalidArgument, "%s", missing.Detail)
			}
			return handler(tx, r, q.(*Q))
		},
		requestType: reflect.TypeFor[Q](), responseType: reflect.TypeFor[A](),
	}
}

// HandleLater is Handle for a response that takes long to make, such as a token that is signed. The handler returns a
// function, which the server calls after the transaction, so that no other writer waits for it. The function's result
// is the response. Its error does not roll the transaction back.
func HandleLater[Q, A any](handler func(tx *store.Tx, r *Request, q *Q) (func() (A, error), error)) Endpoint {
	e := Handle(handler)
	call := e.call
	e.call = func(tx *store.Tx, r *Request, q any) (any, error) {
		result, err := call(tx, r, q)
		if err != nil {
			return nil, err
		}
		return later(func() (any, error) { return result.(func() (A, error))() }), nil
	}
	e.responseType = reflect.TypeFor[A]()
	return e
}

// later is the result of an endpoint whose response is made after the transaction.
type later func() (any, error)

// JSON is a response that is already encoded. Dialect.Respond copies it unchanged.
type JSON []byte

// Empty is a request or a response without members.
type Empty struct{}

// Service is the HTTP API of a vendor.
type Service struct {
	Vendor     string
	Operations []Operation
	Dialect    Dialect
	Contract   Contract
	// Authorize authenticates the caller of r, checks its permission for r.Operation and sets r.Principal. It returns a
	// refusal if the caller is unknown or is not permitted. It runs in the operation's transaction, before the handler. A
	// nil Authorize admits every caller.
	Authorize func(tx *store.Tx, r *Request) error
	// Clustered reports that the vendor keeps its resources per cluster: transactions use the partition of r.Cluster.
	Clustered bool
	// BodyToken returns the token in the body of r, or "" if there is none. A token that was minted for a world selects
	// that world if no header does. BodyToken is nil for a vendor whose tokens are all in the header Authorization.
	BodyToken func(r *Request) string
	// Owns reports whether this vendor responds to a path that matches no operation.
	Owns func(path string) bool
}

// CheckRows returns an error if an operation is incomplete, or if two operations have the same ID or the same route.
// Chi would silently replace the first of two equal routes. Paths that differ only in the names of their parameters are
// equal.
func CheckRows(services ...Service) error {
	routes := map[string]string{}
	ids := map[string]bool{}
	for _, svc := range services {
		for i := range svc.Operations {
			op := &svc.Operations[i]
			if op.Vendor != svc.Vendor || op.Name == "" || len(op.Statuses) == 0 {
				return fmt.Errorf("operation %q of service %s: vendor, name and statuses must be given", op.ID(), svc.Vendor)
			}
			if ids[op.ID()] {
				return fmt.Errorf("two operations are named %s", op.ID())
			}
			ids[op.ID()] = true
			for _, path := range op.Paths() {
				route := op.Method + " " + eraseParams(path)
				if other := routes[route]; other != "" {
					return fmt.Errorf("%s and %s have the same route %s", other, op.ID(), route)
				}
				routes[route] = op.ID()
			}
		}
	}
	return nil
}

func eraseParams(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}
