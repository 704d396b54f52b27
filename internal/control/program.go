package control

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/statemachine"
	"storagesim/internal/strict"
)

type health struct {
	Status  string `json:"status"`
	Version string `json:"version"`
	Uptime  string `json:"uptime"` // on the wall clock
}

func getHealth(c *Control, _ *call) (health, error) {
	return health{Status: "ok", Version: c.Version, Uptime: c.Wall().Sub(c.started).String()}, nil
}

type readiness struct {
	Status string `json:"status"`
}

func getReadiness(c *Control, _ *call) (readiness, error) {
	if pending := c.Pending(); len(pending) > 0 {
		return readiness{}, &Problem{Status: http.StatusServiceUnavailable,
			Detail: "the program is not ready; pending: " + strings.Join(pending, ", ")}
	}
	return readiness{Status: "ready"}, nil
}

// operationEntry is an operation with one of its paths.
type operationEntry struct {
	ID          string `json:"id"`
	Vendor      string `json:"vendor"`
	Method      string `json:"method"`
	Path        string `json:"path"`
	Statuses    []int  `json:"statuses"`
	Documented  bool   `json:"documented"` // in the vendor's documentation
	Implemented bool   `json:"implemented"`
}

type operationList struct {
	Operations []operationEntry `json:"operations"`
}

func listOperations(c *Control, r *call) (operationList, error) {
	list := operationList{Operations: []operationEntry{}}
	only := r.query.Get("vendor")
	if only == "control" {
		for i := range c.rows {
			op := &c.rows[i]
			list.Operations = append(list.Operations, operationEntry{ID: op.ID(), Vendor: "control", Method: op.Method,
				Path: op.Path, Statuses: op.Statuses, Documented: true, Implemented: true})
		}
		return list, nil
	}
	if only != "" {
		if _, err := c.vendor(only); err != nil {
			return operationList{}, err
		}
	}
	for i := range c.Vendors {
		svc := &c.Vendors[i].Service
		if only != "" && only != svc.Vendor {
			continue
		}
		for k := range svc.Operations {
			op := &svc.Operations[k]
			for _, path := range op.Paths() {
				list.Operations = append(list.Operations, operationEntry{ID: op.ID(), Vendor: op.Vendor, Method: op.Method,
					Path: path, Statuses: op.AllStatuses(), Documented: !op.Extra, Implemented: op.Implemented()})
			}
		}
	}
	return list, nil
}

type machineList struct {
	Machines []statemachine.Description `json:"machines"`
}

func listMachines(c *Control, r *call) (reply[machineList], error) {
	list := c.Engine.Machines()
	if kind := r.query.Get("kind"); kind != "" {
		list = slices.DeleteFunc(list, func(d statemachine.Description) bool { return d.Kind != kind })
		if len(list) == 0 {
			return reply[machineList]{}, &statemachine.UnknownKindError{Kind: kind, Valid: c.Engine.Kinds()}
		}
	}
	switch format := r.query.Get("format"); format {
	case "", "json":
		return reply[machineList]{value: machineList{Machines: append([]statemachine.Description{}, list...)}}, nil
	case "mermaid":
		var b bytes.Buffer
		for _, d := range list {
			fmt.Fprintf(&b, "---\ntitle: %s\n---\n%s\n", d.Kind, d.Mermaid())
		}
		return reply[machineList]{value: plain{contentType: "text/plain; charset=utf-8", text: b.Bytes()}}, nil
	default:
		return reply[machineList]{}, &strict.Error{Path: "format", Valid: []string{"json", "mermaid"},
			Detail: fmt.Sprintf("%q is not a format", format)}
	}
}

func getCA(c *Control, _ *call) (plain, error) {
	if c.CA == nil {
		return plain{}, &Problem{Status: http.StatusNotFound,
			Detail: "there is no CA certificate: this simulator was started without a TLS listener or with --tls-cert"}
	}
	return plain{contentType: "application/x-pem-file", text: c.CA}, nil
}
