package lucidity

import (
	"strings"

	"storagesim/internal/api"
)

// token: every operation wants an access token, and X-Authtype beside it (facts/dms-lucidlink-lucidity.md 2.1).
var token = api.Permission{Resource: "lucidity", Action: "use"}

// operations lists all rows.
func (s *Service) operations() []api.Operation {
	rows := s.partitionOperations()
	for i := range rows {
		rows[i].Vendor = vendor
	}
	return rows
}

// owns says whether an unknown path is to be refused in this vendor's words.
func owns(path string) bool {
	return path == "/external" || strings.HasPrefix(path, "/external/")
}
