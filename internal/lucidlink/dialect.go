package lucidlink

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/wire"
)

// dialect implements api.Dialect: JSON without an envelope, and errors with a status and a message
// (facts/dms-lucidlink-lucidity.md 1.1).
type dialect struct{}

const (
	contentJSON = "application/json"
	contentCSV  = "text/csv; charset=utf-8"
)

// Bind fills the request from the body, or from the query if the method has no body, and then from the path. The token
// request is a form. Members match by exact case. Unknown members are ignored, such as storage.customer of the vendor's
// own example (facts/dms-lucidlink-lucidity.md part 5, 7).
func (dialect) Bind(r *api.Request, request any) error {
	var err error
	switch {
	case r.Operation.Name == createAccessToken:
		err = bindForm(r.Body(), request)
	case r.HTTP.Method == http.MethodGet || r.HTTP.Method == http.MethodDelete && len(r.Body()) == 0:
		err = bindValues(r.Query(), request)
	default:
		err = api.DecodePlain(r.Body(), request)
	}
	if err == nil {
		r.EachParam(func(name, value string) {
			err = errors.Join(err, bindValues(url.Values{name: {value}}, request))
		})
	}
	if err != nil {
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	return nil
}

func bindForm(body []byte, request any) error {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return fmt.Errorf("the body is not a form: %w", err)
	}
	for name, texts := range form {
		if len(texts) > 1 {
			return fmt.Errorf("%s is given more than once", clip(name)) // RFC 6749, 3.2
		}
	}
	return bindValues(form, request)
}

func bindValues(values url.Values, request any) error {
	for name, texts := range values {
		if err := wire.SetField(request, name, texts); err != nil && !errors.Is(err, wire.ErrUnknownField) {
			return err
		}
	}
	return nil
}

// Respond renders a success with the first status of its operation: 200, 201 or 204. An empty response has no body.
func (dialect) Respond(r *api.Request, v any, dst []byte) (api.Response, error) {
	resp := api.Response{Status: r.Operation.Statuses[0], Header: headers(r)}
	switch text := v.(type) {
	case api.Empty, *api.Empty:
		resp.Body = dst
		return resp, nil
	case csvText:
		resp.ContentType, resp.Body = contentCSV, append(dst, text...)
		return resp, nil
	case accessTokenResponse:
		resp.Header["Cache-Control"], resp.Header["Pragma"] = "no-store", "no-cache" // RFC 6749, 5.1
	}
	var err error
	resp.ContentType = contentJSON
	resp.Body, err = api.AppendPlain(dst, v)
	return resp, err
}

// statuses maps kinds to HTTP statuses. FailedPrecondition is the 422 of a closed region; every other conflict is a 409
// (facts/dms-lucidlink-lucidity.md 1.2).
var statuses = map[refusal.Kind]int{
	refusal.InvalidArgument:    http.StatusBadRequest,
	refusal.OutOfRange:         http.StatusBadRequest,
	refusal.Unauthenticated:    http.StatusUnauthorized,
	refusal.PermissionDenied:   http.StatusForbidden,
	refusal.NotFound:           http.StatusNotFound,
	refusal.AlreadyExists:      http.StatusConflict,
	refusal.Aborted:            http.StatusConflict,
	refusal.FailedPrecondition: http.StatusUnprocessableEntity,
	refusal.ResourceExhausted:  http.StatusTooManyRequests,
	refusal.Unimplemented:      http.StatusNotImplemented,
	refusal.Unavailable:        http.StatusServiceUnavailable,
	refusal.DeadlineExceeded:   http.StatusGatewayTimeout,
}

// msgIllegalRequest is the vendor's only message to a caller without a valid token (facts/dms-lucidlink-lucidity.md
// 1.1).
const msgIllegalRequest = "Illegal request"

// Refuse renders {"status","message"}, where status repeats the HTTP status. A refused token request has the form of
// OAuth 2.
func (dialect) Refuse(r *api.Request, e *refusal.Error) api.Response {
	status := api.StatusOf(statuses, e)
	if r.Operation != nil && r.Operation.Name == createAccessToken {
		return refuseToken(r, e, status)
	}
	message := e.Message
	if status == http.StatusUnauthorized {
		message = msgIllegalRequest
	}
	return apiError(r, status, message)
}

