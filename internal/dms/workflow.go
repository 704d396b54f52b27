package dms

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
)

// workflowOperations returns the operations on workflows. An unknown one is 404 without being documented (assumption
// 135).
func (s *Service) workflowOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListWorkflows", Method: http.MethodGet, Path: "/api/v1/workflows", Statuses: []int{200, 400, 401, 500},
			Needs: token, Endpoint: api.HandleAs[workflowList](s.listWorkflows)},
		{Name: "GetWorkflow", Method: http.MethodGet, Path: "/api/v1/workflows/{workflowId}",
			Statuses: []int{200, 400, 401, 500}, FromState: []int{404}, Needs: token,
			Endpoint: api.HandleAs[getWorkflowResponse](s.getWorkflow)},
		{Name: "CancelWorkflow", Method: http.MethodPost, Path: "/api/v1/workflows/{workflowId}/cancel",
			Statuses: []int{200, 400, 401, 500}, FromState: []int{404}, Needs: token,
			Endpoint: api.Handle(s.cancelWorkflow)},
	}
}

// Workflow is a workflow as the API shows it (facts/dms-lucidlink-lucidity.md 3.2). A time is null until it is reached.
// At most one of the three requests is set; a refresh has none.
type Workflow struct {
	ID                      string                   `json:"id"`
	CreatedAt               time.Time                `json:"createdAt"`
	StartedAt               time.Time                `json:"startedAt"`
	EndedAt                 time.Time                `json:"endedAt"`
	Type                    WorkflowType             `json:"type"`
	State                   WorkflowState            `json:"state"`
	Msg                     string                   `json:"msg"`
	Progress                *Progress                `json:"progress"`
	ThickCloneVolumeRequest *thickCloneVolumeRequest `json:"thickCloneVolumeRequest,oneof"`
	SnapshotCloneRequest    *snapshotCloneRequest    `json:"snapshotCloneRequest,oneof"`
	AttachClusterRequest    *attachClusterRequest    `json:"attachClusterRequest,oneof"`
	Details                 json.RawMessage          `json:"details"` // always null (assumption 136)
}

// Progress is the progress of a workflow: whole percent, and its present or last stage.
type Progress struct {
	Percent int32  `json:"percent"`
	Stage   string `json:"stage"`
}

// WorkflowType is the kind of work of a workflow, in the words of seeds/003 (assumption 120).
type WorkflowType string

// The types.
const (
	TypeAttachCluster      WorkflowType = "attach cluster"
	TypeRefreshClusters    WorkflowType = "refresh clusters"
	TypeThickCloneVolume   WorkflowType = "thick clone volume"
	TypeThickCloneSnapshot WorkflowType = "thick clone snapshot"
)

// WorkflowState is the state of a workflow in the API, spelled as Temporal does (facts/dms-lucidlink-lucidity.md 3.3).
type WorkflowState string

// The states. A running workflow also has a stage.
const (
	WorkflowPending   WorkflowState = "PENDING"
	WorkflowRunning   WorkflowState = "RUNNING"
	WorkflowCompleted WorkflowState = "COMPLETED"
	WorkflowFailed    WorkflowState = "FAILED"
	WorkflowCanceled  WorkflowState = "CANCELED"
)

// ended reports whether the state of the machine is a final one.
func ended(state statemachine.State) bool {
	switch WorkflowState(state) {
	case WorkflowCompleted, WorkflowFailed, WorkflowCanceled:
		return true
	default:
		return false
	}
}

// workflowKey returns a key that sorts the newest workflow first.
func workflowKey(w *Workflow) string { return timeuuid.Key(w.ID) }

const (
	keptWorkflows   = 100 // facts/dms-lucidlink-lucidity.md 3.3
	defaultPageSize = 100
	maxPageSize     = 250
)

