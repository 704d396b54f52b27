package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"storagesim/fixtures"
	"storagesim/internal/redact"
	"storagesim/internal/scenario"
	"storagesim/internal/strict"
)

// The limits on scenarios. A scenario counts for the world of the request that started it.
const (
	maxRunning      = 64 // in all worlds
	maxWorldRunning = 8
	maxEnded        = 400 // remembered after their end, in all worlds
	maxWorldEnded   = 50
	maxScenarioWait = time.Minute
)

// scenarios holds the runs of this process, the earliest first. Like the journal, it is process memory
// (docs/decisions/0009).
type scenarios struct {
	mu   sync.Mutex
	next uint64
	list []*scenarioRun
	over bool // the program is stopping
}

type scenarioRun struct {
	id    string
	world string // of the request that started it
	*scenario.Run
}

func (r *scenarioRun) running() bool {
	select {
	case <-r.Done():
		return false
	default:
		return true
	}
}

// add starts a run for a world unless a limit is reached, and forgets the oldest runs that have ended.
func (s *scenarios) add(world string, begin func(id string) *scenario.Run) (*scenarioRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil, &Problem{Status: http.StatusServiceUnavailable, Detail: "the simulator is stopping"}
	}
	running, same := 0, 0
	for _, r := range s.list {
		if r.running() {
			running++
			if r.world == world {
				same++
			}
		}
	}
	const remedy = "wait for one to end, or stop one with DELETE /_sim/scenarios/{id}"
	switch {
	case same >= maxWorldRunning:
		return nil, &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf(
			"%d scenarios of the world %q are running, which is the limit for one world; %s", same, world, remedy)}
	case running >= maxRunning:
		return nil, &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf(
			"%d scenarios are running, which is the limit for all worlds together; %s", running, remedy)}
	}
	s.forget(maxWorldEnded, func(r *scenarioRun) bool { return r.world == world })
	s.forget(maxEnded, func(*scenarioRun) bool { return true })
	s.next++
	id := "scenario-" + strconv.FormatUint(s.next, 10)
	r := &scenarioRun{id: id, world: world, Run: begin(id)}
	s.list = append(s.list, r)
	return r, nil
}

// forget removes the oldest of the selected runs that have ended, until fewer than most are left.
func (s *scenarios) forget(most int, selects func(*scenarioRun) bool) {
	ended := 0
	for _, r := range s.list {
		if selects(r) && !r.running() {
			ended++
		}
	}
	s.list = slices.DeleteFunc(s.list, func(r *scenarioRun) bool {
		if ended < most || !selects(r) || r.running() {
			return false
		}
		ended--
		return true
	})
}

func (s *scenarios) all() []*scenarioRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// stop ends all runs and waits until their worlds are deleted.
func (s *scenarios) stop() {
	s.mu.Lock()
	s.over = true
	list := slices.Clone(s.list)
	s.mu.Unlock()
	for _, r := range list {
		r.Stop()
	}
	for _, r := range list {
		<-r.Done()
	}
}

type checkedScenario struct {
	Name   string   `json:"name"`
	Steps  []string `json:"steps"`
	Expect int      `json:"expect"`
}

// startScenario checks the scenario in the body, YAML or JSON, or the built-in one that the query names, and starts it
// in the call's world. With dryRun it only checks.
func startScenario(c *Control, r *call) (reply[scenario.Report], error) {
	text, err := c.scenarioText(r)
	if err != nil {
		return reply[scenario.Report]{}, err
	}
	dry := r.query.Get("dryRun")
	if dry != "" && dry != "true" && dry != "false" {
		return reply[scenario.Report]{}, &strict.Error{Path: "dryRun", Valid: []string{"true", "false"},
			Detail: fmt.Sprintf("%.80q is neither true nor false", dry)}
	}
	catalog, err := c.scenarioCatalog(r)
	if err != nil {
		return reply[scenario.Report]{}, err
	}
	s, err := scenario.Parse(text, catalog)
	var invalid *scenario.InvalidError
	if errors.As(err, &invalid) {
		p := &Problem{Status: http.StatusBadRequest, Detail: invalid.Error()}
		for _, one := range invalid.Problems {
			p.Errors = append(p.Errors, flaw(one))
		}
		return reply[scenario.Report]{}, p
	}
	if err != nil {
		return reply[scenario.Report]{}, err
	}
	if dry == "true" {
		checked := checkedScenario{Name: s.Name, Expect: len(s.Expect)}
		for i := range s.Steps {
			checked.Steps = append(checked.Steps, s.Steps[i].ID)
		}
		return reply[scenario.Report]{value: checked, status: http.StatusOK}, nil
	}
	if _, err := c.DB.World(r.world()); err != nil {
		return reply[scenario.Report]{}, err
	}
	if c.URL == nil {
		return reply[scenario.Report]{}, &Problem{Status: http.StatusConflict,
			Detail: "scenarios cannot run while a recording is made: their requests would be recorded, and sent twice " +
				"on replay; dryRun=true checks a scenario"}
	}
	run, err := c.scenarios.add(r.world(), func(id string) *scenario.Run {
		surface := scenario.Surface{URL: c.URL(), AdminToken: c.AdminToken, Watch: c.events.watch, Life: c.life, Wall: c.Wall}
		return scenario.Start(s, id, r.world(), surface)
	})
	if err != nil {
		return reply[scenario.Report]{}, err
	}
	return reply[scenario.Report]{value: c.report(run)}, nil
}

