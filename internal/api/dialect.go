package api

import (
	"net/http"

	"storagesim/internal/refusal"
)

// Dialect is what a vendor's wire decides. Handlers speak refusal kinds; the dialect speaks HTTP.
type Dialect interface {
	// Bind fills the question from the body, then the query, then the path, so that the path wins. Its error is a
	// refusal in the vendor's words.
	Bind(r *Request, question any) error
	// Answer renders what a handler answered, appending the body to dst.
	Answer(r *Request, answer any, dst []byte) (Response, error)
	// Refuse renders a refusal, with its own HTTP status where it has one.
	Refuse(r *Request, e *refusal.Error) Response
	// NoRoute answers a path that no row matches, NoMethod a path that has no such method. The request has no Operation.
	NoRoute(r *Request) Response
	NoMethod(r *Request, allowed []string) Response
	// Kind is the kind that an HTTP status of an injected fault stands for.
	Kind(status int) refusal.Kind
}

// AppendReady appends an answer that is ready as it is. One that was made in dst itself (see Request.Space) stays where it
// is.
func AppendReady(dst []byte, ready JSON) []byte {
	if len(ready) > 0 && cap(dst) >= len(ready) && len(dst) == 0 && &dst[:1][0] == &ready[0] {
		return ready
	}
	return append(dst, ready...)
}

// Response is a whole answer.
type Response struct {
	Status      int
	ContentType string
	Header      map[string]string
	Body        []byte
}

// StatusOf returns the HTTP status of a refusal: its own if it has one, else that of its kind in the vendor's table,
// else 500.
func StatusOf(statuses map[refusal.Kind]int, e *refusal.Error) int {
	if e.Status != 0 {
		return e.Status
	}
	if status, ok := statuses[e.Kind]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// KindOf is the usual reading of an HTTP status as a refusal kind.
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
