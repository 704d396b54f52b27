package storagesim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"storagesim/internal/fault"
)

// Bounds of the report of a failed test.
const (
	reportedCalls = 10
	reportedLeaks = 10
	reportedWidth = 400 // bytes of an explanation
)

// report is what the log of a failed test says about its world.
type report struct{ lines []string }

func (r *report) add(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *report) text() string { return strings.Join(r.lines, "\n") }

// report returns the last requests of the world with the reasons of refusals, and the faults that hit nothing.
func (w *World) report() (r report) {
	var page struct {
		Requests []struct {
			ID, Operation, Method, URL string
			Status                     int
			Open                       bool
			Lost                       *Lost
		}
		Next string
	}
	_, text := w.program.call(http.MethodGet, fmt.Sprintf("/_sim/requests?limit=%d", reportedCalls), w.Name, nil)
	if err := json.Unmarshal(text, &page); err != nil {
		r.add("storagesim: world %s: %s", w.Name, problem(text))
		return r
	}
	switch n := len(page.Requests); {
	case n == 0:
		r.add("storagesim: world %s got no requests", w.Name)
	case page.Next != "":
		r.add("storagesim: the last %d requests to world %s:", n, w.Name)
	default:
		r.add("storagesim: the requests to world %s:", w.Name)
	}
	for _, x := range page.Requests {
		status := fmt.Sprint(x.Status)
		if x.Open {
			status = "no response yet"
		}
		line := fmt.Sprintf("  %s %s %s %s", x.ID, x.Method, strings.TrimPrefix(x.URL, inWorld+w.Name), status)
		if x.Status >= http.StatusBadRequest || x.Lost != nil || x.Status == 0 && !x.Open {
			if e := w.explained(x.ID); e != nil {
				line += ": " + shortened(e.String())
			}
		}
		r.add("%s", line)
	}
	for _, rule := range w.unhit {
		status, text := w.program.call(http.MethodGet, rule.path(), w.Name, nil)
		var got fault.Listed
		if status != http.StatusOK || json.Unmarshal(text, &got) != nil || got.Hits > 0 {
			continue
		}
		line := fmt.Sprintf("  %s for %s hit nothing", got.ID, got.Match.Operation)
		if got.LastMissReason != "" {
			line += ": " + shortened(got.LastMissReason)
		}
		r.add("%s", line)
	}
	return r
}

// leaks adds what the response to the deletion of the world lists.
func (r *report) leaks(deleted []byte) {
	var got struct {
		Leaked []struct{ Kind, ID, Name string }
	}
	if json.Unmarshal(deleted, &got) != nil || len(got.Leaked) == 0 {
		return
	}
	var names []string
	for _, l := range got.Leaked[:min(len(got.Leaked), reportedLeaks)] {
		name := l.Kind + " " + l.ID
		if l.Name != "" && l.Name != l.ID {
			name += " (" + l.Name + ")"
		}
		names = append(names, name)
	}
	if more := len(got.Leaked) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	r.add("  left in the world: %s", strings.Join(names, ", "))
}

func shortened(text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", " ")
	if len(text) <= reportedWidth {
		return text
	}
	return strings.ToValidUTF8(text[:reportedWidth], "") + "…"
}
