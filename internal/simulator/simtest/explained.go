package simtest

import (
	"net/http"

	"github.com/stretchr/testify/require"

	"storagesim/internal/control/explaintest"
)

// Explained ends the test if the explanation of a vendor's error response does not pass explaintest.Check. It accepts
// any other response.
func (s *Server) Explained(a Response) {
	s.tb.Helper()
	if !explaintest.Refused(a.Status) {
		return
	}
	id := a.Header.Get("X-Sim-Request-Id")
	require.NotEmpty(s.tb, id, "the response %d %s has no X-Sim-Request-Id", a.Status, a.Body)
	e := s.Must(http.StatusOK, http.MethodGet, "/_sim/requests/"+id+"/explain", "", "Authorization", "")
	_, err := explaintest.Check(a.Status, a.Header.Get("X-Sim-Fault") != "", []byte(e.Body))
	require.NoError(s.tb, err, "%d %s", a.Status, a.Body)
}
