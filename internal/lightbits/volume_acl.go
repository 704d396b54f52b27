package lightbits

import (
	"net/netip"
	"slices"

	"storagesim/internal/refusal"
)

// accessList is a StringList that must not be empty.
type accessList struct {
	Values []string `json:"values" required:"the mandatory argument acl is missing; ALLOW_NONE lets no host connect"`
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

// given reports whether a list of a request has entries. An absent or empty list changes nothing.
func (l *StringList) given() bool { return l != nil && len(l.Values) > 0 }

// checkACL returns InvalidArgument for a list that the product does not accept. Entries need not be NQNs: the vendor's
// own tests use "ace-1" (facts/lightbits.md 3.4).
func checkACL(l *StringList) error {
	if len(l.Values) > maxACL {
		return refusal.New(refusal.InvalidArgument, "ACL is invalid: %d entries, at most %d are allowed", len(l.Values),
			maxACL)
	}
	for _, v := range l.Values {
		if v == "" || len(v) > maxNQN {
			return refusal.New(refusal.InvalidArgument, "ACL is invalid: entry %q must have 1 to %d bytes", v, maxNQN)
		}
	}
	return checkPseudo("ACL", l.Values)
}

// checkIPAcl returns InvalidArgument for anything but a list of IP addresses and pseudo entries.
func checkIPAcl(l *StringList) error {
	if len(l.Values) > maxIPAcl {
		return refusal.New(refusal.InvalidArgument, "IP-ACL is invalid: %d entries, at most %d are allowed",
			len(l.Values), maxIPAcl)
	}
	for _, v := range l.Values {
		if v == allowAny || v == allowNone {
			continue
		}
		if _, err := netip.ParseAddr(v); err != nil {
			return refusal.New(refusal.InvalidArgument,
				"IP-ACL is invalid: %q is neither an IP address nor %s nor %s", v, allowAny, allowNone)
		}
	}
	return checkPseudo("IP-ACL", l.Values)
}

// checkPseudo returns InvalidArgument for ALLOW_NONE with others beside it, which would contradict them. ALLOW_ANY with
// others beside it allows everyone (assumption 414).
func checkPseudo(what string, values []string) error {
	if len(values) > 1 && slices.Contains(values, allowNone) {
		return refusal.New(refusal.InvalidArgument, "%s is invalid: %s must be the only entry", what, allowNone)
	}
	return nil
}

func values(l *StringList) []string {
	if l == nil {
		return nil
	}
	return l.Values
}
