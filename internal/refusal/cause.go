package refusal

// Cause is why a request was refused: what the journal keeps and explain shows as JSON, an object. It reaches no
// vendor's wire. Where the answer to "what would have worked" is not the same for all of its kind, it has a method
// WouldWork() string.
type Cause interface {
	CauseKind() CauseKind
}

// CauseKind says what sort of thing a request failed on, for tests that ask explain about it.
type CauseKind string

// The kinds of causes.
const (
	Guard       CauseKind = "guard"         // a thing's state: which, since when, who put it there, what it takes
	ETag        CauseKind = "etag"          // an If-Match: expected, current, who changed it
	Permission  CauseKind = "permission"    // the caller is known, and may not
	Credential  CauseKind = "credential"    // the caller is not known
	Value       CauseKind = "value"         // a member or parameter of the request
	Missing     CauseKind = "missing"       // what the request names is not there
	Exists      CauseKind = "exists"        // what the request would make is there
	Condition   CauseKind = "condition"     // something else in the world is in the way
	Limit       CauseKind = "limit"         // there may be so many, or so much, and no more
	Unreachable CauseKind = "unreachable"   // a service or a cluster is away
	Rule        CauseKind = "rule"          // a fault on purpose: a rule, a plan or the request's own header
	InvalidFault   CauseKind = "faultWish"     // the request asks for a fault that cannot be
	Route       CauseKind = "route"         // no operation has this path and method
	World       CauseKind = "world"         // there is no such world
	Cluster     CauseKind = "cluster"       // the world has no such cluster
	Unemulated  CauseKind = "unimplemented" // the operation is not emulated, or the product does not have it
	Failure     CauseKind = "failure"       // the answer speaks of an error of the server
)

// causeKinds are all of them.
var causeKinds = [...]CauseKind{Guard, ETag, Permission, Credential, Value, Missing, Exists, Condition, Limit, Unreachable, Rule, InvalidFault,
	Route, World, Cluster, Unemulated, Failure}

// Names lists the kinds.
func (CauseKind) Names() []string {
	names := make([]string, len(causeKinds))
	for i, kind := range causeKinds {
		names[i] = string(kind)
	}
	return names
}

// CauseKind is what a refusal of this kind fails on where its cause does not say it.
func (k Kind) CauseKind() CauseKind {
	switch k {
	case InvalidArgument, OutOfRange:
		return Value
	case NotFound:
		return Missing
	case AlreadyExists:
		return Exists
	case PermissionDenied:
		return Permission
	case Unauthenticated:
		return Credential
	case ResourceExhausted:
		return Limit
	case FailedPrecondition, Aborted:
		return Condition
	case Unavailable, DeadlineExceeded:
		return Unreachable
	case Unimplemented:
		return Unemulated
	case OK, Canceled, Unknown, Internal, DataLoss:
	}
	return Failure
}

// CauseKind is the kind of what the refusal failed on.
func (e *Error) CauseKind() CauseKind {
	if e.Cause != nil {
		return e.Cause.CauseKind()
	}
	return e.Kind.CauseKind()
}
