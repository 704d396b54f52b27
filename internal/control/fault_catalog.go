package control

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"

	"storagesim/internal/api"
)

// faultEntry is a documented error status of an operation, with the response that a rule without a message injects.
type faultEntry struct {
	Operation   string            `json:"operation"`
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Status      int               `json:"status"`
	ContentType string            `json:"contentType"`
	Header      map[string]string `json:"header,omitempty"`
	Body        any               `json:"body"` // JSON, or a string if the body is not JSON
}

type faultCatalog struct {
	Faults []faultEntry `json:"faults"`
	// Effects are the effects other than a status; they work on any operation.
	Effects []string `json:"effects"`
}

// listFaultCatalog reads the operations' rows. The vendors' dialects render the bodies, as they do for injected errors.
func listFaultCatalog(c *Control, r *call) (faultCatalog, error) {
	only := r.query.Get("operation")
	if err := c.checkOperation(only); err != nil {
		return faultCatalog{}, err
	}
	catalog := faultCatalog{Faults: []faultEntry{}, Effects: []string{"latency", "reset", "empty", "truncate", "stall",
		"dribble", "malformed", "interloper", "stale"}}
	for i := range c.Vendors {
		svc := &c.Vendors[i].Service
		for k := range svc.Operations {
			op := &svc.Operations[k]
			if fits, _ := path.Match(only, op.ID()); only != "" && !fits { // the pattern was checked
				continue
			}
			for _, status := range op.Injectable() {
				if status >= http.StatusBadRequest {
					catalog.Faults = append(catalog.Faults, entryFor(svc, op, status))
				}
			}
		}
	}
	return catalog, nil
}

func entryFor(svc *api.Service, op *api.Operation, status int) faultEntry {
	resp := svc.RefusalOf(op, status, fmt.Sprintf("%s (injected by <rule>)", http.StatusText(status)))
	entry := faultEntry{Operation: op.ID(), Method: op.Method, Path: op.Path, Status: resp.Status,
		ContentType: resp.ContentType, Header: resp.Header, Body: string(resp.Body)}
	if json.Valid(resp.Body) {
		entry.Body = json.RawMessage(resp.Body)
	}
	return entry
}
