package lightbits

import (
	"net/netip"

	"storagesim/internal/refusal"
)

// accessList is a StringList that names somebody.
type accessList struct {
	Values []string `json:"values" required:"the mandatory argument acl is missing; ALLOW_NONE lets nobody in"`
}

// Pseudo entries of access control lists.
const (
	allowAny  = "ALLOW_ANY"
	allowNone = "ALLOW_NONE"
)

const (
	maxACL   = 1024 // assumption 6
	maxIPAcl = 16   // facts/lightbits.md 4.1
	maxNQN   = 223  // bytes, as NVMe has it
)

// given says whether a list of a request holds anything; an absent or empty one leaves things as they are.
func (l *StringList) given() bool { return l != nil && len(l.Values) > 0 }

// checkACL refuses a list that the product would not take. Entries are not checked as NQNs: the vendor's own tests use
// "ace-1" (facts/lightbits.md 3.4).
func checkACL(l *StringList) error {
	if len(l.Values) > maxACL {
		return refusal.New(refusal.InvalidArgument, "ACL is invalid: %d entries, at most %d are allowed", len(l.Values), maxACL)
	}
	for _, v := range l.Values {
		if v == "" || len(v) > maxNQN {
			return refusal.New(refusal.InvalidArgument, "ACL is invalid: entry %q must have 1 to %d bytes", v, maxNQN)
		}
	}
	return checkPseudo("ACL", l.Values)
}

// checkIPAcl refuses what is neither a list of IP addresses nor a pseudo entry.
func checkIPAcl(l *StringList) error {
	if len(l.Values) > maxIPAcl {
		return refusal.New(refusal.InvalidArgument, "IP-ACL is invalid: %d entries, at most %d are allowed", len(l.Values), maxIPAcl)
	}
	for _, v := range l.Values {
		if v == allowAny || v == allowNone {
			continue
		}
		if _, err := netip.ParseAddr(v); err != nil {
			return refusal.New(refusal.InvalidArgument, "IP-ACL is invalid: %q is neither an IP address nor %s nor %s", v, allowAny, allowNone)
		}
	}
	return checkPseudo("IP-ACL", l.Values)
}

// checkPseudo refuses a pseudo entry beside others.
func checkPseudo(what string, values []string) error {
	for _, v := range values {
		if (v == allowAny || v == allowNone) && len(values) > 1 {
			return refusal.New(refusal.InvalidArgument, "%s is invalid: %s must be the only entry", what, v)
		}
	}
	return nil
}

func values(l *StringList) []string {
	if l == nil {
		return nil
	}
	return l.Values
}
