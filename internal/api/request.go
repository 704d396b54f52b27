package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"storagesim/internal/refusal"
)

// Request is one request on its way.
type Request struct {
	ID        string // of this exchange, unique in the process
	World     string
	Cluster   string // the partition of a clustered vendor; "" until it is resolved
	Operation *Operation
	HTTP      *http.Request
	// Principal is who asks, in the vendor's own type; set by Service.Authorize.
	Principal any
	body      []byte
	query     url.Values          // parsed, once somebody asks
	out       http.ResponseWriter // where the answer goes; nil in tests of a dialect
	space     []byte              // lent by the server
}

// Space is empty memory for a long answer to be appended to, as JSON: the server lends it for as long as the request
// lives, so that lists leave nothing to the collector.
func (r *Request) Space() []byte { return r.space }

// NewRequest reads a request for the operation, for tests of a dialect. *TooLargeError where its body is too large.
func NewRequest(op *Operation, req *http.Request) (*Request, error) {
	r := &Request{ID: "req-1", World: DefaultWorld, Operation: op, HTTP: req}
	return r, r.readBody()
}

// Param answers a path parameter, unescaped; "" when the path has none of that name.
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

// EachParam calls fn with every path parameter of the matched row.
func (r *Request) EachParam(fn func(name, value string)) {
	params := chi.RouteContext(r.HTTP.Context()).URLParams
	for i, name := range params.Keys {
		if name != "*" && params.Values[i] != "" {
			fn(name, r.Param(name))
		}
	}
}

// Query answers the parameters of the URL; they must not be changed. Malformed ones are left out.
func (r *Request) Query() url.Values {
	if r.query == nil && r.HTTP.URL.RawQuery != "" {
		r.query = r.HTTP.URL.Query()
	}
	return r.query
}

// Body is the request's body, already read and bounded.
func (r *Request) Body() []byte { return r.body }

// StaleETag is the cause of a refusal by If-Match.
type StaleETag struct {
	Expected string `json:"expected"`
	Current  string `json:"current"`
	None     bool   `json:"none,omitempty"` // the thing has no ETag: every one is stale
	By       string `json:"changedBy,omitempty"`
}

// CauseKind is refusal.ETag.
func (StaleETag) CauseKind() refusal.CauseKind { return refusal.ETag }

// IfMatch refuses the request when it carries an If-Match that is not the thing's current ETag. The header is optional
// and unquoted; quotes, a weak mark and * are forgiven (facts/lightbits.md 5). By names who changed the thing last.
func (r *Request) IfMatch(current, by string) error {
	expected := strings.TrimSpace(first(r.HTTP.Header, "If-Match"))
	if expected == "" || expected == "*" {
		return nil
	}
	expected = strings.Trim(strings.TrimPrefix(expected, "W/"), `"`)
	if expected == current {
		return nil
	}
	return refusal.New(refusal.FailedPrecondition, "ETag mismatch: If-Match is %q but the resource has %q", expected, current).
		Because(StaleETag{Expected: expected, Current: current, None: current == "", By: by})
}
