package dms

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// The stages of a running workflow. An attach and a refresh connect, authenticate and fetch. A clone prepares the
// destination, copies, verifies if requested, and finishes. The names are ours (assumption 120).
const (
	stageConnect      statemachine.State = "connect"
	stageAuthenticate statemachine.State = "authenticate"
	stageFetch        statemachine.State = "fetch"
	stagePrepare      statemachine.State = "prepare"
	stageCopy         statemachine.State = "copy"
	stageVerify       statemachine.State = "verify"
	stageFinish       statemachine.State = "finish"
	stageCancel       statemachine.State = "cancel"
)

type workflowRow = statemachine.Row[Workflow]

// workflowMachine is the machine of a workflow. The rule that ends a stage checks in Unless whether the workflow can go
// on, and names the event that happens instead: fail, wait, or the start of another stage. Do performs what the check
// has accepted and does not repeat the check. A stage that waits for a cluster polls it at growing intervals.
func (s *Service) workflowMachine() *statemachine.Machine[Workflow] {
	const (
		pending, completed = statemachine.State(WorkflowPending), statemachine.State(WorkflowCompleted)
		failed, canceled   = statemachine.State(WorkflowFailed), statemachine.State(WorkflowCanceled)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	ends := in(completed, failed, canceled)
	return statemachine.Define(statemachine.Machine[Workflow]{
		Kind: "dms.workflow", Initial: in(pending), Zero: zero, Mirror: mirrorWorkflow,
		Key: workflowKey, ID: func(w *Workflow) string { return w.ID }, Name: runID,
		Rules: []statemachine.Rule[Workflow]{
			{From: in(pending), On: "connect", To: stageConnect, After: "start", Do: started, Unless: unlessClone},
			{
				From: in(stageConnect), On: "connected", To: stageAuthenticate, After: "connect",
				Do: s.connected, Unless: s.unlessUnreachable,
			},
			{
				From: in(stageAuthenticate), On: "authenticated", To: stageFetch, After: "authenticate",
				Do: percent(66), Unless: s.unlessUnauthorized,
			},
			{
				From: in(stageFetch), On: "fetched", To: completed, After: "fetch",
				Do: s.fetched, Unless: s.unlessIncomplete,
			},

			{From: in(pending), On: "prepare", To: stagePrepare, Do: s.prepare},
			{
				From: in(stagePrepare), On: "prepared", To: stageCopy, After: "prepare",
				Units: pollInterval, Do: s.prepared, Unless: s.unlessUnprepared,
			},
			{From: in(stagePrepare), On: "wait", To: stagePrepare, Do: s.countWait},
			{
				From: in(stageCopy), On: "copied", To: stageCopy, After: "clone",
				Units: s.copySeconds, Do: s.copied, Unless: s.unlessCopied,
			},
			{From: in(stageCopy), On: "verify", To: stageVerify, Do: s.copied},
			{
				From: in(stageVerify), On: "verified", To: stageVerify, After: "verify",
				Units: s.copySeconds, Do: s.verified, Unless: s.unlessVerified,
			},
			{From: in(stageCopy), On: "finish", To: stageFinish, Do: both(s.copied, s.finish)},
			{From: in(stageVerify), On: "finish", To: stageFinish, Do: both(s.verified, s.finish)},
			{From: in(stageFinish), On: "wait", To: stageFinish, Do: s.waitToFinish},
			{
				From: in(stageFinish), On: "finished", To: completed, After: "finish",
				Units: pollInterval, Do: s.completed, Unless: s.unlessUnfinished,
			},

			{From: cancelableStates[:], On: "cancel", To: stageCancel},
			{From: in(stageCancel), On: "canceled", To: canceled, After: "cancel", Do: s.canceled},
			{
				From: append(in(stageFetch, stageFinish, stageCancel), cancelableStates[:]...), On: "fail", To: failed,
				Do: s.failed,
			},
			{From: ends, On: "expire", To: statemachine.Gone, Do: s.expired},
		},
		Guards: []statemachine.Guard{{
			Operation: "CancelWorkflow", In: ends, Kind: refusal.NotFound,
			Message: "workflow execution already completed: {id} is {state}",
		}},
		Delays: map[string]statemachine.DelayDefault{
			"start": {Fast: "50ms", Realistic: "500ms"}, "connect": {Fast: "100ms", Realistic: "2s"},
			"authenticate": {Fast: "100ms", Realistic: "1s"}, "fetch": {Fast: "100ms", Realistic: "2s"},
			"prepare": {Fast: "100ms", Realistic: "2s"}, "finish": {Fast: "100ms", Realistic: "2s"},
			// For each second that the service needs at its copyRate and at the rates of the destination's QoS policy.
			"clone": {Fast: "1s", Realistic: "1s"}, "verify": {Fast: "1s", Realistic: "1s"},
			"cancel": {Fast: "100ms", Realistic: "2s"},
		},
	})
}

// cancelableStates are the states in which a cancellation takes effect: all except the last stages.
var cancelableStates = [...]statemachine.State{
	statemachine.State(WorkflowPending), stageConnect, stageAuthenticate, stagePrepare, stageCopy, stageVerify,
}

func cancelable(state statemachine.State) bool { return slices.Contains(cancelableStates[:], state) }

// mirrorWorkflow sets the state RUNNING for every stage. An ended workflow keeps its last stage.
func mirrorWorkflow(w *Workflow, l statemachine.Life) {
	if w.Progress == nil {
		w.Progress = &Progress{}
	}
	if w.State = WorkflowState(l.State); w.State == WorkflowPending || ended(l.State) {
		return
	}
	w.State, w.Progress.Stage = WorkflowRunning, string(l.State)
}

// run is the part of a workflow that no response shows.
type run struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"` // the workflow engine's ID
	Failure    string `json:"failure,omitempty"`
	Waits      int    `json:"waits,omitempty"` // how often it has polled a cluster without success
	Added      string `json:"added,omitempty"` // ID of the cluster that an attach has added

	Clone *clone `json:"clone,omitempty"`
}

