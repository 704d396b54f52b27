package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"storagesim/fixtures"
	"storagesim/internal/control"
	"storagesim/internal/scenario"
	"storagesim/internal/simulator"
)

// scenarioOptions are the options of scenario run and check, and those of the simulator that they start.
func scenarioOptions(junit *string) []option {
	options := []option{
		{"url", "URL", "a running simulator (default: start one for the scenario)",
			func(s *settings, v string) error { s.url = strings.TrimSuffix(v, "/"); return nil }},
		{"junit", "FILE", "write a JUnit report to this file",
			func(_ *settings, v string) error { *junit = v; return nil }},
	}
	for _, o := range serveOptions {
		switch o.name {
		case "seed", "fixture", "auth", "delays", "admin-token", "admin-token-file", "max-running-workflows", "federation",
			"log-level":
			options = append(options, o)
		}
	}
	return options
}

// runScenario is the subcommand: scenario run FILE, scenario check FILE, scenario list.
func runScenario(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "list" {
		say(stdout, strings.Join(fixtures.Scenarios(), "\n")+"\n")
		return exitGood
	}
	if len(args) < 2 || args[0] != "run" && args[0] != "check" {
		return complain(stderr, exitUsage,
			errors.New("use scenario run FILE, scenario check FILE or scenario list; "+
				"FILE may be the name of a scenario that comes with the program"))
	}
	file, flags := args[1], args[2:]
	if strings.HasPrefix(file, "-") { // the flags came first
		file, flags = args[len(args)-1], args[1:len(args)-1]
	}
	s, junit := defaults(), ""
	s.logLevel = zerolog.ErrorLevel
	switch err := parse(s, scenarioOptions(&junit), flags, getenv); {
	case errors.Is(err, flag.ErrHelp):
		say(stdout, help())
		return exitGood
	case err != nil:
		return complain(stderr, exitUsage, err)
	}
	text, err := readScenario(file)
	if errors.Is(err, errNoFile) {
		return complain(stderr, exitUsage, err)
	}
	if err != nil {
		return complain(stderr, exitError, err)
	}
	client := &scenarioClient{base: s.url, token: s.config.AdminToken}
	if s.url == "" {
		sim, err := ownSimulator(s, stderr)
		if err != nil {
			return complain(stderr, exitError, err)
		}
		defer func() {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			_ = sim.Close(end) // its data is temporary
		}()
		client.base = sim.URL()
	}
	if args[0] == "check" {
		return client.check(ctx, file, text, stdout, stderr)
	}
	return client.run(ctx, file, text, junit, stdout, stderr)
}

// errNoFile is the error of a file on the command line that does not exist.
var errNoFile = errors.New("neither a file")

// readScenario reads a file, or a scenario that comes with the program.
func readScenario(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if text, err = fixtures.ReadScenario(file); err != nil {
		return nil, fmt.Errorf("scenario %q is %w nor one of %s", file, errNoFile, strings.Join(fixtures.Scenarios(), ", "))
	}
	return text, nil
}

// ownSimulator starts a simulator with a free port and a temporary directory.
func ownSimulator(s *settings, stderr io.Writer) (*simulator.Simulator, error) {
	s.config.Listen, s.config.TLSListen, s.config.Data = "127.0.0.1:0", "", ""
	s.config.Log = logger(s, stderr)
	sim, err := simulator.New(s.config)
	if err != nil {
		return nil, err
	}
	if err := sim.Open(); err != nil {
		return nil, errors.Join(err, sim.Close(context.Background()))
	}
	return sim, nil
}

// scenarioClient runs scenarios by the control API of a simulator.
type scenarioClient struct{ base, token string }

// maxReport is how much of a response is read, in bytes.
const maxReport = 64 << 20

