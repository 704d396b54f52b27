package lightbits

import (
	"slices"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// ClusterAt answers the partition of the cluster that has the API endpoint, host:port; "" where nobody answers there: no
// such server, or the cluster is cut off.
func (s *Service) ClusterAt(tx *store.Tx, endpoint string) string {
	for _, name := range statemachine.Partitions(tx)[1:] {
		in := tx.In(name)
		if !cutOff(in) && slices.Contains(s.endpoints(in).api, endpoint) {
			return name
		}
	}
	return ""
}

// Reachable says of the transaction's cluster whether its API and whether its NVMe endpoints answer a service outside
// of it. While no node serves, the API of the servers still answers.
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

// Trusts says whether the project system of the transaction's cluster has that public key, a PEM file, as the
// credential of that ID, so that tokens signed with it are taken.
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
	return err == nil && given.Equal(want)
}

// ClusterFacts is what a service that attaches clusters remembers of one.
type ClusterFacts struct {
	UUID, Name                       string
	Version                          string // the lowest of the servers'
	SubsystemNQN                     string
	APIEndpoints, DiscoveryEndpoints []string
}

// Facts answers the facts of the transaction's cluster as they are now.
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