func apiError(r *api.Request, status int, message string) api.Response {
	return response(r, status, struct {
		Status  int    `json:"status"`
		Message string `json:"message"`
	}{status, message})
}

// tokenErrors maps kinds to the error codes of RFC 6749, 5.2.
var tokenErrors = map[refusal.Kind]string{
	refusal.InvalidArgument:  "invalid_request",
	refusal.OutOfRange:       "invalid_request",
	refusal.Unauthenticated:  "invalid_client",
	refusal.PermissionDenied: "unauthorized_client",
	refusal.Unavailable:      "temporarily_unavailable",
}

// refuseToken renders {"error","error_description"} (assumption 84). Every fault of the caller is a 400, including an
// unknown client (facts/dms-lucidlink-lucidity.md 1.1).
func refuseToken(r *api.Request, e *refusal.Error, status int) api.Response {
	code, ok := tokenErrors[e.Kind]
	if cause, ok := e.Cause.(TokenRefusal); ok {
		code = cause.Error
	}
	switch {
	case ok && status < http.StatusInternalServerError && e.Status == 0:
		status = http.StatusBadRequest
	case !ok && status < http.StatusInternalServerError:
		code = "invalid_request"
	case !ok:
		code = "server_error"
	}
	return response(r, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{code, e.Message})
}

// NoRoute renders a refusal below the API's prefixes (assumption 81), and {"success","statusCode"} elsewhere
// (facts/dms-lucidlink-lucidity.md 1.1).
func (dialect) NoRoute(r *api.Request) api.Response {
	if inAPI(r.HTTP.URL.Path) {
		return apiError(r, http.StatusNotFound, "Not Found")
	}
	return response(r, http.StatusNotFound, struct {
		Success    bool `json:"success"`
		StatusCode int  `json:"statusCode"`
	}{false, http.StatusNotFound})
}

// NoMethod renders what NoRoute renders: the vendor does not distinguish the two (assumption 81).
func (d dialect) NoMethod(r *api.Request, _ []string) api.Response { return d.NoRoute(r) }

// Kind is api.KindOf, except for the 422 of a closed region.
func (dialect) Kind(status int) refusal.Kind {
	if status == http.StatusUnprocessableEntity {
		return refusal.FailedPrecondition
	}
	return api.KindOf(status)
}

// response renders a body that can always be encoded.
func response(r *api.Request, status int, body any) api.Response {
	text, _ := api.AppendPlain(nil, body)
	return api.Response{Status: status, ContentType: contentJSON, Header: headers(r), Body: text}
}

// headers returns the headers of every response (facts/dms-lucidlink-lucidity.md 1.1). The trace ID is derived from the
// request ID, so that it is reproducible.
func headers(r *api.Request) map[string]string {
	trace := uuid.NewSHA1(uuid.NameSpaceURL, []byte(vendor+":"+r.ID))
	return map[string]string{
		"x-trace-id":                    hex.EncodeToString(trace[:]),
		"Access-Control-Expose-Headers": "Retry-After",
		"Content-Security-Policy":       "default-src 'self'",
		"Cross-Origin-Embedder-Policy":  "require-corp",
		"Cross-Origin-Opener-Policy":    "same-origin",
		"Cross-Origin-Resource-Policy":  "same-origin",
		"Referrer-Policy":               "no-referrer",
		"Strict-Transport-Security":     "max-age=15552000; includeSubDomains",
		"X-Content-Type-Options":        "nosniff",
		"X-Frame-Options":               "SAMEORIGIN",
	}
}

// contract describes the credentials: the token request grants access tokens for client credentials
// (facts/dms-lucidlink-lucidity.md 1.1).
var contract = api.Contract{
	Examples: examples(),
	Title:    "LucidLink Service API v1", Encoding: api.Plain,
	Credentials: func(op *api.Operation) []api.Credential {
		if op.Needs == (api.Permission{}) {
			return nil
		}
		return []api.Credential{{
			Name: "token", Type: "oauth2", TokenURL: "/oauth2/token", Doc: "An access token, sent as a bearer token.",
		}}
	},
}
