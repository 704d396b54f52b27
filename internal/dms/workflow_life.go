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

// The stages of a running workflow: an attach and a refresh connect, authenticate and fetch, a clone prepares the
// destination, copies, verifies if that was asked for, and finishes. The names are ours (assumption 120).
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

// workflowMachine is the life of a workflow. What a stage does happens when it begins and is kept by its run; what went
// wrong is told when the stage would end. Each stage that waits for a cluster asks again later and later.
func (s *Service) workflowMachine() *statemachine.Machine[Workflow] {
	const (
		pending, completed = statemachine.State(WorkflowPending), statemachine.State(WorkflowCompleted)
		failed, canceled   = statemachine.State(WorkflowFailed), statemachine.State(WorkflowCanceled)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	over := in(completed, failed, canceled)
	return statemachine.Define(statemachine.Machine[Workflow]{
		Kind: "dms.workflow", Initial: in(pending), Zero: zero, Mirror: mirrorWorkflow,
		Key: workflowKey, ID: func(w *Workflow) string { return w.ID }, Name: runID,
		Rules: []statemachine.Rule[Workflow]{
			{From: in(pending), On: "connect", To: stageConnect, After: "start", Do: started, Unless: unlessClone},
			{From: in(stageConnect), On: "connected", To: stageAuthenticate, After: "connect", Do: s.connected, Unless: s.unlessUnreachable},
			{From: in(stageAuthenticate), On: "authenticated", To: stageFetch, After: "authenticate", Do: percent(66), Unless: s.unlessUnauthorized},
			{From: in(stageFetch), On: "fetched", To: completed, After: "fetch", Do: s.fetched, Unless: s.unlessIncomplete},

			{From: in(pending), On: "prepare", To: stagePrepare, Do: s.prepare},
			{From: in(stagePrepare), On: "prepared", To: stageCopy, After: "prepare", Units: later, Unless: s.unlessUnprepared},
			{From: in(stagePrepare), On: "wait", To: stagePrepare, Do: s.waitMore},
			{From: in(stageCopy), On: "copied", To: stageCopy, After: "clone", Units: s.copySeconds, Do: s.copied, Unless: s.unlessCopied},
			{From: in(stageCopy), On: "verify", To: stageVerify, Do: s.copied},
			{From: in(stageVerify), On: "verified", To: stageVerify, After: "verify", Units: s.copySeconds, Do: s.verified, Unless: s.unlessVerified},
			{From: in(stageCopy), On: "finish", To: stageFinish, Do: both(s.copied, s.finish)},
			{From: in(stageVerify), On: "finish", To: stageFinish, Do: both(s.verified, s.finish)},
			{From: in(stageFinish), On: "wait", To: stageFinish, Do: s.waitMore},
			{From: in(stageFinish), On: "finished", To: completed, After: "finish", Units: later, Do: s.completed, Unless: s.unlessUnfinished},

			{From: cancelableStates[:], On: "cancel", To: stageCancel},
			{From: in(stageCancel), On: "canceled", To: canceled, After: "cancel", Do: s.canceled},
			{From: append(in(stageFetch, stageFinish, stageCancel), cancelableStates[:]...), On: "fail", To: failed, Do: s.failed},
			{From: over, On: "expire", To: statemachine.Gone, Do: s.expired},
		},
		Guards: []statemachine.Guard{{
			Operation: "CancelWorkflow", In: over, Kind: refusal.NotFound,
			Message: "workflow execution already completed: {id} is {state}",
		}},
		Delays: map[string]statemachine.DelayDefault{
			"start": {Fast: "50ms", Realistic: "500ms"}, "connect": {Fast: "100ms", Realistic: "2s"},
			"authenticate": {Fast: "100ms", Realistic: "1s"}, "fetch": {Fast: "100ms", Realistic: "2s"},
			"prepare": {Fast: "100ms", Realistic: "2s"}, "finish": {Fast: "100ms", Realistic: "2s"},
			// As long as what copyRate says takes to copy, and to read back.
			"clone": {Fast: "1s", Realistic: "1s"}, "verify": {Fast: "1s", Realistic: "1s"},
			"cancel": {Fast: "100ms", Realistic: "2s"},
		},
	})
}

// cancelableStates are those in which a cancellation still comes in time: all but the last stages.
var cancelableStates = [...]statemachine.State{
	statemachine.State(WorkflowPending), stageConnect, stageAuthenticate, stagePrepare, stageCopy, stageVerify,
}

func cancelable(state statemachine.State) bool { return slices.Contains(cancelableStates[:], state) }

// mirrorWorkflow shows every stage as RUNNING. One that is over keeps the stage it ended in.
func mirrorWorkflow(w *Workflow, l statemachine.Life) {
	if w.Progress == nil {
		w.Progress = &Progress{}
	}
	if w.State = WorkflowState(l.State); w.State == WorkflowPending || ended(l.State) {
		return
	}
	w.State, w.Progress.Stage = WorkflowRunning, string(l.State)
}

// run is what a workflow keeps to itself.
type run struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"` // the engine's, which no answer shows
	Failure    string `json:"failure,omitempty"`
	Waits      int    `json:"waits,omitempty"` // how often it has asked a cluster in vain
	Added      string `json:"added,omitempty"` // the cluster that an attach has put among the attached ones

	Clone *clone `json:"clone,omitempty"`
}

