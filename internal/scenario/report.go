package scenario

import "time"

// Verdict is what became of a scenario.
type Verdict string

// The verdicts. Failed: an expectation did not hold. Broken: it could not be carried out.
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

// StepState is how far a step is.
type StepState string

// The states of steps. Skipped: the scenario ended before its time came.
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

// Report is what is told of a scenario.
type Report struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	World    string        `json:"world"`
	Verdict  Verdict       `json:"verdict"`
	Why      string        `json:"why,omitempty"`
	Start    time.Time     `json:"start,omitzero"` // the world's clock
	Now      time.Time     `json:"now,omitzero"`   // the world's clock when something last happened
	Took     time.Duration `json:"tookNs"`         // real time
	Timeline []Entry       `json:"timeline"`       // what happened in its order, then what has not
	Expect   []Outcome     `json:"expect"`
}

// Entry is a step in the timeline.
type Entry struct {
	Step     string         `json:"step"`
	Line     int            `json:"line"`
	State    StepState      `json:"state"`
	At       time.Time      `json:"at,omitzero"`     // the world's clock when it began
	After    string         `json:"after,omitempty"` // the same, from the start
	Waits    string         `json:"waits,omitempty"` // for what
	Request  string         `json:"request,omitempty"`
	Status   int            `json:"status,omitempty"`   // of the last answer
	Statuses map[string]int `json:"statuses,omitempty"` // of a repeated step
	Answer   string         `json:"answer,omitempty"`   // of the last answer, its beginning
	Why      string         `json:"why,omitempty"`
	Took     time.Duration  `json:"tookNs,omitempty"` // real time

	order int
}

// Outcome is an expectation and whether it held; Holds is missing as long as it was not looked at.
type Outcome struct {
	Check string `json:"check"`
	Line  int    `json:"line"`
	Holds *bool  `json:"holds,omitempty"`
	Why   string `json:"why,omitempty"`
}

// maxAnswer is how much of an answer a timeline keeps, in bytes.
const maxAnswer = 2048
