package api

import (
	"net/http"
	"net/url"
	"reflect"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Contract is what the documents say of a vendor's wire beside what its rows say.
type Contract struct {
	Title    string // "Lightbits REST API v2"
	Encoding Encoding
	// Envelope answers what the dialect puts around an answer, and the member of it that holds the answer; "" where it
	// puts nothing around it. Nil where it never does.
	Envelope func(op *Operation) (envelope any, member string)
	// Credentials are what a caller must show for the operation, all of them; none for one that needs nothing.
	Credentials func(op *Operation) []Credential
	// IfMatch says that operations which document a 412 take If-Match.
	IfMatch bool
	// Examples are requests by the names of the operations.
	Examples map[string]Example
}

// Example is a request that succeeds in a new world on the fixture small.
type Example struct {
	Path map[string]string // values of the path's parameters
	Body string            // JSON, also for a form; "" for none
}

// Encoding is how a vendor's wire writes Go values as JSON.
type Encoding int

// The encodings. Plain is encoding/json; the gateways are internal/wire with OmitZero and with EmitZero.
const (
	Plain Encoding = iota
	GatewayV1
	GatewayV2
)

// Credential is something that a caller shows: a security scheme of OpenAPI.
type Credential struct {
	Name     string // of the scheme: "token"
	Type     string // http, apiKey or oauth2
	Scheme   string // of type http: bearer or basic
	Header   string // of type apiKey
	TokenURL string // of type oauth2, for client credentials
	Doc      string
}

// HandleAs is Handle for a handler whose answer does not show in its type: what is ready as JSON, or in a wrapping of its
// own. Body is what it answers all the same.
func HandleAs[Body, Q, A any](handler func(tx *store.Tx, r *Request, q *Q) (A, error)) Endpoint {
	e := Handle(handler)
	e.answers = reflect.TypeFor[Body]()
	return e
}

// Withheld is the endpoint of an operation that is not offered as the program was started: it answers 501, and the documents
// say what it would answer.
func (e Endpoint) Withheld() Endpoint {
	e.question, e.call = nil, nil
	return e
}

// Question is the type that the dialect fills from a request; nil for one that was never emulated.
func (op *Operation) Question() reflect.Type { return op.Endpoint.asks }

// Answer is the type that the handler answers; nil for one that was never emulated.
func (op *Operation) Answer() reflect.Type { return op.Endpoint.answers }

// RefusalOf renders what an operation answers when it is refused with that status, outside of any request.
func (svc *Service) RefusalOf(op *Operation, status int, message string) Response {
	r := &Request{ID: "req-0", World: DefaultWorld, Operation: op,
		HTTP: &http.Request{Method: op.Method, URL: &url.URL{Path: op.Path}, Header: http.Header{}}}
	e := refusal.New(svc.Dialect.Kind(status), "%s", message)
	e.Status = status
	return svc.Dialect.Refuse(r, e)
}
