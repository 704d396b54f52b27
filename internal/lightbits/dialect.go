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

// Bind fills the request message from the body, then the query, then the path, so that the path wins. Unknown members
// and query parameters are ignored; a value of the wrong type is InvalidArgument.
func (dialect) Bind(r *api.Request, request any) error {
	if r.HTTP.Method != http.MethodGet && r.HTTP.Method != http.MethodDelete {
		if err := wire.Unmarshal(r.Body(), request); err != nil {
			return refusal.New(refusal.InvalidArgument, "%s", err.Error())
		}
	}
	if r.HTTP.URL.RawQuery != "" {
		for name, values := range r.Query() {
			if err := wire.SetField(request, name, values); err != nil && !errors.Is(err, wire.ErrUnknownField) {
				return refusal.New(refusal.InvalidArgument, "query parameter %s", err.Error())
			}
		}
	}
	var bad error
	r.EachParam(func(name, value string) {
		if err := wire.SetField(request, name, []string{value}); err != nil && !errors.Is(err, wire.ErrUnknownField) {
			bad = refusal.New(refusal.InvalidArgument, "path parameter %s", err.Error())
		}
	})
	return bad
}

// Respond renders a success: always 200, and {} for an empty message.
func (dialect) Respond(_ *api.Request, v any, dst []byte) (api.Response, error) {
	resp := api.Response{Status: http.StatusOK, ContentType: contentJSON}
	var err error
	if ready, ok := v.(api.JSON); ok {
		resp.Body = api.AppendReady(dst, ready)
	} else {
		resp.Body, err = wire.Append(dst, v, zero)
	}
	return resp, err
}

// statuses maps kinds as the product's pages do. There FailedPrecondition is 412; in the gateway's library it is 400
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

// NoRoute renders the 404 of an unknown path: text, not JSON (facts/lightbits.md 2.2).
func (dialect) NoRoute(*api.Request) api.Response {
	return api.Response{Status: http.StatusNotFound, ContentType: contentText, Body: []byte("Not Found\n")}
}

// NoMethod renders the 405 of a known path: text too.
func (dialect) NoMethod(*api.Request, []string) api.Response {
	return api.Response{Status: http.StatusMethodNotAllowed, ContentType: contentText,
		Body: []byte("Method Not Allowed\n")}
}

// Kind returns the usual kind of a status.
func (dialect) Kind(status int) refusal.Kind { return api.KindOf(status) }

// contract describes the wire for the OpenAPI document. Every operation that needs a permission takes a bearer token
// (facts/lightbits.md 3); the login to a cluster federation takes a name and a password.
var contract = api.Contract{
	Examples: examples(),
	Title:    "Lightbits REST API v2", Encoding: api.GatewayV1, IfMatch: true,
	Credentials: func(op *api.Operation) []api.Credential {
		switch {
		case op.Name == "CFLogin":
			return []api.Credential{{Name: "login", Type: "http", Scheme: "basic",
				Doc: "A user of the cluster federation."}}
		case op.Needs == api.Permission{}:
			return nil
		}
		return []api.Credential{{
			Name: "token", Type: "http", Scheme: "bearer",
			Doc: "A JWT signed with the key of a project's credential. A lenient simulator accepts any text.",
		}}
	},
}
