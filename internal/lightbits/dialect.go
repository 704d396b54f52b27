package lightbits

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

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
// and query parameters are ignored; a value of the wrong type is InvalidArgument. UUIDs may have any case.
func (dialect) Bind(r *api.Request, request any) error {
	if err := checkTimeout(r.HTTP.Header.Get("Grpc-Timeout")); err != nil {
		return err
	}
	if err := bindBody(r, request); err != nil {
		return err
	}
	if err := bindQuery(r.HTTP.URL.RawQuery, request); err != nil {
		return err
	}
	var bad error
	r.EachParam(func(name, value string) {
		if strings.Contains(value, "/") && name != "hostNQN" {
			bad = errNoRoute
			return
		}
		if err := wire.SetField(request, name, []string{value}); err != nil && !errors.Is(err, wire.ErrUnknownField) {
			bad = refusal.New(refusal.InvalidArgument, "path parameter %s", err.Error())
		}
	})
	if bad != nil {
		return bad
	}
	return bindIDs(r.Operation, request)
}

// errNoRoute refuses a path with an escaped slash. The gateway unescapes a path before it compares it with its routes,
// so that such a path has one element too many (assumption 412).
var errNoRoute = refusal.New(refusal.NotFound, "Not Found")

// bindBody decodes the first JSON value of the body; what follows it is not read, as in the gateway (assumption 412).
// RotateClusterRootKey has no body in its binding, so that none is read.
func bindBody(r *api.Request, request any) error {
	if r.HTTP.Method == http.MethodGet || r.HTTP.Method == http.MethodDelete ||
		r.Operation.Name == "RotateClusterRootKey" {
		return nil
	}
	if err := wire.UnmarshalFirst(r.Body(), request); err != nil {
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	return nil
}

// bindQuery refuses a query string that cannot be parsed: part of it would be ignored, and a list would then have more
// than was asked for.
func bindQuery(query string, request any) error {
	if query == "" {
		return nil
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	for name, values := range parameters {
		if err := wire.SetField(request, name, values); err != nil && !errors.Is(err, wire.ErrUnknownField) {
			return refusal.New(refusal.InvalidArgument, "query parameter %s", err.Error())
		}
	}
	return nil
}

// leastTimeout is the smallest Grpc-Timeout in which a request can be processed (assumption 412).
const leastTimeout = time.Millisecond

// timeoutUnits are the units of Grpc-Timeout.
var timeoutUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond,
	'n': time.Nanosecond,
}

// checkTimeout checks the header Grpc-Timeout, a number with a unit. It returns InvalidArgument for another form and
// DeadlineExceeded for less than leastTimeout.
func checkTimeout(text string) error {
	if text == "" {
		return nil
	}
	unit, known := timeoutUnits[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	switch {
	case !known || err != nil:
		return refusal.New(refusal.InvalidArgument, "invalid grpc-timeout: %s", text).
			Because(api.Known{Valid: []string{"10S", "500m"}})
	case n < int64(leastTimeout/unit)+1 && time.Duration(n)*unit < leastTimeout:
		return refusal.New(refusal.DeadlineExceeded, "context deadline exceeded")
	}
	return nil
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
func (d dialect) Refuse(r *api.Request, e *refusal.Error) api.Response {
	if e == errNoRoute {
		return d.NoRoute(r)
	}
	text, _ := json.Marshal(e.Message) // a string always marshals
	return api.Response{
		Status: api.StatusOf(statuses, e), ContentType: contentJSON,
		Body: fmt.Appendf(nil, `{"error":%s,"code":%d,"message":%s}`, text, e.Kind, text),
	}
}

// NoRoute renders the 404 of an unknown path: text, not JSON (facts/lightbits.md 2.2).
func (dialect) NoRoute(*api.Request) api.Response {
	return api.Response{Status: http.StatusNotFound, ContentType: contentText, Header: noSniff(),
		Body: []byte("Not Found\n")}
}

// NoMethod renders the 405 of a known path: text too.
func (dialect) NoMethod(*api.Request, []string) api.Response {
	return api.Response{Status: http.StatusMethodNotAllowed, ContentType: contentText, Header: noSniff(),
		Body: []byte("Method Not Allowed\n")}
}

// noSniff is the header that net/http's Error adds, with which the gateway writes its texts.
func noSniff() map[string]string { return map[string]string{"X-Content-Type-Options": "nosniff"} }

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
