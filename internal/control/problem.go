package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Problem is a refusal of a control call, as application/problem+json shows it.
type Problem struct {
	Title  string    `json:"title"`
	Status int       `json:"status"`
	Detail string    `json:"detail"`
	Valid  []string  `json:"valid,omitempty"`  // the names that would be right
	Checks []verdict `json:"checks,omitempty"` // of a verification that does not hold
	Errors []flaw    `json:"errors,omitempty"` // all that is wrong in a scenario or a fixture, in its order
}

// flaw is one thing that is wrong in a document.
type flaw struct {
	Line   int      `json:"line,omitempty"` // from 1; absent where the document is a fixture in JSON
	Path   string   `json:"path,omitempty"`
	Detail string   `json:"detail"`
	Valid  []string `json:"valid,omitempty"`
}

func (p *Problem) Error() string { return p.Detail }

var errPanicked = errors.New("panicked")

// refuse renders an error. What is not the caller's doing is logged in full and shown in one sentence.
func (c *Control) refuse(r *call, err error) api.Response {
	p := c.problem(r, err)
	if p == nil {
		c.Log.Error().Err(err).Str("op", r.row.ID()).Str("request_id", r.id).Msg("control call failed")
		p = &Problem{Status: http.StatusInternalServerError,
			Detail: "internal error; the simulator's log says more under " + r.id}
	}
	p.Title = http.StatusText(p.Status)
	body, _ := json.Marshal(p) // strings and numbers always marshal
	resp := api.Response{Status: p.Status, ContentType: "application/problem+json", Body: append(body, '\n')}
	switch p.Status {
	case http.StatusUnauthorized:
		resp.Header = map[string]string{"WWW-Authenticate": `Bearer realm="storagesim control"`}
	case http.StatusMethodNotAllowed:
		resp.Header = map[string]string{"Allow": strings.Join(p.Valid, ", ")}
	}
	return resp
}

// problem reads an error as a refusal, or answers nil.
func (c *Control) problem(r *call, err error) *Problem {
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
	switch {
	case errors.As(err, &noWorld):
		return &Problem{Status: http.StatusNotFound, Detail: fmt.Sprintf(
			"world %q does not exist; POST /_sim/worlds makes one, GET /_sim/worlds lists them", noWorld.World)}
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
	switch {
	case errors.As(err, &kind):
		return &Problem{Status: http.StatusBadRequest, Detail: kind.Error(), Valid: kind.Valid}
	case errors.As(err, &delay):
		return &Problem{Status: http.StatusBadRequest, Detail: delay.Error(), Valid: delay.Valid}
	case errors.As(err, &illegal):
		return &Problem{Status: http.StatusConflict, Detail: illegal.Error(), Valid: texts(illegal.Cause.Takes)}
	case errors.As(err, &nothing), errors.As(err, &notReached):
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

// closest answers the few paths that look most like the one that was asked for.
func closest(asked string, paths []string) []string {
	list := slices.Compact(slices.Sorted(slices.Values(paths)))
	far := make(map[string]int, len(list))
	for _, path := range list {
		far[path] = distance(asked, path)
	}
	slices.SortStableFunc(list, func(a, b string) int { return far[a] - far[b] })
	return list[:min(5, len(list))]
}

// distance is how many characters must be inserted, removed or replaced to make b of a (Levenshtein).
func distance(a, b string) int {
	const enough = 200 // a longer path is compared by its beginning
	a, b = a[:min(len(a), enough)], b[:min(len(b), enough)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left, diagonal := i+1, i
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j] = left
			left = min(left+1, diagonal+1, change)
		}
		row[len(b)] = left
	}
	return row[len(b)]
}
