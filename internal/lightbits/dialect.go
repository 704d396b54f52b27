package lightbits

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/wire"
)

// dialect is the wire of grpc-gateway v1 (facts/lightbits.md 2).
type dialect struct{}

const (
	contentJSON = "application/json"
	contentText = "text/plain; charset=utf-8"
)

// Bind fills the question from the body, then the query, then the path, so that the path wins. Unknown members and
// query parameters are ignored; a value of the wrong type is not.
func (dialect) Bind(r *api.Request, question any) error {
	if r.HTTP.Method != http.MethodGet && r.HTTP.Method != http.MethodDelete {
		if err := wire.Unmarshal(r.Body(), question); err != nil {
			return refusal.New(refusal.InvalidArgument, "%s", err.Error())
		}
	}
	if r.HTTP.URL.RawQuery != "" {
		for name, values := range r.Query() {
			if err := wire.SetField(question, name, values); err != nil && !errors.Is(err, wire.ErrUnknownField) {
				return refusal.New(refusal.InvalidArgument, "query parameter %s", err.Error())
			}
		}
	}
	var bad error
	r.EachParam(func(name, value string) {
		if err := wire.SetField(question, name, []string{value}); err != nil && !errors.Is(err, wire.ErrUnknownField) {
			bad = refusal.New(refusal.InvalidArgument, "path parameter %s", err.Error())
		}
	})
	return bad
}

// Answer: always 200, {} for an empty message.
func (dialect) Answer(_ *api.Request, answer any, dst []byte) (api.Response, error) {
	resp := api.Response{Status: http.StatusOK, ContentType: contentJSON}
	var err error
	if ready, ok := answer.(api.JSON); ok {
		resp.Body = api.AppendReady(dst, ready)
	} else {
		resp.Body, err = wire.Append(dst, answer, zero)
	}
	return resp, err
}

// statuses is how the product's pages map kinds. FailedPrecondition is 412 there, 400 in the gateway's library
// (assumption 2).
var statuses = map[refusal.Kind]int{
	refusal.Canceled:           http.StatusRequestTimeout,
	refusal.Unknown:            http.StatusInternalServerError,
	refusal.InvalidArgument:    http.StatusBadRequest,
	refusal.DeadlineExceeded:   http.StatusGatewayTimeout,
	refusal.NotFound:           http.StatusNotFound,
	refusal.AlreadyExists:      http.StatusConflict,
	refusal.PermissionDenied:   http.StatusForbidden,
	refusal.ResourceExhausted:  http.StatusTooManyRequests,
	refusal.FailedPrecondition: http.StatusPreconditionFailed,
	refusal.Aborted:            http.StatusConflict,
	refusal.OutOfRange:         http.StatusBadRequest,
	refusal.Unimplemented:      http.StatusNotImplemented,
	refusal.Internal:           http.StatusInternalServerError,
	refusal.Unavailable:        http.StatusServiceUnavailable,
	refusal.DataLoss:           http.StatusInternalServerError,
	refusal.Unauthenticated:    http.StatusUnauthorized,
}

// Refuse renders {"error","code","message"}; code is the gRPC number (facts/lightbits.md 2.3).
func (dialect) Refuse(_ *api.Request, e *refusal.Error) api.Response {
	text, _ := json.Marshal(e.Message) // a string always marshals
	return api.Response{
		Status: api.StatusOf(statuses, e), ContentType: contentJSON,
		Body: fmt.Appendf(nil, `{"error":%s,"code":%d,"message":%s}`, text, e.Kind, text),
	}
}

// NoRoute is text, not JSON (facts/lightbits.md 2.2).
func (dialect) NoRoute(*api.Request) api.Response {
	return api.Response{Status: http.StatusNotFound, ContentType: contentText, Body: []byte("Not Found\n")}
}

// NoMethod is text too.
func (dialect) NoMethod(*api.Request, []string) api.Response {
	return api.Response{Status: http.StatusMethodNotAllowed, ContentType: contentText, Body: []byte("Method Not Allowed\n")}
}

// Kind is the usual one.
func (dialect) Kind(status int) refusal.Kind { return api.KindOf(status) }

// contract: every operation that needs a permission wants a bearer token (facts/lightbits.md 3); the login to a cluster
// federation takes a name and a password.
var contract = api.Contract{
	Title: "Lightbits REST API v2", Encoding: api.GatewayV1, IfMatch: true,
	Credentials: func(op *api.Operation) []api.Credential {
		switch {
		case op.Name == "CFLogin":
			return []api.Credential{{Name: "login", Type: "http", Scheme: "basic", Doc: "A user of the cluster federation."}}
		case op.Needs == api.Permission{}:
			return nil
		}
		return []api.Credential{{Name: "token", Type: "http", Scheme: "bearer", Doc: "A JWT that a project's credential signed, or any opaque text while the simulator is lenient."}}
	},
}
