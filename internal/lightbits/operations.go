package lightbits

import (
	"slices"
	"strings"

	"storagesim/internal/api"
)

// can returns the permission that an operation needs, as the product's roles name it (facts/lightbits.md 3.3).
func can(resource, action string) api.Permission {
	return api.Permission{Resource: resource, Action: action}
}

// operations returns the rows of all operations. The gateway accepts an empty last path parameter, so that a resource
// can be named in the query: …/volumes/?name=v1 (facts/lightbits.md 2.2).
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

// owns reports whether an unknown path belongs to this vendor, which then refuses it.
func owns(path string) bool {
	return strings.HasPrefix(path, "/api/v2/") || path == "/cflogin"
}
