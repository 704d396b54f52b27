package api

import (
	"net/http"
	"net/url"
	"reflect"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Contract describes what a vendor's documents define for the whole API rather than for one operation. OpenAPI
// documents are generated from it and from the operations.
type Contract struct {
	Title    string // "Lightbits REST API v2"
	Encoding Encoding
	// Envelope returns the value that the dialect wraps around a successful response of op, and the name of its member
	// that holds the response. The name is "" if the response of op is not wrapped. A nil Envelope wraps no response.
	Envelope func(op *Operation) (envelope any, member string)
	// Credentials returns the credentials that a request for op must carry, all of them. It returns none for a public
	// operation.
	Credentials func(op *Operation) []Credential
	// IfMatch reports whether the operations that document status 412 accept the header If-Match.
	IfMatch bool
	// Examples holds example requests by Operation.Name.
	Examples map[string]Example
}

// Example is a request that succeeds in a new world made from the fixture small.
type Example struct {
	Path map[string]string // values of the path parameters
	Body string            // JSON, also for an operation that consumes a form; "" for no body
}

// Encoding selects how a vendor's API encodes Go values as JSON.
type Encoding int

// The encodings. Plain is that of encoding/json. GatewayV1 and GatewayV2 are those of package wire, with wire.OmitZero
// and with wire.EmitZero.
const (
	Plain Encoding = iota
	GatewayV1
	GatewayV2
)

// Credential is a way to authenticate a request, as a security scheme of OpenAPI describes it.
type Credential struct {
	Name     string // of the scheme, for example "token"
	Type     string // http, apiKey or oauth2
	Scheme   string // for type http: bearer or basic
	Header   string // for type apiKey: the name of the header
	TokenURL string // for type oauth2: the token endpoint of the client credentials flow
	Doc      string
}

// HandleAs is like Handle, for a handler whose Go type does not describe its response, such as one that returns encoded
// JSON. The documents describe the response as Body.
func HandleAs[Body, Q, A any](handler func(tx *store.Tx, r *Request, q *Q) (A, error)) Endpoint {
	e := Handle(handler)
	e.responseType = reflect.TypeFor[Body]()
	return e
}

// RequestType returns the type that the dialect decodes a request into. It is nil for an operation without a handler.
func (op *Operation) RequestType() reflect.Type { return op.Endpoint.requestType }

// ResponseType returns the type that describes a successful response. It is nil for an operation without a handler.
func (op *Operation) ResponseType() reflect.Type { return op.Endpoint.responseType }

// RefusalOf returns the response of op when it is refused with status and message. It needs no request.
func (svc *Service) RefusalOf(op *Operation, status int, message string) Response {
	r := &Request{ID: "req-0", World: DefaultWorld, Operation: op,
		HTTP: &http.Request{Method: op.Method, URL: &url.URL{Path: op.Path}, Header: http.Header{}}}
	e := refusal.New(svc.Dialect.Kind(status), "%s", message)
	e.Status = status
	return svc.Dialect.Refuse(r, e)
}
