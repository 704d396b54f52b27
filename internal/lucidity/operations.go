package lucidity

import (
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// token: every operation but the refresh wants an access token, and X-Authtype beside it (facts/dms-lucidlink-lucidity.md
// 2.1).
var token = api.Permission{Resource: "lucidity", Action: "use"}

// operations lists all rows. Only CreatePartition has a page among the seeds; the others are Extra, with the statuses that
// are known of them (facts/dms-lucidlink-lucidity.md 2.4) or that the same envelope has (assumption 182). Bulk schedule and job
// info have none (assumption 354).
func (s *Service) operations() []api.Operation {
	rows := slices.Concat(s.partitionOperations(), s.instanceOperations(), s.tenantOperations(), s.tokenOperations(), s.bufferOperations())
	for i := range rows {
		rows[i].Vendor = vendor
	}
	return rows
}

// owns says whether an unknown path is to be refused in this vendor's words.
func owns(path string) bool {
	return path == "/external" || strings.HasPrefix(path, "/external/")
}

// invalid is the refusal of a request that is wrong in itself.
func invalid(format string, args ...any) *refusal.Error {
	return refusal.New(refusal.InvalidArgument, format, args...)
}

// maxText is how many bytes a text of a request may have (assumption 183).
const maxText = 1024

// member is a text of a request with the name of its member.
type member struct{ name, text string }

// required refuses the first of the members that is missing, blank or too long.
func required(members ...member) error {
	for _, m := range members {
		if strings.TrimSpace(m.text) == "" {
			return invalid("%s is required and must not be blank", m.name)
		}
	}
	return bounded(members...)
}

// bounded refuses the first of the members that is too long or holds control characters.
func bounded(members ...member) error {
	for _, m := range members {
		if len(m.text) > maxText {
			return invalid("%s has %d bytes; at most %d are possible", m.name, len(m.text), maxText)
		}
		if i := strings.IndexFunc(m.text, func(c rune) bool { return c < ' ' || c == 0x7F }); i >= 0 {
			return invalid("%s holds a control character, %q", m.name, m.text[i])
		}
	}
	return nil
}
