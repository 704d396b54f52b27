package lightbits

import (
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// outage means that a cluster is cut off by a network partition: it continues to work, but its API and its NVMe
// endpoints cannot be reached. A reachable cluster has no row.
type outage struct{}

const outageKey = "outage"

var outages = store.NewTable("lightbits.outage", func(*outage) string { return outageKey }, store.JSON[outage]())

// cutOff reports whether the transaction's cluster is cut off.
func cutOff(tx *store.Tx) bool { return cutOffs.Of(tx) }

var cutOffs = store.NewMemo(func(tx *store.Tx) bool { return outages.Has(tx, outageKey) })

// unreachable refuses every operation of a cluster that is cut off, as a proxy in front of it would (assumption 139).
func unreachable(tx *store.Tx) error {
	if !cutOff(tx) {
		return nil
	}
	return refusal.New(refusal.Unavailable, "the management API of the cluster is unreachable").
		Because(CutOff{Cluster: tx.Partition(), Action: "lightbits/partition-cluster"})
}

type partitionParams struct {
	Cluster     string `json:"cluster" doc:"name or UUID; the request's cluster if omitted"`
	Unreachable *bool  `json:"unreachable" doc:"whether the cluster is cut off from everyone; true if omitted"`
}

// partitioned is the result of partition-cluster.
type partitioned struct {
	Cluster     string `json:"cluster"`
	UUID        string `json:"UUID"`
	Unreachable bool   `json:"unreachable"`
}

func (s *Service) partitionClusterAction() api.Action {
	return api.Do(vendor, "partition-cluster", "the network between a cluster and everyone else breaks, or is repaired",
		s.partitionCluster)
}

// partitionCluster cuts a cluster off or makes it reachable again. Repeating it has no effect. The error is an
// *api.InputError for an unknown cluster.
func (s *Service) partitionCluster(tx *store.Tx, p *partitionParams) (any, error) {
	name, err := s.clusterNamed(tx, p.Cluster)
	if err != nil {
		return nil, err
	}
	tx = tx.In(name)
	off := p.Unreachable == nil || *p.Unreachable
	response := partitioned{Cluster: name, UUID: s.clusterUUID(tx), Unreachable: off}
	if off == cutOff(tx) {
		return response, nil
	}
	kind := events.ClusterReachable
	if off {
		kind, err = events.ClusterUnreachable, outages.Put(tx, &outage{})
	} else {
		err = outages.Delete(tx, outageKey)
	}
	if err != nil {
		return nil, err
	}
	c, err := s.cluster(tx)
	if err != nil {
		return nil, err
	}
	return response, s.logEvent(tx, kind, events.AboutCluster(c.UUID, c.Name))
}

// clusterNamed returns the partition of the cluster with a name or UUID; the transaction's own if ref is "".
func (s *Service) clusterNamed(tx *store.Tx, ref string) (string, error) {
	if ref == "" {
		return tx.Partition(), nil
	}
	names := statemachine.Partitions(tx)[1:]
	if slices.Contains(names, ref) {
		return ref, nil
	}
	for _, name := range names {
		if s.clusterUUID(tx.In(name)) == ref {
			return name, nil
		}
	}
	return "", &strict.Error{Path: "cluster", Detail: "there is no cluster " + ref, Valid: names}
}
