package lightbits

import (
	"slices"

	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// ClusterAt returns the partition of the cluster with the API endpoint host:port, or at which NoteAddress has recorded
// one; "" if no cluster has it or the cluster is cut off.
func (s *Service) ClusterAt(tx *store.Tx, endpoint string) string {
	for _, name := range statemachine.Partitions(tx)[1:] {
		in := tx.In(name)
		if !cutOff(in) && slices.Contains(s.endpoints(in).api, endpoint) {
			return name
		}
	}
	return clusterAtAddress(tx, endpoint)
}

// Reachable reports whether a service outside of the transaction's cluster can reach its API and its NVMe endpoints.
// While no node serves, the API of the servers can still be reached.
func (s *Service) Reachable(tx *store.Tx) (apis, data bool) {
	if cutOff(tx) || !clusterTable.Has(tx, clusterKey) {
		return false, false
	}
	for _, u := range usageTable.All(tx, "", "") {
		if u.Attached && u.Serving {
			return true, true
		}
	}
	return true, false
}

// Trusts reports whether the project system of the transaction's cluster has that public key, a PEM file, as the
// credential of that ID, so that the cluster accepts tokens signed with it. The key with which an earlier version of
// the simulator signed counts as well, so that clusters in its data directory stay attached.
func (s *Service) Trusts(tx *store.Tx, credential string, publicKey []byte) bool {
	row, err := credentials.Get(tx, credentialKey(systemProject, credential))
	if err != nil || row.Type != CredsRS256PubKey {
		return false
	}
	given, err := parsePublicKey(row.Payload)
	if err != nil {
		return false
	}
	want, err := parsePublicKey(publicKey)
	return err == nil && (given.Equal(want) || signing.Former(given))
}

// ClusterFacts is what a service that attaches clusters stores about a cluster.
type ClusterFacts struct {
	UUID, Name                       string
	Version                          string // the lowest of the servers'
	SubsystemNQN                     string
	APIEndpoints, DiscoveryEndpoints []string
}

// Facts returns the current facts of the transaction's cluster.
func (s *Service) Facts(tx *store.Tx) (ClusterFacts, error) {
	row, err := s.cluster(tx)
	if err != nil {
		return ClusterFacts{}, err
	}
	ends := s.endpoints(tx)
	f := ClusterFacts{
		UUID: row.UUID, Name: row.Name, SubsystemNQN: row.subsystemNQN(),
		APIEndpoints: ends.api, DiscoveryEndpoints: ends.discovery,
	}
	if len(ends.versions) > 0 {
		f.Version = slices.MinFunc(ends.versions, compareVersions)
	}
	return f, nil
}
