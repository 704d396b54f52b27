package dms

import (
	"fmt"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// unlessClone sends a workflow that starts the way of its type.
func unlessClone(_ *store.Tx, r *workflowRow) statemachine.Event {
	if r.Body.ThickCloneVolumeRequest != nil || r.Body.SnapshotCloneRequest != nil {
		return "prepare"
	}
	return ""
}

// unlessUnreachable: nobody answers at the endpoint of an attach.
func (s *Service) unlessUnreachable(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		q := r.Body.AttachClusterRequest
		if q == nil || s.clusters.ClusterAt(tx, q.APIEndpoint) != "" {
			return "", nil
		}
		return "", run.fail(unreachable([]string{q.APIEndpoint}), refusal.Unavailable, "failed to connect to cluster", "endpoint: "+q.APIEndpoint)
	})
}

// connected: the service knows the cluster from here on by its ID and by the endpoint it was given (assumption 124).
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
	err = s.with(tx, r, func(run *run) error {
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

// concerned lists the clusters that an attach or a refresh is about.
func (s *Service) concerned(tx *store.Tx, w *Workflow) []attachedCluster {
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

// unlessUnauthorized: the cluster that is to be attached does not have the service's key. It stays listed, as
// Unauthorized. A refresh goes on with the others.
func (s *Service) unlessUnauthorized(tx *store.Tx, r *workflowRow) statemachine.Event {
	if r.Body.AttachClusterRequest == nil {
		return ""
	}
	return s.unlessIncomplete(tx, r)
}

// unlessIncomplete: some of the clusters cannot be asked; the message says of each why.
func (s *Service) unlessIncomplete(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		list := s.concerned(tx, &r.Body)
		if q := r.Body.AttachClusterRequest; q != nil && len(list) == 0 {
			return "", run.fail(unreachable([]string{q.APIEndpoint}), refusal.Unavailable, "failed to connect to cluster", "endpoint: "+q.APIEndpoint)
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
			others := run.Failure
			if err := run.fail(err, kind, doing, fmt.Sprintf("{cluster: %s}", c.Cluster.ID)); err != nil {
				return "", err
			}
			if others != "" {
				run.Failure = others + "; " + run.Failure
			}
		}
		return "", nil
	})
}

// refreshOthers keeps what those clusters say of themselves that can be asked, when a refresh fails because of another
// (assumption 137).
func (s *Service) refreshOthers(tx *store.Tx, r *workflowRow) error {
	for _, c := range s.concerned(tx, &r.Body) {
		if s.access(tx, &c) != nil {
			continue
		}
		if err := s.remember(tx, &c); err != nil {
			return err
		}
	}
	return nil
}

// fetched keeps what the cluster says of itself.
func (s *Service) fetched(tx *store.Tx, r *workflowRow) error {
	for _, c := range s.concerned(tx, &r.Body) {
		if err := s.remember(tx, &c); err != nil {
			return err
		}
	}
	return s.completed(tx, r)
}

func (s *Service) remember(tx *store.Tx, c *attachedCluster) error {
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
