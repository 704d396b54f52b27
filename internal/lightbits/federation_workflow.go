package lightbits

import (
	"errors"
	"fmt"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
)

// Workflow is a workflow of the federation as the API answers it; all of them attach a cluster.
type Workflow struct {
	ID                   string                `json:"id"`
	CreatedAt            time.Time             `json:"createdAt"`
	StartedAt            time.Time             `json:"startedAt"`
	EndedAt              time.Time             `json:"endedAt"`
	Type                 string                `json:"type"`
	State                string                `json:"state"` // PENDING, RUNNING, COMPLETED or FAILED
	Msg                  string                `json:"msg"`
	Progress             *WorkflowProgress     `json:"progress"`
	AttachClusterRequest *attachClusterRequest `json:"attachClusterRequest"`
}

// WorkflowProgress is how far a workflow is.
type WorkflowProgress struct {
	Percent int32  `json:"percent"`
	Stage   string `json:"stage"`
}

// The states of a workflow's machine: the four that are shown, and the stages that are shown as RUNNING.
const (
	workflowPending   statemachine.State = "PENDING"
	workflowCompleted statemachine.State = "COMPLETED"
	workflowFailed    statemachine.State = "FAILED"

	stageConnect      statemachine.State = "connect"
	stageAuthenticate statemachine.State = "authenticate"
	stageFetch        statemachine.State = "fetch"
)

const (
	workflowRetention = 24 * time.Hour // facts/dms-lucidlink-lucidity.md 3.3
	keptWorkflows     = 100            // facts/lightbits.md 4.24
	maxWorkflowPage   = 250
)

// workflowMachine is the life of an attach: it connects, authenticates and fetches.
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
			{From: in(workflowPending), On: "connect", To: stageConnect, After: "start", Do: func(tx *store.Tx, r *row) error {
				r.Body.StartedAt = tx.Now
				return nil
			}},
			{From: in(stageConnect), On: "connected", To: stageAuthenticate, After: "connect", Do: s.workflowConnected, Unless: s.unlessNobodyThere},
			{From: in(stageAuthenticate), On: "authenticated", To: stageFetch, After: "authenticate", Unless: s.unlessNotLetIn,
				Do: func(_ *store.Tx, r *row) error {
					r.Body.Progress.Percent = 66
					return nil
				}},
			{From: in(stageFetch), On: "fetched", To: workflowCompleted, After: "fetch", Do: s.workflowFetched, Unless: s.unlessNotLetIn},
			{From: in(workflowPending, stageConnect, stageAuthenticate, stageFetch), On: "fail", To: workflowFailed, Do: s.workflowOver},
			{From: in(workflowCompleted, workflowFailed), On: "expire", To: statemachine.Gone},
		},
		Delays: map[string]statemachine.DelayDefault{
			"start": {Fast: "50ms", Realistic: "500ms"}, "connect": {Fast: "100ms", Realistic: "2s"},
			"authenticate": {Fast: "100ms", Realistic: "1s"}, "fetch": {Fast: "100ms", Realistic: "2s"},
		},
	})
}

// unlessNobodyThere: no cluster answers at the endpoint, or the federation has as many as it may.
func (s *Service) unlessNobodyThere(tx *store.Tx, r *statemachine.Row[Workflow]) statemachine.Event {
	endpoint := r.Body.AttachClusterRequest.APIEndpoint
	name := s.ClusterAt(tx, endpoint)
	if name == "" {
		return failWorkflow(r, "failed to connect to cluster",
			refusal.New(refusal.Unavailable, "connection error: desc = \"transport: Error while dialing: dial tcp %s: i/o timeout\"", endpoint))
	}
	others := 0
	for id := range federatedClusters.Scan(tx.In(""), "", "") {
		if id != s.clusterUUID(tx.In(name)) {
			others++
		}
	}
	if others >= maxFederated {
		return failWorkflow(r, "failed to attach cluster", refusal.New(refusal.FailedPrecondition, "a federation has at most %d clusters", maxFederated))
	}
	return ""
}

