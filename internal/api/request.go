package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/go-chi/chi/v5"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Request is a request to an operation.
type Request struct {
	ID        string // unique in the process
	World     string
	Cluster   string // the partition of a clustered vendor; "" until it is resolved
	Operation *Operation
	HTTP      *http.Request
	// Principal is the caller, of a type of the vendor. Service.Authorize sets it.
	Principal any
	body      []byte
	query     url.Values          // parsed on the first call of Query
	out       http.ResponseWriter // nil in tests of a dialect
	space     []byte              // of the server's pool
	elsewhere string              // see Place.Elsewhere
	life      *store.Life         // of the world when the request arrived; nil if there was no such world
	large     *atomic.Bool        // whether the operation's last response was large
}

// inLife returns a refusal if the transaction runs in another life of the world than the one that the request belongs
// to.
func (r *Request) inLife(tx *store.Tx) error {
	if r.life == nil || r.life.Number == tx.Life() {
		return nil
	}
	return replaced(r.World)
}

// Space returns an empty slice with capacity to append a long response to, as JSON. The server reuses its memory after
// the request, so that lists produce no garbage.
func (r *Request) Space() []byte { return r.space }

// NewRequest returns a request for op with the body of req, for tests of a dialect. The error is a *TooLargeError if
// the body is larger than op accepts.
func NewRequest(op *Operation, req *http.Request) (*Request, error) {
	r := &Request{ID: "req-1", World: DefaultWorld, Operation: op, HTTP: req}
	return r, r.readBody()
}

func (r *Request) readBody() error {
	limit := r.Operation.MaxBody
	if limit == 0 {
		limit = DefaultMaxBody
	}
	if r.HTTP.Body == nil || r.HTTP.ContentLength == 0 {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.HTTP.Body, limit+1))
	var encoding *EncodingError
	if errors.As(err, &encoding) {
		e := refusal.New(refusal.InvalidArgument, "%s", encoding.Error())
		e.Status, e.Header = http.StatusUnsupportedMediaType, map[string]string{"Accept-Encoding": "gzip"}
		return e
	}
	if err != nil {
		return refusal.New(refusal.InvalidArgument, "reading the request body failed: %v", err)
	}
	if int64(len(body)) > limit {
		return &TooLargeError{Limit: limit}
	}
	r.body = body
	return nil
}

// TooLargeError is the error of a request body that is larger than its operation accepts. Limit is in bytes.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the request body is larger than %d bytes, the limit of this operation", e.Limit)
}

// Param returns a path parameter, unescaped, or "" if the path has no parameter of that name.
func (r *Request) Param(name string) string {
	raw := chi.URLParam(r.HTTP, name)
	if r.HTTP.URL.RawPath == "" {
		return raw // chi matched the path that net/http had unescaped
	}
	if text, err := url.PathUnescape(raw); err == nil {
		return text
	}
	return raw
}

// EachParam calls fn for each path parameter that is not empty.
func (r *Request) EachParam(fn func(name, value string)) {
	params := chi.RouteContext(r.HTTP.Context()).URLParams
	for i, name := range params.Keys {
		if name != "*" && params.Values[i] != "" {
			fn(name, r.Param(name))
		}
	}
}

// Query returns the query parameters without malformed ones. The caller must not modify them.
func (r *Request) Query() url.Values {
	if r.query == nil && r.HTTP.URL.RawQuery != "" {
		r.query = r.HTTP.URL.Query()
	}
	return r.query
}

// Body returns the request body. The caller must not modify it.
func (r *Request) Body() []byte { return r.body }

// StaleETag is the cause of a refusal because of the header If-Match.
type StaleETag struct {
	Expected string `json:"expected"`
	Current  string `json:"current"`
	None     bool   `json:"none,omitempty"` // the resource has no ETag, so any value is stale
	By       string `json:"changedBy,omitempty"`
}

// CauseKind returns refusal.ETag.
func (StaleETag) CauseKind() refusal.CauseKind { return refusal.ETag }

// IfMatch returns a refusal if the request has a header If-Match that is not the current ETag of the resource. The
// header is optional. Its value is unquoted, but quotes, the prefix W/ and * are accepted (facts/lightbits.md 5). By is
// the caller who last changed the resource.
func (r *Request) IfMatch(current, by string) error {
	expected := strings.TrimSpace(first(r.HTTP.Header, "If-Match"))
	if expected == "" || expected == "*" {
		return nil
	}
	expected = strings.Trim(strings.TrimPrefix(expected, "W/"), `"`)
	if expected == current {
		return nil
	}
	return refusal.New(refusal.FailedPrecondition, "ETag mismatch: If-Match is %q but the resource has %q", expected,
		current).
		Because(StaleETag{Expected: expected, Current: current, None: current == "", By: by})
}
