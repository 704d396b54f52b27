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

// dialect is the wire of grpc-gateway v2 (facts/dms-lucidlink-lucidity.md 3.1).
type dialect struct{}

const contentJSON = "application/json"

// bodyless are the operations beside GET and DELETE whose pages have no request body; what is sent there is not read.
var bodyless = map[string]bool{
	"Login":           true,
	"RefreshClusters": true,
	"CancelWorkflow":  true,
}

// Bind fills the question from the body, then the query, then the path, so that the path wins. Neither a Content-Type
// nor any particular Host is wanted: the only public client sends none (facts/dms-lucidlink-lucidity.md part 4).
// Unknown members and query parameters are ignored; a value of the wrong type is not.
func (dialect) Bind(r *api.Request, question any) error {
	if r.HTTP.Method == http.MethodPost && !bodyless[r.Operation.Name] {
		if err := wire.Unmarshal(r.Body(), question); err != nil {
			return refusal.New(refusal.InvalidArgument, "%s", err.Error())
		}
	}
	values, err := url.ParseQuery(r.HTTP.URL.RawQuery)
	if err != nil { // the library reads the query as a form, and refuses what is none
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	for name, values := range values {
		if err := set(question, name, values...); err != nil {
			return refusal.New(refusal.InvalidArgument, "query parameter %s", err.Error())
		}
	}
	var bad error
	r.EachParam(func(name, value string) {
		if err := set(question, name, value); err != nil {
			bad = refusal.New(refusal.InvalidArgument, "path parameter %s", err.Error())
		}
	})
	return bad
}

func set(question any, name string, values ...string) error {
	if err := wire.SetField(question, name, values); !errors.Is(err, wire.ErrUnknownField) {
		return err
	}
	return nil
}

// Answer: always 200, zero values written, {} for an empty message.
func (dialect) Answer(_ *api.Request, answer any, dst []byte) (api.Response, error) {
	resp := api.Response{Status: http.StatusOK, ContentType: contentJSON}
	var err error
	if ready, ok := answer.(api.JSON); ok {
		resp.Body = append(dst, ready...)
	} else {
		resp.Body, err = wire.Append(dst, answer, zero)
	}
	return resp, err
}

// statuses is the library's own table.
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

// rpcStatus is the body of every refusal. Details are never filled.
type rpcStatus struct {
	Code    int32       `json:"code"`
	Message string      `json:"message"`
	Details []api.Empty `json:"details"`
}

// Refuse renders {"code","message","details"}; code is the gRPC number. A 401 carries its message in WWW-Authenticate.
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
	if err != nil { // no kind and no text makes it fail; the client would rather have the number than nothing
		body = fmt.Appendf(nil, `{"code":%d,"message":"","details":[]}`, code)
	}
	return api.Response{Status: status, ContentType: contentJSON, Body: body}
}

// NoRoute is JSON here.
func (dialect) NoRoute(*api.Request) api.Response {
	return errorBody(http.StatusNotFound, refusal.NotFound, "Not Found")
}

// NoMethod is 501, as the library takes it for an operation that is not there.
func (dialect) NoMethod(*api.Request, []string) api.Response {
	return errorBody(http.StatusNotImplemented, refusal.Unimplemented, "Method Not Allowed")
}

// Kind is the usual one.
func (dialect) Kind(status int) refusal.Kind { return api.KindOf(status) }

// contract: the login takes a name and a password, everything else the token that it answers (facts/dms-lucidlink-lucidity.md
// 3.1).
var contract = api.Contract{
	Title: "Lightbits DMS API v1", Encoding: api.GatewayV2,
	Credentials: func(op *api.Operation) []api.Credential {
		if op.Needs == (api.Permission{}) {
			return []api.Credential{{Name: "login", Type: "http", Scheme: "basic", Doc: "The service's user."}}
		}
		return []api.Credential{{Name: "token", Type: "http", Scheme: "bearer", Doc: "The idToken of the login."}}
	},
}
