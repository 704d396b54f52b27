package dms

import (
	"net/http"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
)

func (s *Service) serviceCredentialOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetServiceCredentials", Method: http.MethodGet, Path: "/api/v1/service-credentials",
			Statuses: []int{200, 401}, Needs: token, Endpoint: api.Handle(s.getServiceCredentials)},
	}
}

// serviceCredentials is the key that an administrator adds to a cluster's project system so that the cluster accepts
// the service.
type serviceCredentials struct {
	PubKeyID string `json:"pubKeyId"`
	PubKey   []byte `json:"pubKey"` // a PEM file, which the wire shows in base64
}

// installed is the time in the ID of every service's key.
var installed = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// serviceUUID is the UUID of the service of a world, and of the host that it copies with.
func serviceUUID(set settings) string {
	return timeuuid.New(timeuuid.Ticks(installed), set.Identity).String()
}

// pubKeyID is the ID of the service's key in the clusters (facts/dms-lucidlink-lucidity.md 3.4).
func pubKeyID(set settings) string { return "dms-" + serviceUUID(set) }

// copyHost is the host with which the service connects to volumes. The service stands beside the clusters, in a network
// of its own.
func copyHost(set settings) Host {
	return Host{NQN: "nqn.2014-08.org.nvmexpress:uuid:" + serviceUUID(set), IP: "10.0.0.10"}
}

func (s *Service) credentials(tx *store.Tx) (serviceCredentials, error) {
	set := s.settings(tx)
	file, err := s.key.PublicPEM()
	return serviceCredentials{PubKeyID: pubKeyID(set), PubKey: file}, err
}

// getServiceCredentials implements seeds/003 "Get DMS service credentials".
func (s *Service) getServiceCredentials(tx *store.Tx, _ *api.Request, _ *api.Empty) (serviceCredentials, error) {
	return s.credentials(tx)
}
