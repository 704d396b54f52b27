package api

import (
	"net/http"

	"storagesim/internal/refusal"
)

// Dialect translates between Go values and the HTTP messages of a vendor. Handlers return values and refusals; the
// dialect chooses the status, the headers and the encoding. Its methods may be called concurrently.
type Dialect interface {
	// Bind decodes the request into v, a pointer to the request type of r.Operation: first the body, then the query, then
	// the path. A later source overrides an earlier one. If the request does not fit v, Bind returns a refusal with the
	// vendor's message.
	Bind(r *Request, v any) error
	// Respond returns the response for v, the result of the handler. It appends the body to dst, which may be nil. An
	// error rolls the transaction back and becomes an internal error.
	Respond(r *Request, v any, dst []byte) (Response, error)
	// Refuse returns the response for a refusal. If e.Status is not 0 it is the status of the response. The server adds
	// e.Header and Retry-After itself.
	Refuse(r *Request, e *refusal.Error) Response
	// NoRoute returns the response for a path that matches no operation. r.Operation is nil.
	NoRoute(r *Request) Response
	// NoMethod returns the response for a path that has operations, but none with the request's method. Allowed lists the
	// methods that it has. r.Operation is nil.
	NoMethod(r *Request, allowed []string) Response
	// Kind returns the refusal kind for the HTTP status of an injected fault. Refuse is then called with a refusal of that
	// kind and status.
	Kind(status int) refusal.Kind
}

// AppendReady appends ready to dst. It copies nothing if ready was made in the memory of dst (see Request.Space).
func AppendReady(dst []byte, ready JSON) []byte {
	if len(ready) > 0 && cap(dst) >= len(ready) && len(dst) == 0 && &dst[:1][0] == &ready[0] {
		return ready
	}
	return append(dst, ready...)
}

// Response is a complete HTTP response. A zero Status means that no response was sent.
type Response struct {
	Status      int
	ContentType string
	Header      map[string]string
	Body        []byte
}

// StatusOf returns the HTTP status of a refusal: e.Status if it is set, otherwise that of e.Kind in statuses, otherwise
// 500.
func StatusOf(statuses map[refusal.Kind]int, e *refusal.Error) int {
	if e.Status != 0 {
		return e.Status
	}
	if status, ok := statuses[e.Kind]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// KindOf returns the refusal kind that usually corresponds to an HTTP status. Most implementations of Dialect.Kind use
// it.
func KindOf(status int) refusal.Kind {
	switch status {
	case http.StatusBadRequest:
		return refusal.InvalidArgument
	case http.StatusUnauthorized:
		return refusal.Unauthenticated
	case http.StatusForbidden:
		return refusal.PermissionDenied
	case http.StatusNotFound:
		return refusal.NotFound
	case http.StatusConflict:
		return refusal.AlreadyExists
	case http.StatusPreconditionFailed:
		return refusal.FailedPrecondition
	case http.StatusTooManyRequests:
		return refusal.ResourceExhausted
	case http.StatusNotImplemented:
		return refusal.Unimplemented
	case http.StatusServiceUnavailable:
		return refusal.Unavailable
	case http.StatusGatewayTimeout:
		return refusal.DeadlineExceeded
	}
	if status >= 500 {
		return refusal.Internal
	}
	return refusal.Unknown
}
