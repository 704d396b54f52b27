// Package refusal defines the error that a handler returns to refuse a request.
//
// A refusal has a kind, one of gRPC's sixteen codes, because two of the four vendors speak gRPC behind their gateways
// and the other two need no more. The dialect of each vendor maps a kind to an HTTP status and a body. Any error that
// is not a refusal is internal: it is logged, and the response contains none of it.
package refusal

import (
	"errors"
	"fmt"
)

// Kind is a gRPC status code, with gRPC's numbers.
type Kind int

// The kinds, as gRPC numbers them.
const (
	OK                 Kind = 0
	Canceled           Kind = 1
	Unknown            Kind = 2
	InvalidArgument    Kind = 3
	DeadlineExceeded   Kind = 4
	NotFound           Kind = 5
	AlreadyExists      Kind = 6
	PermissionDenied   Kind = 7
	ResourceExhausted  Kind = 8
	FailedPrecondition Kind = 9
	Aborted            Kind = 10
	OutOfRange         Kind = 11
	Unimplemented      Kind = 12
	Internal           Kind = 13
	Unavailable        Kind = 14
	DataLoss           Kind = 15
	Unauthenticated    Kind = 16
)

var names = [...]string{
	"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
	"PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange",
	"Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
}

// String returns gRPC's name of the code.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// Error is a refusal: the message for the client and the cause.
type Error struct {
	Kind    Kind
	Message string
	// Cause is what the journal keeps and explain shows, for example the guard and the state, the expected ETag or the
	// missing permission. It is not part of the response. It may be nil.
	Cause Cause
	// Status is the HTTP status if the kind does not determine it, as for a body that is too large or an injected fault. 0
	// leaves it to the dialect.
	Status int
	// RetryAfter is in seconds of the world's clock; 0 sends no header.
	RetryAfter int
	// Header holds further response headers, such as WWW-Authenticate.
	Header map[string]string
}

func (e *Error) Error() string { return e.Message }

// Because attaches the cause and returns the same error.
func (e *Error) Because(cause Cause) *Error {
	e.Cause = cause
	return e
}

// New returns a refusal; the message is formatted as fmt.Sprintf does.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Of returns the first refusal in the chain of err, or nil if there is none.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether the chain of err has a refusal of kind k.
func Is(err error, k Kind) bool {
	e := Of(err)
	return e != nil && e.Kind == k
}
