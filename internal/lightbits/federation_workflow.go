package lightbits

import (
	"errors"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
)

// Workflow is a workflow of the federation as the API returns it. Every workflow attaches a cluster.
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

// WorkflowProgress is the progress of a workflow.
type WorkflowProgress struct {
	Percent int32  `json:"percent"`
	Stage   string `json:"stage"`
}

// newWorkflow creates the workflow of an attach and deletes ended workflows that lists no longer show.
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
		ID: id.String(), CreatedAt: tx.Now, Type: "attach cluster", Progress: &WorkflowProgress{},
		AttachClusterRequest: q,
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

// listWorkflows: seeds/002 "List workflows". The newest come first, and at most the last 100. The page size 0 is the
// default.
func (s *Service) listWorkflows(tx *store.Tx, _ *api.Request, q *listWorkflowsRequest) (listWorkflowsResponse, error) {
	var response listWorkflowsResponse
	size := int(q.PageSize)
	switch {
	case size < 0 || size > maxWorkflowPage:
		return response, refusal.New(refusal.InvalidArgument, "pageSize %d must be 0 to %d; 0 is the default, %d", size,
			maxWorkflowPage, keptWorkflows)
	case size == 0:
		size = keptWorkflows
	}
	after, ok := timeuuid.AfterToken(q.NextPageToken)
	if !ok {
		return response, refusal.New(refusal.InvalidArgument, "nextPageToken is not a token that this API returned")
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
		if len(response.Workflows) == size {
			response.NextPageToken = timeuuid.PageToken(last)
			break
		}
		s.workflows.Observed(root, &row)
		response.Workflows, last = append(response.Workflows, &row.Body), key
	}
	return response, nil
}

type getWorkflowRequest struct {
	WorkflowID string `json:"workflowId"`
}

type getWorkflowResponse struct {
	Workflow *Workflow `json:"workflow"`
}

// getWorkflow: seeds/002 "Get a specific workflow by its ID". The page has no 404; the engine of the product returns
// NotFound.
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