// call makes a control call. If the call is refused for errors in a document, the error is a *scenario.InvalidError.
func (c *scenarioClient) call(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+control.Prefix+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReport))
	switch {
	case err != nil:
		return err
	case resp.StatusCode < http.StatusBadRequest:
		return json.Unmarshal(text, into)
	}
	var problem struct {
		Detail string
		Errors []scenario.Problem
	}
	if json.Unmarshal(text, &problem) != nil || problem.Detail == "" {
		problem.Detail = strings.TrimSpace(string(text[:min(len(text), 300)]))
	}
	if len(problem.Errors) > 0 {
		return &scenario.InvalidError{Problems: problem.Errors}
	}
	return fmt.Errorf("%s returned %d: %s", c.base, resp.StatusCode, problem.Detail)
}

// explain names the file in every error.
func explain(file string, err error) string {
	var invalid *scenario.InvalidError
	if errors.As(err, &invalid) {
		return invalid.In(file) + "\n"
	}
	return "simulator: " + file + ": " + err.Error() + "\n"
}

func (c *scenarioClient) check(ctx context.Context, file string, text []byte, stdout, stderr io.Writer) int {
	var checked struct {
		Name   string
		Steps  []string
		Expect int
	}
	if err := c.call(ctx, http.MethodPost, "/scenarios?dryRun=true", text, &checked); err != nil {
		say(stderr, explain(file, err))
		return exitError
	}
	say(stdout, fmt.Sprintf("%s: %d steps, %d expectations\n", checked.Name, len(checked.Steps), checked.Expect))
	return exitGood
}

// run starts the scenario, waits for its end and prints its report.
func (c *scenarioClient) run(
	ctx context.Context, file string, text []byte, junit string, stdout, stderr io.Writer,
) int {
	var report scenario.Report
	if err := c.call(ctx, http.MethodPost, "/scenarios", text, &report); err != nil {
		say(stderr, explain(file, err))
		return exitError
	}
	path := "/scenarios/" + url.PathEscape(report.ID)
	for report.Verdict == scenario.Running {
		if err := c.call(ctx, http.MethodGet, path+"?wait=30s", nil, &report); err != nil {
			if ctx.Err() != nil { // stop the scenario with the command
				end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
				defer cancel()
				err = errors.Join(err, c.call(end, http.MethodDelete, path, nil, &report))
			}
			return complain(stderr, exitError, err)
		}
	}
	if junit != "" {
		text, err := report.JUnit()
		if err == nil {
			err = os.WriteFile(junit, text, 0o644)
		}
		if err != nil {
			return complain(stderr, exitError, err)
		}
	}
	say(stdout, format(&report))
	switch report.Verdict {
	case scenario.Passed:
		return exitGood
	case scenario.Failed:
		return exitFailed
	default:
		return exitError
	}
}

// format formats a report for a person.
func format(r *scenario.Report) string {
	var b strings.Builder
	for i := range r.Timeline {
		e := &r.Timeline[i]
		fmt.Fprintf(&b, "%-8s %-10s %s", e.State, e.After, e.Step)
		if e.Request != "" {
			fmt.Fprintf(&b, "  %s", e.Request)
		}
		if len(e.Statuses) > 0 {
			fmt.Fprintf(&b, " %v", e.Statuses)
		} else if e.Status != 0 {
			fmt.Fprintf(&b, " %d", e.Status)
		}
		if b.WriteByte('\n'); e.Why != "" {
			fmt.Fprintf(&b, "         %s\n", e.Why)
		}
	}
	for i := range r.Expect {
		o := &r.Expect[i]
		state := "skipped"
		if o.Holds != nil {
			state = map[bool]string{true: "holds", false: "failed"}[*o.Holds]
		}
		fmt.Fprintf(&b, "%-8s            %s\n", state, o.Check)
		if o.Why != "" {
			fmt.Fprintf(&b, "         %s\n", o.Why)
		}
	}
	fmt.Fprintf(&b, "%s %s in %s", r.Name, r.Verdict, r.Took.Round(time.Millisecond))
	if r.Why != "" {
		fmt.Fprintf(&b, ": %s", r.Why)
	}
	return b.String() + "\n"
}
