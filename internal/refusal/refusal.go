// Package refusal holds the one error that a handler answers a client with.
//
// A refusal has a kind, one of gRPC's sixteen codes, because two of the four vendors speak gRPC behind
// their gateways and the other two need no more. What HTTP status and what body a kind becomes is the
// business of each vendor's dialect, in one place. Any error that is not a refusal is internal: it is
// logged in full and shown to the client as one bland sentence.
package refusal

import (
	"errors"
	"fmt"
)

// Kind is a gRPC status code. The numbers are those of the wire.
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

// String is gRPC's own name of the code.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// Error is a refusal: what the client is told, and, beside it, why.
type Error struct {
	Kind    Kind
	Message string
	// Cause is what the journal keeps and explain shows: the guard and the state behind the refusal, the ETag
	// that was expected, the permission that was missing. It never reaches the vendor's wire. It may be nil.
	Cause Cause
	// Status is the HTTP status where the kind alone does not say it: a body that is too large, an injected fault. 0
	// leaves it to the dialect.
	Status int
	// RetryAfter is in seconds of the world's clock; 0 sends no header.
	RetryAfter int
	// Header holds further answer headers, for the few refusals that have one (WWW-Authenticate).
	Header map[string]string
}

func (e *Error) Error() string { return e.Message }

// Because attaches the cause and returns the same error.
func (e *Error) Because(cause Cause) *Error {
	e.Cause = cause
	return e
}

// New makes a refusal; the message is formatted as fmt.Sprintf does.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Of finds the refusal in an error chain, or nil when there is none.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is says whether err holds a refusal of that kind.
func Is(err error, k Kind) bool {
	e := Of(err)
	return e != nil && e.Kind == k
}