// runID is the workflow engine's ID of a workflow's run. Only the control API shows it, as the name.
func runID(w *Workflow) string {
	id, err := uuid.Parse(w.ID)
	if err != nil {
		return ""
	}
	return uuid.NewHash(sha256.New(), id, []byte("run"), 4).String()
}

const runsByID = "run"

var runs = store.NewTable("dms.run", func(r *run) string { return r.WorkflowID }, store.JSON[run](), store.Index[run]{
	Name: runsByID, Unique: true, Keys: func(r *run) []string { return []string{r.RunID} },
})

// noteFailure records a refusal as the reason for which the workflow fails when its stage ends, and returns nil. The
// message has the published form (facts/dms-lucidlink-lucidity.md 3.3 "Sync 400 versus async FAILED"): what the service
// could not do, the cluster's refusal, and the objects involved. An error that is not a refusal is a fault of the
// simulator; noteFailure returns it unchanged.
func (r *run) noteFailure(err error, outer refusal.Kind, doing, about string) error {
	e := refusal.Of(err)
	if e == nil {
		return err
	}
	r.Failure = fmt.Sprintf("rpc error: code = %s desc = %s: rpc error: code = %s desc = %s, operation details: %s",
		outer, doing, e.Kind, e.Message, about)
	return nil
}

// updateRun calls fn with the run of the workflow and stores the run.
func (s *Service) updateRun(tx *store.Tx, r *workflowRow, fn func(run *run) error) error {
	one, err := runs.Get(tx, r.Body.ID)
	if err != nil {
		return err
	}
	if err := fn(&one); err != nil {
		return err
	}
	return runs.Put(tx, &one)
}

