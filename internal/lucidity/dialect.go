package lucidity

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// dialect is the older of the vendor's two envelopes, to which the partition API belongs
// (facts/dms-lucidlink-lucidity.md 2.2).
type dialect struct{}

const contentJSON = "application/json"

// The envelope's own status is a word in a number: it is not the HTTP status. What it is on a refusal is not known
// (assumption 82).
const (
	statusDone    = 1
	statusRefused = 0
)

// msgDone is what the envelope says of every success (seeds/000).
const msgDone = "Done Successfully"

// Bind fills the question from the body. Members match by exact case and type; unknown ones are ignored, as the sibling
// API does (facts/dms-lucidlink-lucidity.md 2.3).
func (dialect) Bind(r *api.Request, question any) error {
	if r.HTTP.Method == http.MethodGet || r.HTTP.Method == http.MethodDelete {
		return nil
	}
	if err := api.DecodePlain(r.Body(), question); err != nil {
		return refusal.New(refusal.InvalidArgument, "%s", err.Error())
	}
	return nil
}

// done is the envelope of a success; it has no tracking code (seeds/000).
type done struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

// refused is the envelope of a refusal.
type refused struct {
	Status       int       `json:"status"`
	Message      string    `json:"message"`
	Data         *struct{} `json:"data"` // always null
	TrackingCode string    `json:"trackingCode"`
}

// Answer puts the answer into the envelope. Its HTTP status is the first one of the row.
func (dialect) Answer(r *api.Request, answer any, dst []byte) (api.Response, error) {
	resp := api.Response{Status: r.Operation.Statuses[0], ContentType: contentJSON}
	if ready, ok := answer.(api.JSON); ok {
		answer = json.RawMessage(ready)
	}
	var err error
	resp.Body, err = api.AppendPlain(dst, done{Status: statusDone, Message: msgDone, Data: answer})
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

// Refuse renders {"status","message","data","trackingCode"}.
func (dialect) Refuse(r *api.Request, e *refusal.Error) api.Response {
	status, ok := statuses[e.Kind]
	if !ok {
		status = http.StatusInternalServerError
	}
	if e.Status != 0 {
		status = e.Status
	}
	return envelope(r, status, e.Message)
}

// envelope renders a refusal; its members always marshal. The tracking code is made of the request id, so that the same
// requests have the same ones.
func envelope(r *api.Request, status int, message string) api.Response {
	body, _ := api.AppendPlain(nil, refused{
		Status: statusRefused, Message: message,
		TrackingCode: uuid.NewSHA1(uuid.NameSpaceURL, []byte(vendor+":"+r.ID)).String(),
	})
	return api.Response{Status: status, ContentType: contentJSON, Body: body}
}

// NoRoute has the envelope too (assumption 83).
func (dialect) NoRoute(r *api.Request) api.Response {
	return envelope(r, http.StatusNotFound, "Not Found")
}

// NoMethod is 405 and names the methods that there are (assumption 83).
func (dialect) NoMethod(r *api.Request, allowed []string) api.Response {
	resp := envelope(r, http.StatusMethodNotAllowed, "Method Not Allowed")
	resp.Header = map[string]string{"Allow": strings.Join(slices.Sorted(slices.Values(allowed)), ", ")}
	return resp
}

// Kind is the usual one.
func (dialect) Kind(status int) refusal.Kind { return api.KindOf(status) }
