package dms

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/wire"
)

// dialect implements api.Dialect as grpc-gateway v2 does (facts/dms-lucidlink-lucidity.md 3.1).
type dialect struct{}

const contentJSON = "application/json"

// bodyless names the POST operations whose pages document no request body. A body sent to them is ignored.
var bodyless = map[string]bool{
	"Login":           true,
	"RefreshClusters": true,
	"CancelWorkflow":  true,
}

// Bind fills the request from the body, then the query, then the path, so that the path wins. It requires no
// Content-Type, because the only public client sends none (facts/dms-lucidlink-lucidity.md part 4). Unknown members and
// query parameters are ignored; a value of the wrong type is refused.
func (dialect) Bind(r *api.Request, request any) error {
	if r.HTTP.Method == http.MethodPost && !bodyless[r.Operation.Name] {
		if err := wire.Unmarshal(r.Body(), request); err != nil {
			return refusal.New(refusal.InvalidArgument, "%s", err.Error())
		}
	}
	values, err := url.ParseQuery(r.HTTP.URL.RawQuery)
	if err != nil { // the gateway refuses a malformed query too
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	for name, values := range values {
		if err := set(request, name, values...); err != nil {
			return refusal.New(refusal.InvalidArgument, "query parameter %s", err.Error())
		}
	}
	var bad error
	r.EachParam(func(name, value string) {
		if err := set(request, name, value); err != nil {
			bad = refusal.New(refusal.InvalidArgument, "path parameter %s", err.Error())
		}
	})
	return bad
}

func set(request any, name string, values ...string) error {
	if err := wire.SetField(request, name, values); !errors.Is(err, wire.ErrUnknownField) {
		return err
	}
	return nil
}

// Respond renders a success with the status 200. Zero values are written; an empty message is {}.
func (dialect) Respond(_ *api.Request, v any, dst []byte) (api.Response, error) {
	resp := api.Response{Status: http.StatusOK, ContentType: contentJSON}
	var err error
	if ready, ok := v.(api.JSON); ok {
		resp.Body = append(dst, ready...)
	} else {
		resp.Body, err = wire.Append(dst, v, zero)
	}
	return resp, err
}

// statuses is the table of the gateway's library.
var statuses = map[refusal.Kind]int{
	refusal.Canceled:           499,
	refusal.Unknown:            http.StatusInternalServerError,
	refusal.InvalidArgument:    http.StatusBadRequest,
	refusal.DeadlineExceeded:   http.StatusGatewayTimeout,
	refusal.NotFound:           http.StatusNotFound,
	refusal.AlreadyExists:      http.StatusConflict,
	refusal.PermissionDenied:   http.StatusForbidden,
	refusal.ResourceExhausted:  http.StatusTooManyRequests,
	refusal.FailedPrecondition: http.StatusBadRequest,
	refusal.Aborted:            http.StatusConflict,
	refusal.OutOfRange:         http.StatusBadRequest,
	refusal.Unimplemented:      http.StatusNotImplemented,
	refusal.Internal:           http.StatusInternalServerError,
	refusal.Unavailable:        http.StatusServiceUnavailable,
	refusal.DataLoss:           http.StatusInternalServerError,
	refusal.Unauthenticated:    http.StatusUnauthorized,
}

// rpcStatus is the body of every refusal. Details is always empty.
type rpcStatus struct {
	Code    int32       `json:"code"`
	Message string      `json:"message"`
	Details []api.Empty `json:"details"`
}

// Refuse renders {"code","message","details"}, where code is the gRPC number. A 401 repeats its message in
// WWW-Authenticate.
func (dialect) Refuse(_ *api.Request, e *refusal.Error) api.Response {
	status := api.StatusOf(statuses, e)
	resp := errorBody(status, e.Kind, e.Message)
	if status == http.StatusUnauthorized {
		resp.Header = map[string]string{"WWW-Authenticate": e.Message}
	}
	return resp
}

func errorBody(status int, code refusal.Kind, message string) api.Response {
	body, err := wire.Append(nil, rpcStatus{Code: int32(code), Message: message}, zero)
	if err != nil { // unreachable: every kind and text can be encoded
		body = fmt.Appendf(nil, `{"code":%d,"message":"","details":[]}`, code)
	}
	return api.Response{Status: status, ContentType: contentJSON, Body: body}
}

// NoRoute renders 404 in JSON.
func (dialect) NoRoute(*api.Request) api.Response {
	return errorBody(http.StatusNotFound, refusal.NotFound, "Not Found")
}

// NoMethod renders 501: the gateway treats a wrong method as an operation that is not implemented.
func (dialect) NoMethod(*api.Request, []string) api.Response {
	return errorBody(http.StatusNotImplemented, refusal.Unimplemented, "Method Not Allowed")
}

// Kind is api.KindOf.
func (dialect) Kind(status int) refusal.Kind { return api.KindOf(status) }

// contract describes the credentials: the login takes a name and a password, every other operation the token of the
// login (facts/dms-lucidlink-lucidity.md 3.1).
var contract = api.Contract{
	Examples: examples(),
	Title:    "Lightbits DMS API v1", Encoding: api.GatewayV2,
	Credentials: func(op *api.Operation) []api.Credential {
		if op.Needs == (api.Permission{}) {
			return []api.Credential{{Name: "login", Type: "http", Scheme: "basic", Doc: "The service's user."}}
		}
		return []api.Credential{{Name: "token", Type: "http", Scheme: "bearer", Doc: "The idToken of the login."}}
	},
}