// runID is the engine's own ID of a workflow's run. No answer shows it; the control surface does, as the name.
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

// fail makes the workflow fail when its stage would end, with a message in the form of the published ones
// (facts/dms-lucidlink-lucidity.md 3.3 "Sync 400 versus async FAILED"): what this service could not do, what the cluster
// said, what it was about. Errors that are no refusals are the simulator's own, and are returned.
func (r *run) fail(err error, outer refusal.Kind, doing, about string) error {
	e := refusal.Of(err)
	if e == nil {
		return err
	}
	r.Failure = fmt.Sprintf("rpc error: code = %s desc = %s: rpc error: code = %s desc = %s, operation details: %s",
		outer, doing, e.Kind, e.Message, about)
	return nil
}

// with does something with a workflow's run and keeps what becomes of it.
func (s *Service) with(tx *store.Tx, r *workflowRow, do func(run *run) error) error {
	one, err := runs.Get(tx, r.Body.ID)
	if err != nil {
		return err
	}
	if err := do(&one); err != nil {
		return err
	}
	return runs.Put(tx, &one)
}

// check asks a run whether its stage may end: the event that happens in place of that, or "".
func (s *Service) check(tx *store.Tx, r *workflowRow, ask func(run *run) (statemachine.Event, error)) statemachine.Event {
	one, err := runs.Get(tx, r.Body.ID)
	if err == nil && one.Failure == "" {
		var other statemachine.Event
		if other, err = ask(&one); err == nil && one.Failure == "" {
			return other
		}
	}
	r.Body.Msg = one.Failure
	if err != nil {
		r.Body.Msg = "rpc error: code = Internal desc = " + err.Error()
	}
	return "fail"
}

func started(tx *store.Tx, r *workflowRow) error {
	r.Body.StartedAt = tx.Now
	return nil
}

func percent(n int32) func(*store.Tx, *workflowRow) error {
	return func(_ *store.Tx, r *workflowRow) error {
		r.Body.Progress.Percent = n
		return nil
	}
}

func both(first, second func(*store.Tx, *workflowRow) error) func(*store.Tx, *workflowRow) error {
	return func(tx *store.Tx, r *workflowRow) error {
		if err := first(tx, r); err != nil {
			return err
		}
		return second(tx, r)
	}
}

// maxWaits is how often a cluster is asked whether what it makes is ready, each time after twice the delay.
const maxWaits = 12

// later doubles the delay with every time that a cluster was asked in vain.
func later(tx *store.Tx, r *workflowRow) float64 {
	one, err := runs.Get(tx, r.Body.ID)
	if err != nil {
		return 1
	}
	return float64(uint64(1) << min(one.Waits, maxWaits))
}

func (s *Service) waitMore(tx *store.Tx, r *workflowRow) error {
	return s.with(tx, r, func(run *run) error {
		run.Waits++
		return nil
	})
}

// completed ends a workflow well.
func (s *Service) completed(tx *store.Tx, r *workflowRow) error {
	r.Body.Progress.Percent = 100
	return s.over(tx, r)
}

// failed ends a workflow badly: it keeps its last percent, and nothing that it had half made stays.
func (s *Service) failed(tx *store.Tx, r *workflowRow) error {
	if r.Body.Msg == "" {
		r.Body.Msg = "rpc error: code = Aborted desc = the workflow was made to fail"
	}
	if err := s.undo(tx, r); err != nil {
		return err
	}
	return s.over(tx, r)
}

func (s *Service) canceled(tx *store.Tx, r *workflowRow) error {
	r.Body.Msg = "rpc error: code = Canceled desc = the workflow was canceled"
	if err := s.undo(tx, r); err != nil {
		return err
	}
	return s.over(tx, r)
}

// undo takes back what the workflow has made. A refresh that failed keeps what it has learnt.
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

// over ends a workflow; one that never began has no startedAt. It is kept for the retention time on the world's clock (facts/dms-lucidlink-lucidity.md 3.3).
func (s *Service) over(tx *store.Tx, r *workflowRow) error {
	r.Body.EndedAt = tx.Now
	return s.workflows.After(tx, r, "expire", tx.Now.Add(s.settings(tx).Retention))
}

func (s *Service) expired(tx *store.Tx, r *workflowRow) error { return runs.Delete(tx, r.Body.ID) }
