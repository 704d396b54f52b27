package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/nearest"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Problem is an error response of a control call, as application/problem+json (RFC 9457).
type Problem struct {
	Title  string    `json:"title"`
	Status int       `json:"status"`
	Detail string    `json:"detail"`
	Valid  []string  `json:"valid,omitempty"`  // the valid names
	Checks []verdict `json:"checks,omitempty"` // of a failed verification
	Errors []flaw    `json:"errors,omitempty"` // the errors in a scenario or a fixture, in document order
}

// flaw is an error in a document.
type flaw struct {
	Line   int      `json:"line,omitempty"` // from 1; absent for a fixture in JSON
	Path   string   `json:"path,omitempty"`
	Detail string   `json:"detail"`
	Valid  []string `json:"valid,omitempty"`
}

func (p *Problem) Error() string { return p.Detail }

var errPanicked = errors.New("panicked")

// refuse returns the response for an error. An internal error is logged; the response does not show it.
func (c *Control) refuse(r *call, err error) api.Response {
	p := c.problem(err)
	if p == nil {
		c.Log.Error().Err(err).Str("op", r.row.ID()).Str("request_id", r.id).Msg("control call failed")
		p = &Problem{Status: http.StatusInternalServerError,
			Detail: "internal error; the simulator's log has the details under " + r.id}
	}
	p.Title = http.StatusText(p.Status)
	body, _ := json.Marshal(p) // strings and numbers always marshal
	resp := api.Response{Status: p.Status, ContentType: "application/problem+json", Body: append(body, '\n')}
	switch p.Status {
	case http.StatusUnauthorized:
		resp.Header = map[string]string{"WWW-Authenticate": `Bearer realm="storagesim control"`}
	case http.StatusUnsupportedMediaType:
		resp.Header = map[string]string{"Accept-Encoding": "gzip"}
	case http.StatusMethodNotAllowed:
		resp.Header = map[string]string{"Allow": strings.Join(p.Valid, ", ")}
	}
	return resp
}

// problem returns the problem for an error of the caller, or nil for an internal error.
func (c *Control) problem(err error) *Problem {
	var own *Problem
	var input *strict.Error
	if errors.As(err, &own) {
		return own
	}
	if errors.As(err, &input) {
		return &Problem{Status: http.StatusBadRequest, Detail: input.Error(), Valid: input.Valid}
	}
	if p := storeProblem(err); p != nil {
		return p
	}
	return machineProblem(err)
}

func storeProblem(err error) *Problem {
	var noWorld *store.NoWorldError
	var full *store.LimitError
	switch {
	case errors.As(err, &full):
		return &Problem{Status: http.StatusTooManyRequests, Detail: full.Error()}
	case errors.As(err, &noWorld):
		return &Problem{Status: http.StatusNotFound, Detail: fmt.Sprintf(
			"world %q does not exist; POST /_sim/worlds creates one, GET /_sim/worlds lists them", noWorld.World)}
	case errors.Is(err, store.ErrWorldExists), errors.Is(err, store.ErrExists):
		return &Problem{Status: http.StatusConflict, Detail: err.Error()}
	case errors.Is(err, store.ErrBadName):
		return &Problem{Status: http.StatusBadRequest, Detail: err.Error()}
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrNoCheckpoint):
		return &Problem{Status: http.StatusNotFound, Detail: err.Error()}
	case errors.Is(err, store.ErrClosed):
		return &Problem{Status: http.StatusServiceUnavailable, Detail: "the simulator is stopping"}
	}
	return nil
}

func machineProblem(err error) *Problem {
	var kind *statemachine.UnknownKindError
	var delay *statemachine.UnknownDelayError
	var illegal *statemachine.IllegalError
	var nothing *statemachine.NothingPendingError
	var notReached *statemachine.NotReachedError
	var replaced *statemachine.ReplacedError
	var missing *statemachine.NoResourceError
	var outside *statemachine.RangeError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Problem{Status: http.StatusServiceUnavailable, Detail: "the request ended before the clock was there: " +
			err.Error()}
	case errors.As(err, &missing):
		return &Problem{Status: http.StatusNotFound, Detail: missing.Error(), Valid: missing.Valid}
	case errors.As(err, &outside):
		return &Problem{Status: http.StatusBadRequest, Detail: outside.Error()}
	case errors.As(err, &kind):
		return unknownKind(kind)
	case errors.As(err, &delay):
		return &Problem{Status: http.StatusBadRequest, Valid: nearest.To(delay.Name, delay.Valid),
			Detail: fmt.Sprintf("unknown delay %q", delay.Name) + nearest.Hint(delay.Name, delay.Valid) +
				"; GET /_sim/delays lists all"}
	case errors.As(err, &illegal):
		return &Problem{Status: http.StatusConflict, Detail: illegal.Error(), Valid: texts(illegal.Cause.Takes)}
	case errors.As(err, &nothing), errors.As(err, &notReached), errors.As(err, &replaced):
		return &Problem{Status: http.StatusConflict, Detail: err.Error()}
	}
	e := refusal.Of(err)
	if e == nil {
		return nil
	}
	names, _ := e.Cause.(api.Known)
	switch e.Kind {
	case refusal.NotFound:
		return &Problem{Status: http.StatusNotFound, Detail: e.Message, Valid: names.Valid}
	case refusal.InvalidArgument, refusal.OutOfRange:
		return &Problem{Status: http.StatusBadRequest, Detail: e.Message, Valid: names.Valid}
	default:
		return &Problem{Status: http.StatusConflict, Detail: e.Message}
	}
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