// workflowList is the type of the response that listWorkflows joins from stored bytes.
type workflowList struct {
	Workflows     []*Workflow `json:"workflows"`
	NextPageToken []byte      `json:"nextPageToken"`
}

type listWorkflowsRequest struct {
	PageSize      int32  `json:"pageSize,snake"`
	NextPageToken []byte `json:"nextPageToken,snake"`
}

// listWorkflows implements seeds/003 "List workflows". It returns the newest 100 workflows, the newest first. The page
// size 0 means the default (assumption 134). A page token continues after the last workflow of its page, even if that
// workflow no longer exists.
func (s *Service) listWorkflows(tx *store.Tx, _ *api.Request, q *listWorkflowsRequest) (api.JSON, error) {
	size := int(q.PageSize)
	switch {
	case size < 0 || size > maxPageSize:
		return nil, refusal.New(refusal.InvalidArgument,
			"pageSize %d must be 0 to %d; 0 means the default of %d", size, maxPageSize, defaultPageSize)
	case size == 0:
		size = defaultPageSize
	}
	after, ok := timeuuid.AfterToken(q.NextPageToken)
	if !ok {
		return nil, refusal.New(refusal.InvalidArgument, "nextPageToken was not returned by this service")
	}
	answer := []byte(`{"workflows":[`)
	shown, seen := 0, 0
	var last, next string
	for key, raw := range s.workflows.Table().Scan(tx, "", "") {
		if seen++; seen > keptWorkflows {
			break
		}
		if key <= after {
			continue
		}
		if shown == size {
			next = last
			break
		}
		row := statemachine.Peek(raw)
		s.workflows.ObservedStored(tx, key, row.State)
		if shown > 0 {
			answer = append(answer, ',')
		}
		answer = append(answer, row.Body...)
		shown, last = shown+1, key
	}
	rest, err := json.Marshal(timeuuid.PageToken(next))
	return append(append(append(answer, `],"nextPageToken":`...), rest...), '}'), err
}

// getWorkflowResponse is the type of the response that getWorkflow makes from stored bytes.
type getWorkflowResponse struct {
	Workflow *Workflow `json:"workflow"`
}

type getWorkflowRequest struct {
	WorkflowID string `json:"workflowId"`
}

// getWorkflow implements seeds/003 "Get a specific workflow by its ID".
func (s *Service) getWorkflow(tx *store.Tx, _ *api.Request, q *getWorkflowRequest) (api.JSON, error) {
	row, err := s.findWorkflow(tx, q.WorkflowID)
	if err != nil {
		return nil, err
	}
	s.workflows.Observed(tx, &row)
	raw, _ := s.workflows.Table().Raw(tx, workflowKey(&row.Body))
	return append(append([]byte(`{"workflow":`), statemachine.Peek(raw).Body...), '}'), nil
}

// findWorkflow returns the workflow with the ID. It refuses with NotFound if there is none: the page documents no
// status for that, and the product's workflow engine returns NotFound (assumption 135).
func (s *Service) findWorkflow(tx *store.Tx, id string) (statemachine.Row[Workflow], error) {
	if err := checkUUID("workflowId", &id); err != nil {
		return statemachine.Row[Workflow]{}, err
	}
	row, err := s.workflows.Find(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "workflow not found for ID: %s", id)
	}
	return row, err
}

// checkUUID refuses a text that is not a UUID of 36 characters, and converts it to lower case: RFC 9562 compares UUIDs
// without regard to case.
func checkUUID(member string, text *string) error {
	id, err := uuid.Parse(*text)
	if err != nil || len(*text) != 36 {
		return refusal.New(refusal.InvalidArgument, "%s: %q is not a valid UUID", member, *text)
	}
	*text = id.String()
	return nil
}

type cancelWorkflowRequest struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId,snake"`
}

