package dms

import (
	"fmt"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// unlessClone returns prepare, the first stage of a clone, for a clone.
func unlessClone(_ *store.Tx, r *workflowRow) statemachine.Event {
	if r.Body.ThickCloneVolumeRequest != nil || r.Body.SnapshotCloneRequest != nil {
		return "prepare"
	}
	return ""
}

// unlessUnreachable returns fail if no cluster responds at the endpoint of an attach.
func (s *Service) unlessUnreachable(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		q := r.Body.AttachClusterRequest
		if q == nil || s.clusters.ClusterAt(tx, q.APIEndpoint) != "" {
			return "", nil
		}
		return "", s.noteUnreachable(tx, run, q)
	})
}

// noteUnreachable notes that no cluster responds at the endpoint of an attach, and where the clusters of the world are.
func (s *Service) noteUnreachable(tx *store.Tx, run *run, q *attachClusterRequest) error {
	about := "endpoint: " + q.APIEndpoint
	if there := s.clusters.APIEndpoints(tx); len(there) > 0 {
		about += "; the clusters of this world have the endpoints " + strings.Join(there, ", ")
	}
	return run.noteFailure(unreachable([]string{q.APIEndpoint}), refusal.Unavailable,
		"failed to connect to cluster", about)
}

// connected adds the cluster of an attach to the attached clusters, with its ID and the requested endpoint only
// (assumption 124).
func (s *Service) connected(tx *store.Tx, r *workflowRow) error {
	r.Body.Progress.Percent = 33
	q := r.Body.AttachClusterRequest
	if q == nil {
		return nil
	}
	partition := s.clusters.ClusterAt(tx, q.APIEndpoint)
	facts, err := s.clusters.Facts(tx.In(partition))
	if err != nil || clusterTable.Has(tx, facts.UUID) {
		return err
	}
	err = s.updateRun(tx, r, func(run *run) error {
		run.Added = facts.UUID
		return nil
	})
	if err != nil {
		return err
	}
	return clusterTable.Put(tx, &attachedCluster{Partition: partition, Cluster: Cluster{
		ID: facts.UUID, Name: facts.UUID, APIEndpoints: []string{q.APIEndpoint},
	}})
}

// clustersOf returns the cluster of an attach, or all clusters for a refresh.
func (s *Service) clustersOf(tx *store.Tx, w *Workflow) []attachedCluster {
	var list []attachedCluster
	partition := ""
	if q := w.AttachClusterRequest; q != nil {
		if partition = s.clusters.ClusterAt(tx, q.APIEndpoint); partition == "" {
			return nil
		}
	}
	for _, c := range clusterTable.All(tx, "", "") {
		if partition == "" || c.Partition == partition {
			list = append(list, c)
		}
	}
	return list
}

// unlessUnauthorized returns fail if the cluster of an attach does not have the service's key. The cluster stays listed
// as Unauthorized. A refresh continues with its other clusters.
func (s *Service) unlessUnauthorized(tx *store.Tx, r *workflowRow) statemachine.Event {
	if r.Body.AttachClusterRequest == nil {
		return ""
	}
	return s.unlessIncomplete(tx, r)
}

// unlessIncomplete returns fail if the service cannot use one of the clusters. The message names the reason for each.
func (s *Service) unlessIncomplete(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		list := s.clustersOf(tx, &r.Body)
		if q := r.Body.AttachClusterRequest; q != nil && len(list) == 0 {
			return "", s.noteUnreachable(tx, run, q)
		}
		for i := range list {
			c := &list[i]
			err := s.access(tx, c)
			if err == nil {
				continue
			}
			kind, doing := refusal.Unavailable, "failed to fetch cluster information"
			if refusal.Is(err, refusal.Unauthenticated) {
				kind, doing = refusal.Unauthenticated, "failed to authenticate with cluster"
			}
			previous := run.Failure
			if err := run.noteFailure(err, kind, doing, fmt.Sprintf("{cluster: %s}", c.Cluster.ID)); err != nil {
				return "", err
			}
			if previous != "" {
				run.Failure = previous + "; " + run.Failure
			}
		}
		return "", nil
	})
}

// refreshOthers stores the descriptions of the clusters that respond, when a refresh fails because of another cluster
// (assumption 137).
func (s *Service) refreshOthers(tx *store.Tx, r *workflowRow) error {
	for _, c := range s.clustersOf(tx, &r.Body) {
		if s.access(tx, &c) != nil {
			continue
		}
		if err := s.storeFacts(tx, &c); err != nil {
			return err
		}
	}
	return nil
}

// fetched stores the clusters' descriptions and completes the workflow.
func (s *Service) fetched(tx *store.Tx, r *workflowRow) error {
	for _, c := range s.clustersOf(tx, &r.Body) {
		if err := s.storeFacts(tx, &c); err != nil {
			return err
		}
	}
	return s.completed(tx, r)
}

// storeFacts updates an attached cluster with its present description.
func (s *Service) storeFacts(tx *store.Tx, c *attachedCluster) error {
	facts, err := s.clusters.Facts(c.in(tx))
	if err != nil {
		return err
	}
	c.Cluster = Cluster{
		ID: facts.UUID, Name: facts.Name, Version: facts.Version, SubsystemNQN: facts.SubsystemNQN,
		APIEndpoints: facts.APIEndpoints, DiscoveryEndpoints: facts.DiscoveryEndpoints,
	}
	return clusterTable.Put(tx, c)
}
