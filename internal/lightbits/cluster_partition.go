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

// outage says that a cluster cannot be reached from outside: it goes on working, but its API and its NVMe endpoints
// answer nobody. A cluster that is reachable has no row.
type outage struct{}

const outageKey = "outage"

var outages = store.NewTable("lightbits.outage", func(*outage) string { return outageKey }, store.JSON[outage]())

// cutOff says whether the transaction's cluster is unreachable.
func cutOff(tx *store.Tx) bool { return cutOffs.Of(tx) }

var cutOffs = store.NewMemo(func(tx *store.Tx) bool { return outages.Has(tx, outageKey) })

// unreachable refuses every operation of a cluster that is cut off, as a proxy in front of it does (assumption 139).
func unreachable(tx *store.Tx) error {
	if !cutOff(tx) {
		return nil
	}
	return refusal.New(refusal.Unavailable, "the management API of the cluster is unreachable").
		Because(CutOff{Cluster: tx.Partition(), Action: "lightbits/partition-cluster"})
}

type partitionParams struct {
	Cluster     string `json:"cluster" doc:"name or UUID; the request's cluster where it is left out"`
	Unreachable *bool  `json:"unreachable" doc:"whether the cluster is cut off from everybody; true where it is left out"`
}

// partitioned is what partition-cluster answers.
type partitioned struct {
	Cluster     string `json:"cluster"`
	UUID        string `json:"UUID"`
	Unreachable bool   `json:"unreachable"`
}

func (s *Service) partitionClusterAction() api.Action {
	return api.Do(vendor, "partition-cluster", "the network between a cluster and everybody else breaks, or is mended", s.partitionCluster)
}

// partitionCluster: NotFound for a cluster that the world does not have. Doing it again changes nothing.
func (s *Service) partitionCluster(tx *store.Tx, p *partitionParams) (any, error) {
	name, err := s.clusterNamed(tx, p.Cluster)
	if err != nil {
		return nil, err
	}
	tx = tx.In(name)
	off := p.Unreachable == nil || *p.Unreachable
	answer := partitioned{Cluster: name, UUID: s.clusterUUID(tx), Unreachable: off}
	if off == cutOff(tx) {
		return answer, nil
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
	return answer, s.logEvent(tx, kind, events.AboutCluster(c.UUID, c.Name))
}

// clusterNamed answers the partition of the cluster with that name or UUID; "" is the transaction's own.
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
