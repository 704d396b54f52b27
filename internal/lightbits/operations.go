package lightbits

import (
	"net/http"
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
		rows[i].FromState = statusesFromState(&rows[i])
	}
	return rows
}

// undocumented are the statuses that single operations return from state although their pages do not have them.
var undocumented = map[string][]int{
	"DetachCluster":     {http.StatusNotFound}, // assumption 135
	"GetWorkflow":       {http.StatusNotFound}, // assumption 135
	"GetClusterRootKey": {http.StatusNotFound}, // assumption 201
	"ListVolumes":       {http.StatusNotFound},
}

// statusesFromState returns the undocumented statuses that an operation returns without an injected fault: 503 of a
// cluster that is cut off (assumption 139), 400 and 504 of the gateway in front of every operation (assumption 412),
// 401 and 403 of a caller without the permission (assumption 22), 501 of a cluster without a federation (assumption
// 138), and those of undocumented.
func statusesFromState(op *api.Operation) []int {
	possible := []int{http.StatusBadRequest, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	if op.Needs != (api.Permission{}) {
		possible = append(possible, http.StatusUnauthorized, http.StatusForbidden)
	}
	if op.Enabled != nil {
		possible = append(possible, http.StatusNotImplemented)
	}
	var list []int
	for _, status := range append(possible, undocumented[op.Name]...) {
		if !op.Documents(status) {
			list = append(list, status)
		}
	}
	return list
}

// owns reports whether an unknown path belongs to this vendor, which then refuses it.
func owns(path string) bool {
	return strings.HasPrefix(path, "/api/v2/") || path == "/cflogin"
}
