package lightbits

import (
	"time"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
)

// cfServiceCredentials is the public key that a cluster's project system must have as a credential for the federation
// to use the cluster.
type cfServiceCredentials struct {
	PubKeyID string `json:"pubKeyId"`
	PubKey   []byte `json:"pubKey"` // a PEM file
}

// federationSeed returns the seed of the key's ID. It is derived from the UUID of the world's first cluster, which
// forks keep.
func (s *Service) federationSeed(tx *store.Tx) uint64 {
	var seed uint64
	if names := statemachine.Partitions(tx)[1:]; len(names) > 0 {
		for _, c := range []byte(s.clusterUUID(tx.In(names[0]))) {
			seed = seed*31 + uint64(c)
		}
	}
	return seed
}

// federationSince is the time in the ID of the federation's key.
var federationSince = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *Service) federationCredentials(tx *store.Tx) (cfServiceCredentials, error) {
	file, err := s.key.PublicPEM()
	id := "cluster-federation-" + timeuuid.New(timeuuid.Ticks(federationSince), s.federationSeed(tx)).String()
	return cfServiceCredentials{PubKeyID: id, PubKey: file}, err
}

// getCFServiceCredentials: seeds/002 "Get cluster federation service credentials".
func (s *Service) getCFServiceCredentials(tx *store.Tx, _ *api.Request, _ *api.Empty) (cfServiceCredentials, error) {
	return s.federationCredentials(tx)
}
