package lucidity

import (
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// token is the permission of every operation except the refresh: an access token and the header X-Authtype
// (facts/dms-lucidlink-lucidity.md 2.1).
var token = api.Permission{Resource: "lucidity", Action: "use"}

// operations returns all operations. Only CreatePartition has a page among the seeds; the others are Extra, with their
// known statuses (facts/dms-lucidlink-lucidity.md 2.4) or those of the same envelope (assumption 182). Bulk schedule
// and job info are missing (assumption 354).
func (s *Service) operations() []api.Operation {
	rows := slices.Concat(s.partitionOperations(), s.instanceOperations(), s.tenantOperations(), s.tokenOperations(),
		s.bufferOperations())
	for i := range rows {
		rows[i].Vendor = vendor
	}
	return rows
}

// owns reports whether this vendor refuses an unknown path.
func owns(path string) bool {
	return path == "/external" || strings.HasPrefix(path, "/external/")
}

// invalid returns the refusal of an invalid request.
func invalid(format string, args ...any) *refusal.Error {
	return refusal.New(refusal.InvalidArgument, format, args...)
}

// maxText is the maximum number of bytes of a string in a request (assumption 183).
const maxText = 1024

// member is a string member of a request with its name.
type member struct{ name, text string }

// required refuses the first member that is missing, blank, too long, or contains a control character.
func required(members ...member) error {
	for _, m := range members {
		if strings.TrimSpace(m.text) == "" {
			return invalid("%s is required and must not be blank", m.name)
		}
	}
	return bounded(members...)
}

// bounded refuses the first member that is too long or contains a control character.
func bounded(members ...member) error {
	for _, m := range members {
		if len(m.text) > maxText {
			return invalid("%s must have at most %d bytes, not %d", m.name, maxText, len(m.text))
		}
		if i := strings.IndexFunc(m.text, func(c rune) bool { return c < ' ' || c == 0x7F }); i >= 0 {
			return invalid("%s must not contain the control character %q", m.name, m.text[i])
		}
	}
	return nil
}
