package scenario

import "time"

// Verdict is the result of a scenario.
type Verdict string

// The verdicts. Failed: an expectation does not hold. Broken: the scenario could not run to its end.
const (
	Running Verdict = "running"
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Broken  Verdict = "error"
	Stopped Verdict = "stopped"
)

// Names lists the verdicts.
func (Verdict) Names() []string {
	return []string{string(Running), string(Passed), string(Failed), string(Broken), string(Stopped)}
}

// StepState is the state of a step.
type StepState string

// The states of steps. Skipped: the scenario ended before the step started.
const (
	StepWaiting StepState = "waiting"
	StepRunning StepState = "running"
	StepPassed  StepState = "passed"
	StepFailed  StepState = "failed"
	StepSkipped StepState = "skipped"
)

// Names lists the states of steps.
func (StepState) Names() []string {
	return []string{string(StepWaiting), string(StepRunning), string(StepPassed), string(StepFailed), string(StepSkipped)}
}

// Report is what has happened in a scenario.
type Report struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	World    string        `json:"world"`
	Verdict  Verdict       `json:"verdict"`
	Why      string        `json:"why,omitempty"`
	Start    time.Time     `json:"start,omitzero"` // the world's clock
	Now      time.Time     `json:"now,omitzero"`   // the world's clock when something last happened
	Took     time.Duration `json:"tookNs"`         // real time
	Timeline []Entry       `json:"timeline"`       // the steps that started, in that order, then the others
	Expect   []Outcome     `json:"expect"`
}

// Entry is a step in the timeline.
type Entry struct {
	Step     string         `json:"step"`
	Line     int            `json:"line"`
	State    StepState      `json:"state"`
	At       time.Time      `json:"at,omitzero"`     // the world's clock when the step started
	After    string         `json:"after,omitempty"` // At, as the time since the start
	Waits    string         `json:"waits,omitempty"` // what the step waits for
	Request  string         `json:"request,omitempty"`
	Status   int            `json:"status,omitempty"`   // of the last response
	Statuses map[string]int `json:"statuses,omitempty"` // of a repeated step: how many responses have each status
	Answer   string         `json:"answer,omitempty"`   // the beginning of the last response
	Why      string         `json:"why,omitempty"`
	Took     time.Duration  `json:"tookNs,omitempty"` // real time

	order int
}

// Outcome is an expectation and whether it holds. Holds is missing until it has been checked.
type Outcome struct {
	Check string `json:"check"`
	Line  int    `json:"line"`
	Holds *bool  `json:"holds,omitempty"`
	Why   string `json:"why,omitempty"`
}

// maxAnswer is how much of a response the timeline keeps, in bytes.
const maxAnswer = 2048
