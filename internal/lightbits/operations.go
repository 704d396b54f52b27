package lightbits

import (
	"slices"
	"strings"

	"storagesim/internal/api"
)

// can is the permission an operation needs, in the words of the product's roles (facts/lightbits.md 3.3).
func can(resource, action string) api.Permission {
	return api.Permission{Resource: resource, Action: action}
}

// operations lists all rows. The gateway lets the last path parameter be empty, so that a thing can be named in the
// query: …/volumes/?name=v1 (facts/lightbits.md 2.2).
func (s *Service) operations() []api.Operation {
	rows := slices.Concat(
		s.adminEndpointOperations(), s.authMapOperations(), s.federatedAuthenticationOperations(),
		s.inBandAuthOperations(), s.clusterOperations(), s.clusterConfigOperations(), s.connectedHostOperations(),
		s.credentialOperations(), s.encryptionOperations(), s.eventOperations(), s.featureFlagOperations(),
		s.federationOperations(), s.idpClientConfOperations(), s.idpConfigurationOperations(), s.logsOperations(),
		s.nodeOperations(), s.nvmeDeviceOperations(), s.policyOperations(), s.projectOperations(),
		s.resourcePolicyOperations(), s.roleOperations(), s.serverOperations(), s.snapshotOperations(),
		s.trustedHostOperations(), s.clusterUpgradeOperations(), s.serverUpgradeOperations(), s.volumeOperations(),
	)
	for i := range rows {
		rows[i].Vendor = vendor
		rows[i].EmptyLast = strings.HasSuffix(rows[i].Path, "}")
	}
	return rows
}

// owns says whether an unknown path is to be refused in this vendor's words.
func owns(path string) bool {
	return strings.HasPrefix(path, "/api/v2/") || path == "/cflogin"
}