// life returns the world's present life.
func (c *Control) life(world string) (scenario.Life, error) {
	life, err := c.Engine.Life(world)
	if err != nil {
		return scenario.Life{}, err
	}
	return scenario.Life{Number: life.Number, Over: life.Over()}, nil
}

// scenarioText returns the body, or the built-in scenario that the query names.
func (c *Control) scenarioText(r *call) ([]byte, error) {
	text, err := r.body()
	if err != nil {
		return nil, err
	}
	name := r.query.Get("name")
	switch {
	case name == "":
		return text, nil
	case len(text) > 0:
		return nil, &strict.Error{Path: "name", Detail: "the request has a name and a body; give one of them"}
	}
	text, err = fixtures.ReadScenario(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, &Problem{Status: http.StatusNotFound, Valid: fixtures.Scenarios(),
			Detail: fmt.Sprintf("scenario %.80q does not exist", name)}
	}
	return text, err
}

// report returns the report of a run with secrets redacted.
func (c *Control) report(r *scenarioRun) scenario.Report {
	report := r.Report()
	report.Why = redact.Line(report.Why)
	for i := range report.Timeline {
		entry := &report.Timeline[i]
		entry.Request, entry.Why, entry.Waits = redact.Line(entry.Request), redact.Line(entry.Why), redact.Line(entry.Waits)
		entry.Answer = redact.Text(entry.Answer)
	}
	for i := range report.Expect {
		report.Expect[i].Why = redact.Line(report.Expect[i].Why)
	}
	return report
}

type scenarioEntry struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	World   string           `json:"world"`
	Verdict scenario.Verdict `json:"verdict"`
	Why     string           `json:"why,omitempty"`
}

type scenarioList struct {
	Scenarios []scenarioEntry `json:"scenarios"` // the earliest first
	Shipped   []string        `json:"shipped"`   // built-in ones, for the parameter name
}

func listScenarios(c *Control, caller *call) (scenarioList, error) {
	list := scenarioList{Scenarios: []scenarioEntry{}, Shipped: fixtures.Scenarios()}
	for _, r := range c.scenarios.all() {
		report := r.Report()
		if caller.reaches(report.World) != nil {
			continue
		}
		list.Scenarios = append(list.Scenarios, scenarioEntry{ID: r.id, Name: report.Name, World: report.World,
			Verdict: report.Verdict, Why: report.Why})
	}
	return list, nil
}

func (c *Control) scenario(r *call) (*scenarioRun, error) {
	var ids []string
	for _, run := range c.scenarios.all() {
		if r.reaches(run.Report().World) != nil {
			continue
		}
		if run.id == r.param("id") {
			return run, nil
		}
		ids = append(ids, run.id)
	}
	return nil, &Problem{Status: http.StatusNotFound, Valid: ids,
		Detail: fmt.Sprintf("scenario %.80q does not exist", r.param("id"))}
}

// getScenario returns the report of a run. With wait, a real duration, it first waits until the run ends, at most for
// that time and maxScenarioWait.
func getScenario(c *Control, r *call) (scenario.Report, error) {
	run, err := c.scenario(r)
	if err != nil {
		return scenario.Report{}, err
	}
	if text := r.query.Get("wait"); text != "" {
		wait, err := duration("wait", text)
		if err != nil {
			return scenario.Report{}, err
		}
		ctx, cancel := context.WithTimeout(r.http.Context(), min(wait, maxScenarioWait))
		defer cancel()
		select {
		case <-run.Done():
		case <-c.stopping:
		case <-ctx.Done():
		}
	}
	return c.report(run), nil
}

// deleteScenario stops a running scenario, or removes one that has ended. It returns the report.
func deleteScenario(c *Control, r *call) (scenario.Report, error) {
	run, err := c.scenario(r)
	if err != nil {
		return scenario.Report{}, err
	}
	if run.running() {
		run.Stop()
		<-run.Done()
		return c.report(run), nil
	}
	report := c.report(run)
	c.scenarios.mu.Lock()
	defer c.scenarios.mu.Unlock()
	c.scenarios.list = slices.DeleteFunc(c.scenarios.list, func(other *scenarioRun) bool { return other == run })
	return report, nil
}
