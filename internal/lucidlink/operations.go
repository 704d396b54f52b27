package lucidlink

import (
	"slices"
	"strings"

	"storagesim/internal/api"
)

// token: every operation but the one that gives it wants an access token; the vendor has no scopes
// (facts/dms-lucidlink-lucidity.md 1.1).
var token = api.Permission{Resource: "lucidlink", Action: "use"}

// operations lists all rows, the Service API's and then the daemon's. Both prefixes of the API answer alike
// (facts/dms-lucidlink-lucidity.md 1.1).
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

// inAPI says whether a path lies behind one of the API's prefixes. The longer one is shared with DMS, so there only
// the groups of this API count (assumption 80).
func inAPI(path string) bool {
	if path == "/v1" || strings.HasPrefix(path, "/v1/") {
		return true
	}
	rest, found := strings.CutPrefix(path, "/api/v1/")
	first, _, _ := strings.Cut(rest, "/")
	return found && (first == "domains" || first == "filespaces" || first == "billing")
}

// owns says whether an unknown path is to be refused in this vendor's words.
func owns(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return inAPI(path) || slices.Contains(ownRoots[:], first)
}

// ownRoots begin the paths of the token request and of the client's daemon (assumption 164).
var ownRoots = [...]string{"oauth2", "app", "cache", "fs", "objectstore", "fsEntry"}
