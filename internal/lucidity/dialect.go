package lucidity

import (
	"encoding/json"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// dialect implements api.Dialect with the vendor's two envelopes: the older one of the partition API, and the newer one
// of the tenant API (facts/dms-lucidlink-lucidity.md 2.2).
type dialect struct{}

// tenantsPath is the prefix of the paths with the newer envelope.
const tenantsPath = "/external/client/api/v1/tenants"

// newer reports whether the response has the newer envelope.
func newer(r *api.Request) bool {
	return inTenants(r.HTTP.URL.Path)
}

func inTenants(path string) bool {
	return path == tenantsPath || strings.HasPrefix(path, tenantsPath+"/")
}

const contentJSON = "application/json"

// The status in the envelope is not the HTTP status. Its value on a refusal is unknown (assumption 82).
const (
	statusDone    = 1
	statusRefused = 0
)

// msgDone is the message of every success (seeds/000).
const msgDone = "Done Successfully"

// Bind fills the request from the body; RevokeBuffer has none. Members match by exact case and type. Unknown members
// are ignored, as in the vendor's sibling API (facts/dms-lucidlink-lucidity.md 2.3). A request with an access token
// must have the Content-Type that its page requires (assumption 199).
func (dialect) Bind(r *api.Request, request any) error {
	if r.HTTP.Method == http.MethodGet || r.Operation.Name == "RevokeBuffer" {
		return nil
	}
	if given := r.HTTP.Header.Get("Content-Type"); r.Operation.Needs != (api.Permission{}) && !isJSON(given) {
		return refusal.New(refusal.InvalidArgument, "the Content-Type header must be %s, not %q", contentJSON, given)
	}
	if err := api.DecodePlain(r.Body(), request); err != nil {
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	return nil
}

// isJSON reports whether a Content-Type is JSON, with or without parameters.
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == contentJSON
}

// done is the envelope of a success. It has no tracking code (seeds/000).
type done struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

// bare is a response without an envelope.
type bare struct{ response any }

// refused is the envelope of a refusal.
type refused struct {
	Status       int       `json:"status"`
	Message      string    `json:"message"`
	Data         *struct{} `json:"data"` // always null
	TrackingCode string    `json:"trackingCode"`
}

// tenantEnvelope is the newer envelope, for successes and refusals.
type tenantEnvelope struct {
	Success   bool         `json:"success"`
	Data      any          `json:"data"`
	Error     *tenantError `json:"error"`
	RequestID string       `json:"requestId"`
}

type tenantError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// tenantCodes maps HTTP statuses to the codes of the newer envelope. The code of another status is its HTTP name in
// capitals.
var tenantCodes = map[int]string{
	http.StatusBadRequest:          "INVALID_REQUEST",
	http.StatusUnauthorized:        "UNAUTHORIZED",
	http.StatusNotFound:            "NOT_FOUND",
	http.StatusConflict:            "CONFLICT",
	http.StatusInternalServerError: "INTERNAL_ERROR",
}

func tenantCode(status int) string {
	if code := tenantCodes[status]; code != "" {
		return code
	}
	return strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_").Replace(http.StatusText(status)))
}

// Respond renders a success in its envelope, with the first status of its operation.
func (dialect) Respond(r *api.Request, v any, dst []byte) (api.Response, error) {
	resp := api.Response{Status: r.Operation.Statuses[0], ContentType: contentJSON}
	if ready, ok := v.(api.JSON); ok {
		v = json.RawMessage(ready)
	}
	var err error
	if b, ok := v.(bare); ok {
		resp.Body, err = api.AppendPlain(dst, b.response)
		return resp, err
	}
	if newer(r) {
		resp.Body, err = api.AppendPlain(dst, tenantEnvelope{Success: true, Data: v, RequestID: exchangeID(r)})
		return resp, err
	}
	resp.Body, err = api.AppendPlain(dst, done{Status: statusDone, Message: msgDone, Data: v})
	return resp, err
}

var statuses = map[refusal.Kind]int{
	refusal.InvalidArgument:    http.StatusBadRequest,
	refusal.OutOfRange:         http.StatusBadRequest,
	refusal.Unauthenticated:    http.StatusUnauthorized,
	refusal.PermissionDenied:   http.StatusForbidden,
	refusal.NotFound:           http.StatusNotFound,
	refusal.AlreadyExists:      http.StatusConflict,
	refusal.Aborted:            http.StatusConflict,
	refusal.FailedPrecondition: http.StatusPreconditionFailed,
	refusal.ResourceExhausted:  http.StatusTooManyRequests,
	refusal.Unimplemented:      http.StatusNotImplemented,
	refusal.Unavailable:        http.StatusServiceUnavailable,
	refusal.DeadlineExceeded:   http.StatusGatewayTimeout,
}

// Refuse renders {"status","message","data","trackingCode"}, or {"success","data","error","requestId"}.
func (dialect) Refuse(r *api.Request, e *refusal.Error) api.Response {
	return envelope(r, api.StatusOf(statuses, e), e.Message)
}

// envelope renders a refusal. Its members can always be encoded.
func envelope(r *api.Request, status int, message string) api.Response {
	var body []byte
	if newer(r) {
		body, _ = api.AppendPlain(nil, tenantEnvelope{
			Error: &tenantError{Code: tenantCode(status), Message: message}, RequestID: exchangeID(r),
		})
	} else {
		body, _ = api.AppendPlain(nil, refused{Status: statusRefused, Message: message, TrackingCode: exchangeID(r)})
	}
	return api.Response{Status: status, ContentType: contentJSON, Body: body}
}

// exchangeID returns an ID that is derived from the request ID, so that it is reproducible.
func exchangeID(r *api.Request) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(vendor+":"+r.ID)).String()
}

// NoRoute renders 404 in the envelope (assumption 83).
func (dialect) NoRoute(r *api.Request) api.Response {
	return envelope(r, http.StatusNotFound, "Not Found")
}

// NoMethod renders 405 with the allowed methods in the header Allow (assumption 83).
func (dialect) NoMethod(r *api.Request, allowed []string) api.Response {
	resp := envelope(r, http.StatusMethodNotAllowed, "Method Not Allowed")
	resp.Header = map[string]string{"Allow": strings.Join(slices.Sorted(slices.Values(allowed)), ", ")}
	return resp
}

// Kind is api.KindOf.
func (dialect) Kind(status int) refusal.Kind { return api.KindOf(status) }

// contract describes the credentials: a bare access token, and a header with its type (facts/dms-lucidlink-lucidity.md
// 2.1).
var contract = api.Contract{
	Examples: examples(),
	Title:    "Lucidity external API", Encoding: api.Plain,
	Envelope: func(op *api.Operation) (any, string) {
		switch {
		case op.ResponseType() == reflect.TypeFor[refreshTokenBody]():
			return nil, ""
		case inTenants(op.Path):
			return tenantDone{}, "data"
		}
		return done{}, "data"
	},
	Credentials: func(op *api.Operation) []api.Credential {
		if op.Needs == (api.Permission{}) {
			return nil
		}
		return []api.Credential{
			{Name: "token", Type: "apiKey", Header: "Authorization", Doc: "The access token, without Bearer."},
			{Name: "authType", Type: "apiKey", Header: headerAuthType, Doc: "Always " + authTypeToken + "."},
		}
	},
}

// tenantDone is the tenantEnvelope of a success.
type tenantDone struct {
	Success   bool      `json:"success"`
	Data      any       `json:"data"`
	Error     *struct{} `json:"error"` // always null
	RequestID string    `json:"requestId"`
}