// unlessNotLetIn: the cluster does not have the federation's key. It stays listed, as Unauthorized.
func (s *Service) unlessNotLetIn(tx *store.Tx, r *statemachine.Row[Workflow]) statemachine.Event {
	if other := s.unlessNobodyThere(tx, r); other != "" {
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

// failWorkflow notes why the workflow fails, in the form of the published messages (facts/dms-lucidlink-lucidity.md 3.3).
func failWorkflow(r *statemachine.Row[Workflow], doing string, err error) statemachine.Event {
	kind := refusal.Internal
	if e := refusal.Of(err); e != nil {
		kind = e.Kind
	}
	r.Body.Msg = fmt.Sprintf("rpc error: code = %s desc = %s: rpc error: code = %s desc = %s, operation details: endpoint: %s",
		kind, doing, kind, err.Error(), r.Body.AttachClusterRequest.APIEndpoint)
	return "fail"
}

// workflowConnected: the federation knows the cluster from here on by its ID and its endpoint.
func (s *Service) workflowConnected(tx *store.Tx, r *statemachine.Row[Workflow]) error {
	r.Body.Progress.Percent = 33
	endpoint := r.Body.AttachClusterRequest.APIEndpoint
	name := s.ClusterAt(tx, endpoint)
	id := s.clusterUUID(tx.In(name))
	if federatedClusters.Has(tx.In(""), id) {
		return nil
	}
	return federatedClusters.Put(tx.In(""), &federated{Partition: name, Cluster: FederatedCluster{ID: id, Name: id, APIEndpoints: []string{endpoint}}})
}

func (s *Service) workflowFetched(tx *store.Tx, r *statemachine.Row[Workflow]) error {
	r.Body.Progress.Percent = 100
	if err := s.federate(tx, s.ClusterAt(tx, r.Body.AttachClusterRequest.APIEndpoint)); err != nil {
		return err
	}
	return s.workflowOver(tx, r)
}

// workflowOver ends a workflow, which is then kept for a day of the world's clock.
func (s *Service) workflowOver(tx *store.Tx, r *statemachine.Row[Workflow]) error {
	r.Body.EndedAt = tx.Now
	return s.workflows.After(tx, r, "expire", tx.Now.Add(workflowRetention))
}

// newWorkflow puts an attach into the world, and removes what no list shows any more.
func (s *Service) newWorkflow(tx *store.Tx, q *attachClusterRequest) (string, error) {
	id, _, err := s.workflowIDs.Next(tx)
	if err != nil {
		return "", err
	}
	var old []string
	n := 0
	for key, raw := range s.workflows.Table().Scan(tx, "", "") {
		state := statemachine.State(statemachine.Peek(raw).State)
		if n++; n >= keptWorkflows && (state == workflowCompleted || state == workflowFailed) {
			old = append(old, key)
		}
	}
	for _, key := range old {
		row, err := s.workflows.Get(tx, key)
		if err != nil {
			return "", err
		}
		if err := s.workflows.Remove(tx, &row); err != nil {
			return "", err
		}
	}
	_, err = s.workflows.Create(tx, Workflow{
		ID: id.String(), CreatedAt: tx.Now, Type: "attach cluster", Progress: &WorkflowProgress{}, AttachClusterRequest: q,
	}, workflowPending)
	return id.String(), err
}

type listWorkflowsRequest struct {
	PageSize      int32  `json:"pageSize"`
	NextPageToken []byte `json:"nextPageToken"`
}

type listWorkflowsResponse struct {
	Workflows     []*Workflow `json:"workflows"`
	NextPageToken []byte      `json:"nextPageToken"`
}

// listWorkflows: seeds/002 "List workflows". The newest first, the last 100 of all; 0 as the page size is the default.
func (s *Service) listWorkflows(tx *store.Tx, _ *api.Request, q *listWorkflowsRequest) (listWorkflowsResponse, error) {
	var answer listWorkflowsResponse
	size := int(q.PageSize)
	switch {
	case size < 0 || size > maxWorkflowPage:
		return answer, refusal.New(refusal.InvalidArgument, "pageSize %d must be 0 to %d; 0 is the default, %d", size, maxWorkflowPage, keptWorkflows)
	case size == 0:
		size = keptWorkflows
	}
	after, ok := timeuuid.AfterToken(q.NextPageToken)
	if !ok {
		return answer, refusal.New(refusal.InvalidArgument, "nextPageToken is not one that this API has answered")
	}
	root := tx.In("")
	seen := 0
	last := ""
	for key, row := range s.workflows.Table().All(root, "", "") {
		if seen++; seen > keptWorkflows {
			break
		}
		if key <= after {
			continue
		}
		if len(answer.Workflows) == size {
			answer.NextPageToken = timeuuid.PageToken(last)
			break
		}
		s.workflows.Observed(root, &row)
		answer.Workflows, last = append(answer.Workflows, &row.Body), key
	}
	return answer, nil
}

type getWorkflowRequest struct {
	WorkflowID string `json:"workflowId"`
}

type getWorkflowResponse struct {
	Workflow *Workflow `json:"workflow"`
}

// getWorkflow: seeds/002 "Get a specific workflow by its ID". The page has no 404; the engine behind it says NotFound.
func (s *Service) getWorkflow(tx *store.Tx, _ *api.Request, q *getWorkflowRequest) (getWorkflowResponse, error) {
	if err := checkID("workflowId", q.WorkflowID); err != nil {
		return getWorkflowResponse{}, err
	}
	row, err := s.workflows.Find(tx.In(""), q.WorkflowID)
	if errors.Is(err, store.ErrNotFound) {
		return getWorkflowResponse{}, refusal.New(refusal.NotFound, "workflow not found for ID: %s", q.WorkflowID)
	}
	if err != nil {
		return getWorkflowResponse{}, err
	}
	s.workflows.Observed(tx.In(""), &row)
	return getWorkflowResponse{Workflow: &row.Body}, nil
}
