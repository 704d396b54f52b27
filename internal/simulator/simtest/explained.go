package simtest

import (
	"net/http"

	"github.com/stretchr/testify/require"
)

// Explained says that a vendor's refusal can be explained: every 4xx and 503 has a cause, in words and as data, and says
// what would have worked. Answers that are neither pass.
func (s *Server) Explained(a Answer) {
	s.tb.Helper()
	if a.Status < http.StatusBadRequest || a.Status >= http.StatusInternalServerError && a.Status != http.StatusServiceUnavailable {
		return
	}
	id := a.Header.Get("X-Sim-Request-Id")
	require.NotEmpty(s.tb, id, "the answer %d %s is not marked", a.Status, a.Body)
	e := s.Must(http.StatusOK, http.MethodGet, "/_sim/requests/"+id+"/explain", "", "Authorization", "")
	require.NotEmpty(s.tb, e.Text(".why"), e.Body)
	if a.Header.Get("X-Sim-Fault") != "" {
		require.Contains(s.tb, e.Text(".why"), "on purpose")
		return
	}
	require.NotNil(s.tb, e.Get(".cause"), "%d %s has no cause: %s", a.Status, a.Body, e.Body)
	require.NotNil(s.tb, e.Get(".wouldWork[0]"), "%d %s: nothing would have worked: %s", a.Status, a.Body, e.Body)
	if cause, ok := e.Get(".cause").(map[string]any); ok {
		for _, form := range causeForms {
			if _, is := cause[form.member]; is {
				require.Contains(s.tb, form.statuses, a.Status, "%s explains a %d by %s", e.Body, a.Status, form.what)
			}
		}
	}
}

// causeForms are the forms of a cause, known by a member that only they have, and the statuses that each can be behind.
var causeForms = [...]struct {
	member, what string
	statuses     []int
}{
	{"current", "an ETag", []int{http.StatusPreconditionFailed}},
	{"roles", "a permission", []int{http.StatusUnauthorized, http.StatusForbidden}},
	{"takes", "a guard", []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusServiceUnavailable}},
}
