package dms

import (
	"slices"
	"strings"

	"storagesim/internal/api"
)

// token is the permission of every operation except the login. The service has no finer rights
// (facts/dms-lucidlink-lucidity.md 3.1).
var token = api.Permission{Resource: "dms", Action: "use"}

// operations returns all operations.
func (s *Service) operations() []api.Operation {
	rows := slices.Concat(s.loginOperations(), s.clusterOperations(), s.serviceCredentialOperations(),
		s.thickCloneOperations(), s.workflowOperations())
	for i := range rows {
		rows[i].Vendor = vendor
	}
	return rows
}

// owns reports whether this vendor refuses an unknown path. LucidLink owns a part of the prefix /api/v1 (assumption
// 80).
func owns(path string) bool {
	rest, found := strings.CutPrefix(path, "/api/v1")
	if !found {
		return path == "/login" || strings.HasPrefix(path, "/login/")
	}
	if rest != "" && rest[0] != '/' {
		return false
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	return first != "domains" && first != "filespaces" && first != "billing"
}
