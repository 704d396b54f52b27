package dms

import (
	"slices"
	"strings"

	"storagesim/internal/api"
)

// token: every operation but the login wants the service's bearer token, and there are no finer rights
// (facts/dms-lucidlink-lucidity.md 3.1).
var token = api.Permission{Resource: "dms", Action: "use"}

// operations lists all rows.
func (s *Service) operations() []api.Operation {
	rows := slices.Concat(s.loginOperations(), s.clusterOperations(), s.serviceCredentialOperations(),
		s.thickCloneOperations(), s.workflowOperations())
	for i := range rows {
		rows[i].Vendor = vendor
	}
	return rows
}

// owns says whether an unknown path is to be refused in this vendor's words. LucidLink has a part of the same prefix
// (assumption 80).
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
