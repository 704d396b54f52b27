package storagesim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"storagesim/internal/api"
)

// Explanation says why a request got its response.
type Explanation struct {
	ID        string // of the request, such as req-12
	Operation string
	Status    int
	Why       string
	WouldWork []string // requests that would have succeeded
	// Cause of a refusal. Its member "kind" is one of those of docs/what-happened.md, such as "guard" or "etag", and
	// determines the other members. It is nil for a response that is no refusal.
	Cause map[string]any
	// Lost is the response that a fault kept from the client, if there was one.
	Lost *Lost
}

// Lost is a response that did not reach the client.
type Lost struct {
	Status    int
	Committed bool // the operation's change stays
}

// String returns the reason and what would have worked in one line.
func (e *Explanation) String() string {
	if len(e.WouldWork) == 0 {
		return e.Why
	}
	return e.Why + "; would work: " + strings.Join(e.WouldWork, ", or ")
}

// Explain explains a response that came from this world. It does not read the body.
func (w *World) Explain(resp *http.Response) *Explanation {
	w.tb.Helper()
	id := resp.Header.Get(api.HeaderRequestID)
	if id == "" {
		w.tb.Fatalf("storagesim: the response has no header %s, so it did not come from the simulator", api.HeaderRequestID)
	}
	e := &Explanation{}
	w.must(http.MethodGet, explainPath(id), nil, e)
	return e
}

func explainPath(id string) string { return "/_sim/requests/" + url.PathEscape(id) + "/explain" }

// explained returns the explanation of a request, or nil if there is none.
func (w *World) explained(id string) *Explanation {
	status, text := w.program.call(http.MethodGet, explainPath(id), w.Name, nil)
	e := &Explanation{}
	if status != http.StatusOK || json.Unmarshal(text, e) != nil {
		return nil
	}
	return e
}
