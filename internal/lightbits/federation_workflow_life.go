package lightbits

import (
	"fmt"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
)

// The states of a workflow's machine. The API shows the stages as RUNNING.
const (
	workflowPending   statemachine.State = "PENDING"
	workflowCompleted statemachine.State = "COMPLETED"
	workflowFailed    statemachine.State = "FAILED"

	stageConnect      statemachine.State = "connect"
	stageAuthenticate statemachine.State = "authenticate"
	stageFetch        statemachine.State = "fetch"
)

const (
	keptWorkflows   = 100 // facts/lightbits.md 4.24
	maxWorkflowPage = 250
)

// workflowMachine is the life cycle of an attach: it connects, authenticates and fetches the facts of the cluster.
func (s *Service) workflowMachine() *statemachine.Machine[Workflow] {
	type row = statemachine.Row[Workflow]
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[Workflow]{
		Kind: "lightbits.workflow", Initial: in(workflowPending), Zero: zero,
		Key: func(w *Workflow) string { return timeuuid.Key(w.ID) }, ID: func(w *Workflow) string { return w.ID },
		Mirror: func(w *Workflow, l statemachine.Life) {
			switch w.State = string(l.State); l.State {
			case stageConnect, stageAuthenticate, stageFetch:
				w.State, w.Progress.Stage = "RUNNING", string(l.State)
			default:
			}
		},
		Rules: []statemachine.Rule[Workflow]{
			{From: in(workflowPending), On: "connect", To: stageConnect, After: "start",
				Do: func(tx *store.Tx, r *row) error {
					r.Body.StartedAt = tx.Now
					return nil
				}},
			{From: in(stageConnect), On: "connected", To: stageAuthenticate, After: "connect", Do: s.workflowConnected,
				Unless: s.unlessUnreachable},
			{From: in(stageAuthenticate), On: "authenticated", To: stageFetch, After: "authenticate",
				Unless: s.unlessUnauthorized,
				Do: func(_ *store.Tx, r *row) error {
					r.Body.Progress.Percent = 66
					return nil
				}},
			{From: in(stageFetch), On: "fetched", To: workflowCompleted, After: "fetch", Do: s.workflowFetched,
				Unless: s.unlessUnauthorized},
			{From: in(workflowPending, stageConnect, stageAuthenticate, stageFetch), On: "fail", To: workflowFailed,
				Do: s.workflowOver},
			{From: in(workflowCompleted, workflowFailed), On: "expire", To: statemachine.Gone}, // of earlier data
		},
		Delays: map[string]statemachine.DelayDefault{
			"start": {Fast: "50ms", Realistic: "500ms"}, "connect": {Fast: "100ms", Realistic: "2s"},
			"authenticate": {Fast: "100ms", Realistic: "1s"}, "fetch": {Fast: "100ms", Realistic: "2s"},
		},
	})
}

// unlessUnreachable fails a workflow if no cluster can be reached at the endpoint, or if the federation has
// maxFederated other clusters.
func (s *Service) unlessUnreachable(tx *store.Tx, r *statemachine.Row[Workflow]) statemachine.Event {
	endpoint := r.Body.AttachClusterRequest.APIEndpoint
	name := s.ClusterAt(tx, endpoint)
	if name == "" {
		return failWorkflow(r, "failed to connect to cluster",
			refusal.New(refusal.Unavailable,
				"connection error: desc = \"transport: Error while dialing: dial tcp %s: i/o timeout\"", endpoint))
	}
	others := 0
	for id := range federatedClusters.Scan(tx.In(""), "", "") {
		if id != s.clusterUUID(tx.In(name)) {
			others++
		}
	}
	if others >= maxFederated {
		return failWorkflow(r, "failed to attach cluster", refusal.New(refusal.FailedPrecondition,
			"a federation has at most %d clusters", maxFederated))
	}
	return ""
}

// unlessUnauthorized fails a workflow if the cluster does not have the federation's key. The cluster stays listed as
// Unauthorized.
func (s *Service) unlessUnauthorized(tx *store.Tx, r *statemachine.Row[Workflow]) statemachine.Event {
	if other := s.unlessUnreachable(tx, r); other != "" {
		return other
	}
	own, err := s.federationCredentials(tx)
	if err == nil {
		_, err = s.federationAccess(tx.In(s.ClusterAt(tx, r.Body.AttachClusterRequest.APIEndpoint)), own)
	}
	if err != nil {
		return failWorkflow(r, "failed to authenticate with cluster", err)
	}
	return ""
}

// failWorkflow stores why the workflow fails, in the form of the published messages (facts/dms-lucidlink-lucidity.md
// 3.3).
func failWorkflow(r *statemachine.Row[Workflow], doing string, err error) statemachine.Event {
	kind := refusal.Internal
	if e := refusal.Of(err); e != nil {
		kind = e.Kind
	}
	r.Body.Msg = fmt.Sprintf(
		"rpc error: code = %s desc = %s: rpc error: code = %s desc = %s, operation details: endpoint: %s",
		kind, doing, kind, err.Error(), r.Body.AttachClusterRequest.APIEndpoint)
	return "fail"
}

// workflowConnected adds the cluster to the federation with its ID and endpoint.
func (s *Service) workflowConnected(tx *store.Tx, r *statemachine.Row[Workflow]) error {
	r.Body.Progress.Percent = 33
	endpoint := r.Body.AttachClusterRequest.APIEndpoint
	name := s.ClusterAt(tx, endpoint)
	id := s.clusterUUID(tx.In(name))
	if federatedClusters.Has(tx.In(""), id) {
		return nil
	}
	return federatedClusters.Put(tx.In(""), &federated{Partition: name, Cluster: FederatedCluster{ID: id, Name: id,
		APIEndpoints: []string{endpoint}}})
}

func (s *Service) workflowFetched(tx *store.Tx, r *statemachine.Row[Workflow]) error {
	r.Body.Progress.Percent = 100
	if err := s.federate(tx, s.ClusterAt(tx, r.Body.AttachClusterRequest.APIEndpoint)); err != nil {
		return err
	}
	return s.workflowOver(tx, r)
}

// workflowOver ends a workflow. It stays until it is not one of "the last 100 workflows" any more (seeds/002 "List the
// running and completed workflows").
func (s *Service) workflowOver(tx *store.Tx, r *statemachine.Row[Workflow]) error {
	r.Body.EndedAt = tx.Now
	return nil
}
