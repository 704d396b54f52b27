// Package api is the life of a request: from the row of an operation to the bytes of its answer.
//
// Every documented operation of every vendor is one Operation row. The router, the fault injection, the listing under
// /_sim/operations, the conformance suite and the documents are all read from the rows. Handlers take a transaction
// and a bound request, and return a value or an error; a vendor's Dialect says what both look like on its wire.
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
	Name   string // the verb and noun of the vendor's page: "CreateVolume"; unique in the vendor
	Method string
	Path   string   // chi's form: /api/v2/volumes/{UUID}
	Also   []string // further paths that lead to the same operation, in the same form
	// Statuses are the documented ones, success first. They are for checks and for injected faults; what a refusal
	// answers is decided by its kind.
	Statuses []int
	// Further are statuses that the vendor's machine-readable definition documents, or that were seen in use, beside the
	// page's. They can be injected as the others can.
	Further []int
	// Extra marks what the vendor's machine-readable definition has and its page does not.
	Extra bool
	// Needs is the permission that the caller must have; the zero value needs no token at all.
	Needs Permission
	// Endpoint is the handler; the zero value answers 501 in the vendor's words.
	Endpoint Endpoint
	// Unavailable is what a row without an endpoint says; "" is that the operation is not emulated.
	Unavailable string
	// ReadOnly says that the operation changes nothing although it is no GET: it asks by a body.
	ReadOnly bool
	// EmptyLast says that the path's last parameter may be empty: /volumes/?name=x is the same operation.
	EmptyLast bool
	// Consumes is the media type of the body, Produces are those that a successful answer may have; without them it is
	// application/json.
	Consumes string
	Produces []string
	// MaxBody in bytes; 0 means DefaultMaxBody.
	MaxBody int64

	id string // set by NewServer, so that nobody joins it again
}

// DefaultMaxBody is how many bytes of body an operation takes unless its row says otherwise.
const DefaultMaxBody = 1 << 20

// Permission is an action on a resource, in the words of the vendor's roles.
type Permission struct {
	Resource string // "volumes"
	Action   string // "create"
}

// ID is how the operation is called everywhere: "lightbits.CreateVolume".
func (op *Operation) ID() string {
	if op.id != "" {
		return op.id
	}
	return op.Vendor + "." + op.Name
}

// Paths lists all paths of the operation.
func (op *Operation) Paths() []string { return append([]string{op.Path}, op.Also...) }

// Reads says whether the operation runs in a read transaction.
func (op *Operation) Reads() bool { return op.Method == http.MethodGet || op.ReadOnly }

// Implemented says whether the operation is emulated.
func (op *Operation) Implemented() bool { return op.Endpoint.call != nil }

// AllStatuses are those of the page, success first, and then the further ones.
func (op *Operation) AllStatuses() []int { return slices.Concat(op.Statuses, op.Further) }

// missing is the refusal of an operation without an endpoint.
func (op *Operation) missing() error {
	if op.Unavailable != "" {
		return refusal.New(refusal.Unimplemented, "%s", op.Unavailable)
	}
	return refusal.New(refusal.Unimplemented, "%s is not emulated", op.Name)
}

// Documents says whether the vendor lists the status for this operation, in its page or elsewhere.
func (op *Operation) Documents(status int) bool {
	return slices.Contains(op.Statuses, status) || slices.Contains(op.Further, status)
}

// Endpoint binds a request and answers it. Make one with Handle.
type Endpoint struct {
	question func() any
	call     func(tx *store.Tx, r *Request, q any) (any, error)
	asks     reflect.Type
	answers  reflect.Type
}

// Handle makes an endpoint of a handler. Q is filled by the dialect from the body, then the query, then the path,
// before the transaction begins. A request without a member that Q's tags call required (strict.Needs) is InvalidArgument
// in the words of the tag, once the caller is known to be allowed it and before the handler sees it. What the handler answers is rendered by the dialect inside the transaction, so it may
// hold stored bytes (JSON). An error rolls the transaction back.
func Handle[Q, A any](handler func(tx *store.Tx, r *Request, q *Q) (A, error)) Endpoint {
	needs := strict.NeedsOf(reflect.TypeFor[Q]())
	return Endpoint{
		question: func() any { return new(Q) },
		call: func(tx *store.Tx, r *Request, q any) (any, error) {
			if lack := needs.Missing(q); lack != nil {
				return nil, refusal.New(refusal.InvalidArgument, "%s", lack.Detail)
			}
			return handler(tx, r, q.(*Q))
		},
		asks: reflect.TypeFor[Q](), answers: reflect.TypeFor[A](),
	}
}

// JSON is an answer that is ready as it is.
type JSON []byte

// Empty is a question or an answer without members.
type Empty struct{}

// Service is a vendor: its rows and how it speaks.
type Service struct {
	Vendor     string
	Operations []Operation
	Dialect    Dialect
	Contract   Contract
	// Authorize sets r.Principal or refuses. It runs in the operation's own transaction, before anything else.
	Authorize func(tx *store.Tx, r *Request) error
	// Clustered says that the vendor's things lie in the partition of the request's cluster.
	Clustered bool
	// BodyToken answers the token that a request carries in its body where it has none in Authorization, "" for none: one
	// that was minted for a world leads there. Nil for a vendor whose tokens are all in Authorization.
	BodyToken func(r *Request) string
	// Owns says whether a path that no row matches is this vendor's to refuse.
	Owns func(path string) bool
}

// CheckRows answers an error when two rows collide: chi would replace the first one silently. Parameter names do not
// tell paths apart.
func CheckRows(services ...Service) error {
	routes := map[string]string{}
	ids := map[string]bool{}
	for _, svc := range services {
		for i := range svc.Operations {
			op := &svc.Operations[i]
			if op.Vendor != svc.Vendor || op.Name == "" || len(op.Statuses) == 0 {
				return fmt.Errorf("row %q of %s: vendor, name and statuses must be given", op.ID(), svc.Vendor)
			}
			if ids[op.ID()] {
				return fmt.Errorf("two rows are called %s", op.ID())
			}
			ids[op.ID()] = true
			for _, path := range op.Paths() {
				route := op.Method + " " + eraseParams(path)
				if other := routes[route]; other != "" {
					return fmt.Errorf("%s and %s both answer %s", other, op.ID(), route)
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
