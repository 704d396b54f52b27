package refusal

// Cause is the reason of a refusal. The journal keeps it and explain shows it as a JSON object; it is not part of the
// response. A cause may have a method WouldWork() string, which returns the request that would have succeeded. Without
// it, explain uses a text for the kind of the cause.
type Cause interface {
	CauseKind() CauseKind
}

// CauseKind classifies the reason of a refusal. Explain shows it, so that tests can check it.
type CauseKind string

// The kinds of causes.
const (
	Guard        CauseKind = "guard"         // the state of a resource
	ETag         CauseKind = "etag"          // the header If-Match
	Permission   CauseKind = "permission"    // the caller is known but not permitted
	Credential   CauseKind = "credential"    // the caller is not authenticated
	Value        CauseKind = "value"         // an invalid member or parameter of the request
	Missing      CauseKind = "missing"       // the resource does not exist
	Exists       CauseKind = "exists"        // the resource exists already
	Condition    CauseKind = "condition"     // the state of another resource
	Limit        CauseKind = "limit"         // a limit on number or size
	Unreachable  CauseKind = "unreachable"   // a service or a cluster is unavailable
	Rule         CauseKind = "rule"          // an injected fault: of a rule, a plan or the request's header
	InvalidFault CauseKind = "faultWish"     // the request asks for a fault that is not possible
	Route        CauseKind = "route"         // no operation has this path and method
	World        CauseKind = "world"         // the world does not exist
	Cluster      CauseKind = "cluster"       // the cluster does not exist in the world
	Unemulated   CauseKind = "unimplemented" // the operation is not emulated, or the product does not have it
	Failure      CauseKind = "failure"       // an error of the server
)

// causeKinds lists all kinds.
var causeKinds = [...]CauseKind{Guard, ETag, Permission, Credential, Value, Missing, Exists, Condition, Limit,
	Unreachable, Rule, InvalidFault,
	Route, World, Cluster, Unemulated, Failure}

// Names returns all kinds.
func (CauseKind) Names() []string {
	names := make([]string, len(causeKinds))
	for i, kind := range causeKinds {
		names[i] = string(kind)
	}
	return names
}

// CauseKind returns the kind of cause of a refusal of kind k that has no cause.
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

// CauseKind returns the kind of the refusal's cause, or that of its kind if it has no cause.
func (e *Error) CauseKind() CauseKind {
	if e.Cause != nil {
		return e.Cause.CauseKind()
	}
	return e.Kind.CauseKind()
}
