package dms

import (
	"net/http"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/signing"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
)

func (s *Service) serviceCredentialOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetServiceCredentials", Method: http.MethodGet, Path: "/api/v1/service-credentials",
			Statuses: []int{200, 401}, Needs: token, Endpoint: api.Handle(s.getServiceCredentials)},
	}
}

// serviceCredentials is what an administrator puts into a cluster's project system so that it lets this service in.
type serviceCredentials struct {
	PubKeyID string `json:"pubKeyId"`
	PubKey   []byte `json:"pubKey"` // a PEM file, so that the wire has base64 of PEM
}

// installed is when every simulated service was set up: its key's ID is of that time.
var installed = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// serviceUUID names the service of a world; it is also that of the host it copies with.
func serviceUUID(set settings) string {
	return timeuuid.New(timeuuid.Ticks(installed), set.Identity).String()
}

// pubKeyID is the ID under which clusters know the service's key (facts/dms-lucidlink-lucidity.md 3.4).
func pubKeyID(set settings) string { return "dms-" + serviceUUID(set) }

// hostNQN is the host as which the service connects to volumes.
func hostNQN(set settings) string { return "nqn.2014-08.org.nvmexpress:uuid:" + serviceUUID(set) }

func (s *Service) credentials(tx *store.Tx) (serviceCredentials, error) {
	set := s.settings(tx)
	key, err := s.key()
	if err != nil {
		return serviceCredentials{}, err
	}
	file, err := signing.PublicPEM(key.Public)
	return serviceCredentials{PubKeyID: pubKeyID(set), PubKey: file}, err
}

// getServiceCredentials: seeds/003 "Get DMS service credentials".
func (s *Service) getServiceCredentials(tx *store.Tx, _ *api.Request, _ *api.Empty) (serviceCredentials, error) {
	return s.credentials(tx)
}
