package lucidlink

import (
	"slices"
	"strings"

	"storagesim/internal/api"
)

// token is the permission of every operation of the Service API except the token request. The vendor has no scopes
// (facts/dms-lucidlink-lucidity.md 1.1).
var token = api.Permission{Resource: "lucidlink", Action: "use"}

// operations returns all operations: those of the Service API, then those of the daemon. The two prefixes of the API
// are equivalent (facts/dms-lucidlink-lucidity.md 1.1).
func (s *Service) operations() []api.Operation {
	rows := slices.Concat(s.tokenOperations(), s.domainOperations(), s.filespaceOperations(), s.billingOperations(),
		s.daemonOperations(), s.userOperations(), s.snapshotOperations())
	for i := range rows {
		rows[i].Vendor = vendor
		if strings.HasPrefix(rows[i].Path, "/v1/") {
			rows[i].Also = append(rows[i].Also, "/api"+rows[i].Path)
		}
	}
	return rows
}

// inAPI reports whether a path begins with one of the API's prefixes. DMS shares the prefix /api/v1, so below it only
// the groups of this API count (assumption 80).
func inAPI(path string) bool {
	if path == "/v1" || strings.HasPrefix(path, "/v1/") {
		return true
	}
	rest, found := strings.CutPrefix(path, "/api/v1/")
	first, _, _ := strings.Cut(rest, "/")
	return found && (first == "domains" || first == "filespaces" || first == "billing")
}

// owns reports whether this vendor refuses an unknown path.
func owns(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return inAPI(path) || slices.Contains(ownRoots[:], first)
}

// ownRoots are the first path segments of the token request and of the daemon (assumption 164).
var ownRoots = [...]string{"oauth2", "app", "cache", "fs", "objectstore", "fsEntry"}