// cancelWorkflow implements seeds/003 "Cancel a workflow by its ID". It only requests the cancellation: the workflow
// ends a little later, and a workflow in its last stage completes. It refuses with NotFound if the workflow has ended
// (assumption 130).
func (s *Service) cancelWorkflow(tx *store.Tx, _ *api.Request, q *cancelWorkflowRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.workflowOf(tx, q)
	if err != nil {
		return none, err
	}
	if err := s.workflows.Refuse("CancelWorkflow", &row); err != nil {
		return none, err
	}
	if !cancelable(row.Life.State) {
		return none, nil
	}
	return none, s.workflows.Fire(tx, &row, "cancel")
}

// workflowOf returns the workflow that a cancellation names: by its ID in the path, or by runId, which the page calls
// "The ID of the workflow" too, so that both the workflow's ID and the ID of its run are accepted. If both are given
// they must name the same workflow (assumption 126).
func (s *Service) workflowOf(tx *store.Tx, q *cancelWorkflowRequest) (statemachine.Row[Workflow], error) {
	if q.RunID == "" {
		return s.findWorkflow(tx, q.WorkflowID)
	}
	if err := checkUUID("runId", &q.RunID); err != nil {
		return statemachine.Row[Workflow]{}, err
	}
	named := q.RunID
	for _, run := range runs.By(tx, runsByID, q.RunID) {
		named = run.WorkflowID
	}
	if q.WorkflowID == "" {
		row, err := s.findWorkflow(tx, named)
		if refusal.Is(err, refusal.NotFound) {
			err = refusal.New(refusal.NotFound, "workflow not found for run ID: %s", q.RunID)
		}
		return row, err
	}
	row, err := s.findWorkflow(tx, q.WorkflowID)
	if err == nil && named != row.Body.ID {
		err = refusal.New(refusal.InvalidArgument,
			"runId: %s is not the run of workflow %s; leave runId out, or give the ID of the workflow", q.RunID,
			row.Body.ID)
	}
	return row, err
}

// newWorkflow creates a workflow in the state PENDING and returns its ID. It removes workflows beyond the number that
// is kept.
func (s *Service) newWorkflow(tx *store.Tx, w Workflow, r run) (string, error) {
	id, _, err := s.ids.Next(tx)
	if err != nil {
		return "", err
	}
	if err := s.forgetOldest(tx); err != nil {
		return "", err
	}
	w.ID, w.CreatedAt, w.Progress = id.String(), tx.Now, &Progress{}
	r.WorkflowID, r.RunID = w.ID, runID(&w)
	if err := runs.Insert(tx, &r); err != nil {
		return "", err
	}
	_, err = s.workflows.Create(tx, w, statemachine.State(WorkflowPending))
	return w.ID, err
}

// forgetOldest removes the ended workflows that no list shows once one more workflow is created.
func (s *Service) forgetOldest(tx *store.Tx) error {
	var old []string
	n := 0
	for key, raw := range s.workflows.Table().Scan(tx, "", "") {
		if n++; n >= keptWorkflows && ended(statemachine.State(statemachine.Peek(raw).State)) {
			old = append(old, key)
		}
	}
	for _, key := range old {
		row, err := s.workflows.Get(tx, key)
		if err != nil {
			return err
		}
		if err := runs.Delete(tx, row.Body.ID); err != nil {
			return err
		}
		if err := s.workflows.Remove(tx, &row); err != nil {
			return err
		}
	}
	return nil
}

// runningObserved records that the running workflows refuse a request.
func (s *Service) runningObserved(tx *store.Tx) {
	for key, raw := range s.workflows.Table().Scan(tx, "", "") {
		s.workflows.ObservedStored(tx, key, statemachine.Peek(raw).State)
	}
}

// running returns the ids of the workflows of all types that have not ended (assumption 127).
func (s *Service) running(tx *store.Tx) []string {
	var ids []string
	for _, row := range s.workflows.Table().All(tx, "", "") {
		if !ended(row.Life.State) {
			ids = append(ids, row.Body.ID)
		}
	}
	return ids
}