// check reports whether the workflow's stage may end: it returns the event that happens instead, or "". It returns fail
// if a failure is noted, or if fn notes one.
func (s *Service) check(
	tx *store.Tx, r *workflowRow, fn func(run *run) (statemachine.Event, error),
) statemachine.Event {
	one, err := runs.Get(tx, r.Body.ID)
	if err == nil && one.Failure == "" {
		var instead statemachine.Event
		if instead, err = fn(&one); err == nil && one.Failure == "" {
			return instead
		}
	}
	r.Body.Msg = one.Failure
	if err != nil {
		r.Body.Msg = "rpc error: code = Internal desc = " + err.Error()
	}
	return "fail"
}

// started records the start of the workflow.
func started(tx *store.Tx, r *workflowRow) error {
	r.Body.StartedAt = tx.Now
	return nil
}

// percent returns an effect that sets the percentage.
func percent(n int32) func(*store.Tx, *workflowRow) error {
	return func(_ *store.Tx, r *workflowRow) error {
		r.Body.Progress.Percent = n
		return nil
	}
}

// both returns an effect that applies two effects in order.
func both(first, second func(*store.Tx, *workflowRow) error) func(*store.Tx, *workflowRow) error {
	return func(tx *store.Tx, r *workflowRow) error {
		if err := first(tx, r); err != nil {
			return err
		}
		return second(tx, r)
	}
}

// maxWaits is the maximum number of polls of a cluster for one result. The interval doubles with each poll.
const maxWaits = 12

// pollInterval returns the factor of the delay before the next poll: it doubles with each poll without success.
func pollInterval(tx *store.Tx, r *workflowRow) float64 {
	one, err := runs.Get(tx, r.Body.ID)
	if err != nil {
		return 1
	}
	return float64(uint64(1) << min(one.Waits, maxWaits))
}

func (s *Service) countWait(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		run.Waits++
		return nil
	})
}

// completed ends a workflow with success.
func (s *Service) completed(tx *store.Tx, r *workflowRow) error {
	r.Body.Progress.Percent = 100
	return s.end(tx, r)
}

// failed ends a workflow with a failure. The workflow keeps its percentage; undo removes its unfinished results.
func (s *Service) failed(tx *store.Tx, r *workflowRow) error {
	if r.Body.Msg == "" {
		r.Body.Msg = "rpc error: code = Aborted desc = the workflow was forced to fail"
	}
	if err := s.undo(tx, r); err != nil {
		return err
	}
	return s.end(tx, r)
}

// canceled ends a workflow after a cancellation.
func (s *Service) canceled(tx *store.Tx, r *workflowRow) error {
	r.Body.Msg = "rpc error: code = Canceled desc = the workflow was canceled"
	if err := s.undo(tx, r); err != nil {
		return err
	}
	return s.end(tx, r)
}

// undo removes the unfinished results of the workflow. A failed refresh keeps what it could fetch.
func (s *Service) undo(tx *store.Tx, r *workflowRow) error {
	one, err := runs.Get(tx, r.Body.ID)
	switch {
	case err != nil:
		return err
	case one.Clone != nil:
		return s.discard(tx, one.Clone)
	case one.Added != "" && r.Life.State == statemachine.State(WorkflowCanceled):
		return deleteCluster(tx, one.Added)
	case r.Body.Type == TypeRefreshClusters && r.Body.Progress.Stage == string(stageFetch):
		return s.refreshOthers(tx, r)
	}
	return nil
}

// end sets the end of a workflow and schedules its removal after the retention time on the world's clock
// (facts/dms-lucidlink-lucidity.md 3.3). A workflow that never started has no startedAt.
func (s *Service) end(tx *store.Tx, r *workflowRow) error {
	r.Body.EndedAt = tx.Now
	return s.workflows.After(tx, r, "expire", tx.Now.Add(s.settings(tx).Retention))
}

// expired removes the run of a workflow that expires.
func (s *Service) expired(tx *store.Tx, r *workflowRow) error { return runs.Delete(tx, r.Body.ID) }
